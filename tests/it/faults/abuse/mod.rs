//! One user with many sockets attacks the node, with all rate limits on. Another user's sends all succeed, the node stays ready, and its
//! memory has a bound. `make faults FAULT=abuse` attacks for longer, and holds the sends' times to a bound as well: the suite does not, because
//! its tests run at the same time.

mod crowd;
mod fill;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::client::{Conversation, TestUser, get, try_send_request};
use crate::support::node::Node;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;
use chinwag::limits::CONTENT_BYTES_MAX;

on_each_store! {
    unread_pages,
    groups_of_many,
    renames,
    searches,
    wrong_passwords,
    connections_that_begin,
}

/// Pause between two sends of the bystander.
const PAUSE: Duration = Duration::from_millis(10);
/// Sends of the bystander before the attack, and in each round of it: in the suite, and in `make faults`.
const SENDS: [usize; 2] = [30, 100];
/// The suite attacks with a part of the tasks, because its server is not optimised.
const SUITE_SHARE: usize = 4;
/// The time in which the server must acknowledge 99 of 100 of the bystander's sends, however quick they are alone.
const SEND_MAX: Duration = Duration::from_millis(250);
/// Connections that the bystander opens before the attack, and in each round of it.
const HELLOS: usize = 5;
/// The time until `hello`. Before it left the turn, it was 7 to 10 s among thousands of groups.
const HELLO_MAX: Duration = Duration::from_secs(1);
/// Far more than the share of one user, and far less than the process had when nothing was bounded.
const GROWTH_MAX: usize = 200 * 1024 * 1024;

struct Fixture {
    store: StoreKind,
    node: Node,
    mallory: TestUser,
    grace: TestUser,
    room: Conversation,
}

/// A task that attacks until it is told to stop. The number tells it apart from the others.
type Attack = fn(TestUser, Conversation, usize) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl Fixture {
    async fn set(store: StoreKind) -> Self {
        let mut node = Node::on(store).await;
        node.arguments.extend(["--rate-limits=on", "--trusted-proxies=127.0.0.0/8"].map(str::to_owned));
        node.start().await;
        let (mallory, grace) = (node.register("mallory").await, node.register("grace").await);
        let joan = node.register("joan").await;
        let room = grace.direct(&joan).await;
        Self { store, node, mallory, grace, room }
    }

    /// Sends as the bystander. Returns the times in which the sends were acknowledged, in order of length.
    async fn send(&self, run: &FaultRun) -> Vec<Duration> {
        let mut times = Vec::new();
        for _ in 0..run.full_size(SENDS[0], SENDS[1]) {
            let started = Instant::now();
            let sent = self.grace.post(&self.room.messages, &json!({"content": "undisturbed"})).await;
            sent.expect(201);
            times.push(started.elapsed());
            if times.len() % 10 == 0 {
                get(self.node.address, "/readyz").await.expect(200);
            }
            sleep(PAUSE).await;
        }
        times.sort_unstable();
        times
    }

    /// Opens connections as the bystander. Returns the longest time until `hello`.
    async fn connect(&self) -> Duration {
        let mut longest = Duration::ZERO;
        for _ in 0..HELLOS {
            let started = Instant::now();
            self.grace.connect("/ws").await;
            longest = longest.max(started.elapsed());
        }
        longest
    }

    /// Attacks with this many tasks, and a conversation of the attacker's, while the bystander sends.
    async fn withstand(&self, name: &'static str, tasks: usize, own: Conversation, attack: Attack) {
        let run = FaultRun::new(name);
        let (alone, hello_alone) = (self.send(&run).await, self.connect().await);
        let before = self.node.memory().now;
        let stop = watch::Sender::new(false);
        let mut attackers = JoinSet::new();
        let tasks = run.full_size(tasks / SUITE_SHARE, tasks);
        for number in 0..tasks {
            let (mallory, own, stop) = (self.mallory.clone(), own.clone(), stop.subscribe());
            attackers.spawn(async move {
                let mut number = number;
                while !*stop.borrow() {
                    attack(mallory.clone(), own.clone(), number).await;
                    number += tasks;
                }
            });
        }
        let (mut times, mut hello) = (Vec::new(), Duration::ZERO);
        for _ in 0..run.rounds(1) {
            times.extend(self.send(&run).await);
            hello = hello.max(self.connect().await);
        }
        times.sort_unstable();
        let memory = self.node.memory();
        stop.send_replace(true);
        attackers.join_all().await;

        let store = self.store;
        let percentile = |times: &[Duration]| times[times.len() - 1 - times.len() / 100];
        let (alone, beside) = (percentile(&alone), percentile(&times));
        run.print(format!(
            "{store:?}: p99 of a send alone {alone:.1?}, beside {name} {beside:.1?}; hello {hello_alone:.1?}, {hello:.1?}; {memory:?}, before {before}"
        ));
        assert!(memory.peak < before + GROWTH_MAX, "{memory:?}, before {before}");
        if run.is_thorough() {
            assert!(beside <= SEND_MAX.max(5 * alone), "{alone:?} alone, {beside:?} beside {name}");
            assert!(hello <= HELLO_MAX.max(5 * hello_alone), "{hello_alone:?} alone, {hello:?} beside {name}");
        }
    }
}

