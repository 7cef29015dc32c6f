//! Conditions that only a database server has: it is remote, and other nodes write to it too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::conversation::{ConversationKind, NewConversation, Role};
use chinwag::domain::message::Content;
use chinwag::domain::rules::contact::declined;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Code, ConversationId, MessageId, Timestamp, UserId};
use chinwag::store::postgres::Postgres;
use chinwag::store::{Conversations, Heads, Members, Messages, NumberedWrites, Range, Store, Users};

use crate::migration::sessions_wait;
use crate::store::created;
use crate::store::shims::{ApplyOne, Change, Send};
use crate::support::postgres::{connect, database};
use crate::support::postgres_cluster::Cluster;

pub(crate) async fn user(store: &Postgres, name: &str) -> UserId {
    let user = User {
        id: UserId::new(),
        username: Username::parse(name).unwrap(),
        name: Name::parse(name).unwrap(),
        created_at: Timestamp::now(),
        last_seen_at: None,
    };
    store.insert_user(&user, "hash").await.unwrap();
    user.id
}

pub(crate) async fn group(store: &Postgres, creator_id: UserId, other_ids: Vec<UserId>) -> ConversationId {
    let id = ConversationId::new();
    let (kind, created_at) = (ConversationKind::Group, Timestamp::now());
    let new = NewConversation { id, kind, name: None, creator_id, created_at, other_ids, has_quotas: false };
    assert_eq!(store.create_conversation(&new).await, Ok(created(id, true)));
    id
}

pub(crate) fn send(conversation_id: ConversationId, sender_id: UserId) -> Send {
    let content = Content::parse("A message of some length, as people write them to each other.".to_owned()).unwrap();
    Send { conversation_id, id: MessageId::new(), sender_id, content, reply_to: None, timestamp: Timestamp::now() }
}

fn seq(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Committed(event) => event.seq,
        Outcome::Duplicate(message) => message.seq,
        Outcome::Merged | Outcome::NoChange => 0,
    }
}

