//! The states of users, which are a table by user on a database that counts as distributed.

use std::sync::Arc;

use chinwag::domain::block::NewBlock;
use chinwag::domain::conversation::direct_key;
use chinwag::domain::{ConversationId, Timestamp};
use chinwag::limits::USER_LOCK_SLOTS;
use chinwag::store::postgres::Postgres;
use chinwag::store::{Blocks, Members, UserSettings, Users};
use tokio::time::timeout;

use crate::postgres::{group, user};
use crate::support::citus::{count_as_distributed, distributed_database, fill};
use crate::support::lock_holder::LockHolder;
use crate::support::postgres::{connect, database};
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;

/// Sums of the columns of users that have become states.
const IN_USERS: &str = "SELECT count(*) FROM users WHERE membership_version > 0 OR blocks_version > 0 OR last_seen_at IS NOT NULL OR new_day IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn no_user_s_row_is_changed_by_daily_life() {
    let url = distributed_database().await;
    let server = Server::with(&["--database-url", &url]).await;
    let (ada, bob) = (server.register("ada").await, server.register("bob").await);
    let room = ada.group("Room", &[&bob]).await;
    drop(bob.connect("/ws").await);
    ada.put(&format!("/v1/users/{}/block", bob.id)).await.expect(204);
    let client = connect(&url).await;
    let seen = async { while !bob.get("/v1/users/me").await.json()["last_seen_at"].is_string() {} };
    timeout(TEST_TIMEOUT, seen).await.expect("a time in last_seen_at");
    ada.delete(&format!("{}/{}", room.members, bob.id)).await.expect(204);
    let hello = bob.open("/ws").await.next_of(&["hello"]).await;
    assert_eq!(hello["membership_version"], 2, "{hello}");
    let changed: i64 = client.query_one(IN_USERS, &[]).await.unwrap().get(0);
    assert_eq!(changed, 0);
    let states = "SELECT membership_version, blocks_version, last_seen_at IS NOT NULL, new_that_day FROM user_states WHERE user_id::text = $1";
    let state = client.query_one(states, &[&bob.id]).await.unwrap();
    assert_eq!((state.get::<_, i64>(0), state.get::<_, i64>(1), state.get::<_, bool>(2)), (2, 1, true));
    let state = client.query_one(states, &[&ada.id]).await.unwrap();
    assert_eq!(state.get::<_, i64>(3), 1, "a conversation that counts for a quota");
    server.stopped().await;
}

/// The transaction that creates the conversation holds all locks of users, and commits while the block waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_marks_a_direct_conversation_that_was_created_while_it_waited() {
    let url = distributed_database().await;
    let store = Postgres::open(&url).await.unwrap();
    let (ada, bob) = (user(&store, "ada").await, user(&store, "bob").await);
    let id = ConversationId::new();
    for is_block in [true, false] {
        connect(&url).await.batch_execute("DELETE FROM conversations").await.unwrap();
        let locks = format!(
            "SELECT pg_advisory_xact_lock({}, slot) FROM generate_series(0, {}) AS w (slot)",
            0x7573_6572,
            USER_LOCK_SLOTS - 1
        );
        let holder = LockHolder::new(&url, &locks).await;
        let changing = async {
            if is_block {
                store.insert_block(&NewBlock { user_id: ada, blocked_id: bob, created_at: Timestamp(1) }).await
            } else {
                store.delete_block(ada, bob).await
            }
        };
        let creating = async {
            holder.waits(1).await;
            let (users, key) = ([ada, bob].map(|user| user.to_string()), direct_key(ada, bob));
            let rows = format!(
                "INSERT INTO conversations (id, type, creator_id, created_at, direct_key) VALUES ('{id}', 'direct', '{0}', now(), '{key}'); \
                 INSERT INTO counters (conversation_id, member_count, active_at) VALUES ('{id}', 2, now()); \
                 INSERT INTO members (conversation_id, user_id, role, joined_at, is_blocked) \
                 SELECT '{id}', u, 'member', now(), {is_unmarked} FROM unnest(ARRAY['{0}', '{1}']::uuid[]) AS w (u)",
                users[0],
                users[1],
                is_unmarked = !is_block,
            );
            holder.commit(&rows).await;
        };
        let (changed, ()) = tokio::join!(changing, creating);
        assert_eq!(changed, Ok(true));
        let marked = store.member(id, bob).await.unwrap().unwrap().is_blocked;
        assert_eq!(marked, is_block);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_users_before_the_distribution_is_kept_and_a_second_one_changes_nothing() {
    let url = database().await;
    let store = Postgres::open(&url).await.unwrap();
    let (ada, bob) = (user(&store, "ada").await, user(&store, "bob").await);
    group(&store, ada, vec![bob]).await;
    store.set_last_seen(&[ada], Timestamp(1_000_000)).await.unwrap();
    count_as_distributed(&url).await;
    let client = connect(&url).await;
    client.batch_execute(&fill()).await.unwrap();
    let store = Postgres::open(&url).await.unwrap();
    assert_eq!(store.membership_version(bob).await, Ok(1));
    assert_eq!(store.user(ada).await.unwrap().unwrap().last_seen_at, Some(Timestamp(1_000_000)));
    group(&store, ada, vec![bob]).await;
    client.batch_execute(&fill()).await.unwrap();
    assert_eq!(store.membership_version(bob).await, Ok(2));
}

/// The time is in a row that is not committed, so that only the lock of the user keeps the setting from missing it.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_hides_while_they_are_seen_leaves_no_time() {
    let url = distributed_database().await;
    let store = Arc::new(Postgres::open(&url).await.unwrap());
    let ada = user(&store, "ada").await;
    let holder = LockHolder::of_commits(&url, "user_states").await;
    let seen = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.set_last_seen(&[ada], Timestamp(1_000_000)).await }
    });
    holder.waits(1).await;
    let hidden = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.set_show_last_seen(ada, false).await }
    });
    holder.waits(2).await;
    holder.release().await;
    assert_eq!((seen.await.unwrap(), hidden.await.unwrap()), (Ok(()), Ok(())));
    assert_eq!(store.user(ada).await.unwrap().unwrap().last_seen_at, None);
}
