//! Honest clients never notice the limits: a bot at the rate that is documented, and an office behind one address.

use std::time::Duration;

use chinwag::limits::ACCOUNT_CALLS;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, interval_at};

use crate::support::client::{TestUser, get};
use crate::support::rng::FaultRun;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_bot_with_fifty_sends_a_second_is_served,
}

/// Sends of the bot in a second.
const RATE: u32 = 50;
/// Sends that a user may make at once.
const AT_ONCE: usize = 500;
/// Members of the office, and connections of each of them: in the suite, and in `make faults`.
const MEMBERS: [usize; 2] = [2 * ACCOUNT_CALLS.burst as usize, 500];
const DEVICES: [usize; 2] = [9, 2];

/// Sends until the server refuses a message, and returns the number of those that it took. A bucket that still has tokens would hide a rate
/// that is too low.
async fn send_until_refused(socket: &mut Socket) -> usize {
    const FRAMES: usize = 50;
    let mut taken = 0;
    loop {
        for _ in 0..FRAMES {
            socket.send(&json!({"type": "message.send", "content": "all at once"})).await;
        }
        let mut refused = 0;
        for _ in 0..FRAMES {
            let answer = socket.next_of(&["message.new", "error"]).await;
            if answer["type"] == "error" {
                assert_eq!(answer["code"], "rate_limited", "{answer}");
                refused += 1;
            }
        }
        taken += FRAMES - refused;
        if refused > 0 {
            return taken;
        }
    }
}

async fn a_bot_with_fifty_sends_a_second_is_served(store: StoreKind) {
    const SECONDS: u32 = 4;
    let server = Server::on(store).await;
    let (bot, grace) = (server.register("bot").await, server.register("grace").await);
    let room = bot.direct(&grace).await;
    let (mut sends, mut hears) = (bot.connect(&room.socket).await, grace.connect("/ws").await);
    let taken = send_until_refused(&mut sends).await;
    assert!(taken >= AT_ONCE, "only {taken} at once");
    assert_eq!(hears.next_seqs(taken).await.len(), taken);
    // Now the bot has what it gets in each second, and nothing else. By turns over both transports, which share one rate.
    let sending = async {
        let pause = Duration::from_secs(1) / RATE;
        let mut ticks = interval_at(Instant::now() + pause, pause);
        for number in 0..SECONDS * RATE {
            ticks.tick().await;
            if number % 2 == 0 {
                sends.send(&json!({"type": "message.send", "content": "beep"})).await;
            } else {
                bot.send(&room, "boop").await;
            }
        }
    };
    let count = usize::try_from(SECONDS * RATE).unwrap();
    let (seqs, ()) = tokio::join!(hears.next_seqs(count), sending);
    let first = i64::try_from(taken).unwrap() + 1;
    assert_eq!(seqs, (first..).take(count).collect::<Vec<_>>());
    assert_eq!(sends.next_seqs(count).await, seqs, "nothing was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_behind_one_address_works() {
    /// Logins at a time: as many passwords as a busy machine compares in a moment.
    const LOGINS_AT_ONCE: usize = 8;
    let run = FaultRun::new("an_office_behind_one_address_works");
    let server = Server::start().await;
    let boss = server.register("boss").await;
    let (members, devices) = (run.full_size(MEMBERS[0], MEMBERS[1]), run.full_size(DEVICES[0], DEVICES[1]));
    // Registrations are limited by address, so the operator has made the accounts.
    let offline = server.take_offline().await;
    offline.execute(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {members})
         INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at)
         SELECT randomblob(16), 'member' || i, 'member' || i, 'M', 'm', (SELECT password_hash FROM users), 0 FROM n"
    ));
    let server = offline.bring_online().await;
    let logins = stream::iter(1..=members).map(|number| {
        let address = server.address;
        async move { TestUser::login(address, &format!("member{number}")).await }
    });
    let users: Vec<TestUser> = logins.buffer_unordered(LOGINS_AT_ONCE).collect().await;
    let room = boss.group("Office", &users.iter().collect::<Vec<_>>()).await;
    // All at once, as after a restart of the server: more sockets than there are people in the office.
    let connects = (0..devices).flat_map(|_| &users).map(|user| user.connect("/ws"));
    let mut sockets = join_all(connects).await;
    join_all(users.iter().map(|user| user.send(&room, "good morning"))).await;
    for socket in &mut sockets {
        assert_eq!(socket.next_seqs(users.len()).await.last(), Some(&i64::try_from(members).unwrap()));
    }
    join_all(users.iter().map(async |user| user.get(&room.messages).await.expect(200))).await;
    get(server.address, "/readyz").await.expect(200);
}