/// Sends a request whose answer does not matter. Returns it if there is one.
async fn try_request(user: &TestUser, method: Method, path: &str, body: Option<&Value>) -> Option<u16> {
    user.try_call(method, path, body).await.ok().map(|answer| answer.status)
}

async fn unread_pages(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let monologue = fixture.mallory.group("Monologue", &[]).await;
    let text = "\u{1}".repeat(CONTENT_BYTES_MAX);
    for _ in 0..12 {
        fixture.mallory.send(&monologue, &text).await;
    }
    fixture
        .withstand("unread_pages", 100, monologue, |mallory, own, number| {
            Box::pin(async move {
                let page = format!("{}?limit=200", own.messages);
                let target = ["/v1/conversations?limit=200", &page][number % 2];
                let Ok(mut socket) = TcpStream::connect(mallory.address).await else { return };
                let request =
                    format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", mallory.token);
                let _ = socket.write_all(request.repeat(20).as_bytes()).await;
                sleep(Duration::from_millis(500)).await;
            })
        })
        .await;
}

async fn groups_of_many(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Own", &[]).await;
    fixture
        .withstand("groups_of_many", 70, own, |mallory, _, _| {
            Box::pin(async move {
                let strangers: Vec<uuid::Uuid> = (0..400).map(|_| uuid::Uuid::now_v7()).collect();
                let group = json!({"type": "group", "member_ids": strangers});
                try_request(&mallory, Method::POST, "/v1/conversations", Some(&group)).await;
                try_request(
                    &mallory,
                    Method::POST,
                    "/v1/conversations",
                    Some(&json!({"type": "group", "member_ids": []})),
                )
                .await;
            })
        })
        .await;
}

async fn renames(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Own", &[]).await;
    fixture
        .withstand("renames", 50, own, |mallory, own, number| {
            Box::pin(async move {
                let name = json!({"name": format!("Mallory {number}")});
                try_request(&mallory, Method::PATCH, "/v1/users/me", Some(&name)).await;
                try_request(&mallory, Method::PATCH, &own.path, Some(&name)).await;
            })
        })
        .await;
}

async fn searches(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Own", &[]).await;
    fixture
        .withstand("searches", 30, own, |mallory, _, number| {
            Box::pin(async move {
                try_request(&mallory, Method::GET, &format!("/v1/users?q=nobody{number}"), None).await;
                try_request(&mallory, Method::GET, "/v1/users?q=a%20b%20c", None).await;
            })
        })
        .await;
}

async fn wrong_passwords(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Own", &[]).await;
    fixture
        .withstand("wrong_passwords", 110, own, |mallory, _, number| {
            Box::pin(async move {
                // Networks enough to have more account calls than passwords can be compared.
                let address = format!("2001:db8:{:x}::1", number % 0x1000);
                let headers = [("content-type", "application/json"), ("x-forwarded-for", address.as_str())];
                let body = json!({"username": format!("user{number}"), "password": "a wrong one"}).to_string();
                let _ = try_send_request(mallory.address, Method::POST, "/v1/users/login", &headers, body).await;
            })
        })
        .await;
}

async fn connections_that_begin(store: StoreKind) {
    let fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Own", &[]).await;
    // In groups of their own, a connection asks for the co-members of all of them.
    join_all((0..50).map(|number| {
        let mallory = fixture.mallory.clone();
        async move { mallory.group(&format!("Group {number}"), &[]).await }
    }))
    .await;
    fixture
        .withstand("connections_that_begin", 40, own, |mallory, _, _| {
            Box::pin(async move {
                let bearer = format!("Bearer {}", mallory.token);
                if let Ok(mut socket) = Socket::open(mallory.address, "/ws", &[("authorization", &bearer)]).await {
                    socket.first().await;
                }
            })
        })
        .await;
}