/// Returns the command by which a member adds a user.
fn adding(conversation_id: ConversationId, actor_id: UserId, user_id: UserId) -> Change {
    let action = Action::AddMember { user_id, role: Role::Member };
    Change { conversation_id, id: MessageId::new(), actor_id, action, timestamp: Timestamp::now() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_write_at_once_leave_neither_gap_nor_duplicate() {
    let url = database().await;
    let (one, other) = tokio::join!(Postgres::open(&url), Postgres::open(&url));
    let (one, other) = (one.unwrap(), other.unwrap());
    let ada = user(&one, "ada").await;
    let eve = user(&one, "eve").await;
    let rooms = [group(&one, ada, vec![eve]).await, group(&one, ada, vec![eve]).await];
    // Both nodes commit the same messages at the same time, in opposite orders of conversations. Faults would show as a deadlock, a
    // gap or a duplicate.
    for _ in 0..50 {
        let sends: Vec<Send> = (0..20).map(|index| send(rooms[index % 2], ada)).collect();
        let reversed: Vec<Send> = sends.iter().rev().cloned().collect();
        let change = Change {
            conversation_id: rooms[0],
            id: MessageId::new(),
            actor_id: ada,
            action: Action::Rename {
                name: chinwag::domain::conversation::GroupName::parse(&MessageId::new().to_string()).unwrap(),
            },
            timestamp: Timestamp::now(),
        };
        let (first, second, renamed, again) = tokio::join!(
            one.commit(0, sends.clone().into()),
            other.commit(0, reversed.clone().into()),
            one.change(1, &change),
            other.change(1, &change)
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        for (a, b) in first.iter().zip(second.iter().rev()) {
            assert_eq!(seq(a.as_ref().unwrap()), seq(b.as_ref().unwrap()));
        }
        let kinds = [renamed.unwrap(), again.unwrap()].map(|outcome| matches!(outcome, Outcome::Committed(_)));
        assert_eq!(kinds.iter().filter(|fresh| **fresh).count(), 1);
    }
    for (room, expected) in rooms.into_iter().zip([550, 500]) {
        let mut seqs: Vec<i64> = Vec::new();
        while let page = one.messages(room, Range::After(seqs.last().copied().unwrap_or(0)), 200).await.unwrap()
            && !page.is_empty()
        {
            seqs.extend(page.iter().map(|message| message.seq));
        }
        assert_eq!(seqs, (1..=expected).collect::<Vec<i64>>());
        assert_eq!(one.head(room).await, Ok(Some(expected)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_lock_conversations_and_users_in_one_order() {
    let url = database().await;
    let (one, other) = tokio::join!(Postgres::open(&url), Postgres::open(&url));
    let (one, other) = (one.unwrap(), other.unwrap());
    let (holder, observer) = (connect(&url).await, connect(&url).await);
    let ada = user(&one, "ada").await;
    let (mut guests, mut rooms) = (Vec::new(), Vec::new());
    for name in ["bob", "cat", "dan"] {
        guests.push(user(&one, name).await);
        rooms.push(group(&one, ada, vec![]).await);
    }
    guests.sort_unstable();
    rooms.sort_unstable();
    let elsewhere = [group(&one, ada, vec![]).await, group(&one, ada, vec![]).await, group(&one, ada, vec![]).await];
    let command = |(&conversation_id, action): (&ConversationId, Action)| Change {
        conversation_id,
        id: MessageId::new(),
        actor_id: ada,
        action,
        timestamp: Timestamp::now(),
    };
    let add = |rooms: &[ConversationId]| -> Vec<Change> {
        let actions = guests.iter().map(|&user_id| Action::AddMember { user_id, role: Role::Member });
        rooms.iter().zip(actions).map(command).collect()
    };
    let remove = guests.iter().map(|&user_id| Action::RemoveMember { user_id });
    let remove: Vec<Change> = rooms.iter().zip(remove).map(command).collect();
    let conversation = format!("SELECT 1 FROM counters WHERE conversation_id = '{}' FOR UPDATE", rooms[1]);
    let guest = format!("SELECT 1 FROM users WHERE id = '{}' FOR UPDATE", guests[1]);
    for (held, first, mut second) in [(conversation, add(&rooms), add(&rooms)), (guest, remove, add(&elsewhere))] {
        second.reverse();
        // Both wait at the row in the middle. With different orders, each would hold the row that the other one needs next.
        holder.batch_execute(&format!("BEGIN; {held}")).await.unwrap();
        let release = async {
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            holder.batch_execute("COMMIT").await.unwrap();
        };
        let (first, second, ()) = tokio::join!(one.apply(0, first.into()), other.apply(0, second.into()), release);
        for outcome in first.unwrap().into_iter().chain(second.unwrap()) {
            outcome.unwrap();
        }
    }
    for guest in guests {
        assert_eq!(one.membership_version(guest).await, Ok(3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_utf8_is_refused() {
    let url = database().await;
    connect(&url).await.batch_execute("CREATE DATABASE ascii_only TEMPLATE template0 ENCODING 'SQL_ASCII'").await.ok();
    let (server, _) = url.rsplit_once('/').unwrap();
    let error = Postgres::open(&format!("{server}/ascii_only")).await.err().unwrap();
    assert!(error.detail.contains("SQL_ASCII"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_at_once() {
    let error = Postgres::open("postgres://u:s3cret@127.0.0.1:1/d").await.err().unwrap();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.detail.contains("127.0.0.1:1") && !error.detail.contains("s3cret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_does_not_spoil_its_connection() {
    let url = database().await;
    let store = Postgres::open(&url).await.unwrap();
    let ada = user(&store, "ada").await;
    for delay in 0..200 {
        let _ = tokio::time::timeout(Duration::from_micros(delay * 5), store.user(ada)).await;
        let _ = tokio::time::timeout(Duration::from_micros(delay * 5), store.membership_version(ada)).await;
    }
    for _ in 0..50 {
        assert_eq!(store.user(ada).await.unwrap().map(|user| user.id), Some(ada));
    }
}

/// Returns the processes that serve a database, without the one of the query.
async fn backends(url: &str) -> Vec<Pid> {
    let client = connect(url).await;
    let others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = client.query(others, &[]).await.unwrap();
    rows.iter().filter_map(|row| Pid::from_raw(row.get(0))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_in_silence_cost_one_time_out() {
    let url = database().await;
    let store = Postgres::open(&url).await.unwrap();
    let ada = user(&store, "ada").await;
    // All connections of the pool, idle for so long that they are checked before use.
    let results = join_all((0..40).map(|_| store.user(ada))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let dead = backends(&url).await;
    assert!(dead.len() > 4, "{dead:?}");
    let signal_all = |signal| dead.iter().try_for_each(|pid| kill_process(*pid, signal));
    signal_all(Signal::STOP).unwrap();
    let answer = store.user(ada).await;
    signal_all(Signal::CONT).unwrap();
    assert_eq!(answer.unwrap().map(|user| user.id), Some(ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_comes_back_is_used_again() {
    let mut cluster = Cluster::start().await;
    let store = Postgres::open(&cluster.database().await).await.unwrap();
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, vec![]).await;
    let first = send(room, ada);
    assert!(matches!(store.commit(0, Arc::new([first.clone()])).await.unwrap()[..], [Ok(Outcome::Committed(_))]));
    tokio::task::block_in_place(|| cluster.restart());
    // The server detects the lost connections by itself, or at the first call.
    let started = Instant::now();
    while store.ping().await.is_err() || store.commit(0, Arc::new([])).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    let mut outcome = store.commit(0, Arc::new([first.clone(), send(room, ada)])).await;
    if let Err(error) = outcome {
        assert_eq!(error.code, Code::Unavailable);
        outcome = store.commit(0, Arc::new([first.clone(), send(room, ada)])).await;
    }
    let outcome = outcome.unwrap();
    assert!(matches!(&outcome[0], Ok(Outcome::Duplicate(message)) if message.seq == 1 && message.id == first.id));
    assert!(matches!(&outcome[1], Ok(Outcome::Committed(message)) if message.seq == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_paused_is_unavailable_in_time_and_loses_nothing() {
    let cluster = Cluster::start().await;
    let store = Postgres::open(&cluster.database().await).await.unwrap();
    let ada = user(&store, "ada").await;
    let eve = user(&store, "eve").await;
    let room = group(&store, ada, vec![]).await;
    store.commit(0, Arc::new([send(room, ada)])).await.unwrap();

    cluster.pause();
    let batch = [send(room, ada), send(room, ada)];
    let change = adding(room, ada, eve);
    let started = Instant::now();
    let (committed, changed, read, pinged) =
        tokio::join!(store.commit(0, batch.clone().into()), store.change(1, &change), store.user(ada), store.ping());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(committed.err().map(|error| error.code), Some(Code::Unavailable));
    assert_eq!(changed.err().map(|error| error.code), Some(Code::Unavailable));
    assert_eq!(read.err().map(|error| error.code), Some(Code::Unavailable));
    assert_eq!(pinged.err().map(|error| error.code), Some(Code::Unavailable));

    cluster.resume();
    // The server may now execute the calls that were given up. The same calls find their result, or do the work.
    let outcomes = store.commit(0, batch.clone().into()).await.unwrap();
    store.change(1, &change).await.unwrap();
    store.ping().await.unwrap();
    let messages = store.messages(room, Range::Newest, 10).await.unwrap();
    assert_eq!(messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for (outcome, command) in outcomes.iter().zip(&batch) {
        let seq = seq(outcome.as_ref().unwrap());
        assert_eq!(store.message(room, command.id).await.unwrap().map(|message| message.seq), Some(seq));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_addition_that_waits_for_a_change_of_the_setting_obeys_it() {
    let url = database().await;
    let store = Arc::new(Postgres::open(&url).await.unwrap());
    let (ada, eve) = (user(&store, "ada").await, user(&store, "eve").await);
    let room = group(&store, ada, Vec::new()).await;
    let (observer, changing) = (connect(&url).await, connect(&url).await);
    changing.batch_execute("BEGIN; UPDATE users SET contact_from = 'nobody' WHERE username = 'eve'").await.unwrap();

    let new = NewConversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        name: None,
        creator_id: ada,
        created_at: Timestamp::now(),
        other_ids: vec![eve],
        has_quotas: false,
    };
    let creating = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.create_conversation(&new).await }
    });
    sessions_wait(&observer, 1).await;
    let adding = tokio::spawn({
        let store = Arc::clone(&store);
        let change = adding(room, ada, eve);
        async move { store.change(0, &change).await }
    });
    sessions_wait(&observer, 2).await;
    changing.batch_execute("COMMIT").await.unwrap();
    assert_eq!(creating.await.unwrap().unwrap().not_added, [eve]);
    assert_eq!(adding.await.unwrap(), Err(declined()));
}
