//! The function that commits the messages of one conversation.

use std::sync::Arc;

use chinwag::domain::command::Outcome;
use chinwag::domain::message::Content;
use chinwag::store::NumberedWrites;
use chinwag::store::postgres::Postgres;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};

use super::reach::{Reach, partitioned, reach_of_plan};
use crate::postgres::{group, send, user};
use crate::store::shims::Send;
use crate::support::citus::{distributed_database, functions};
use crate::support::lock_holder::LockHolder;

/// The plan of every statement becomes a notice to the client.
const EXPLAIN_ALL: &str = "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; \
    SET auto_explain.log_level = notice; SET plan_cache_mode = force_custom_plan";

/// Two users, a message, and a second one that answers it and mentions all and one of them.
const CALL: &str = "
    INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at)
        SELECT id, name, name, name, name, '', now() FROM unnest(
            '{0198c0de-0000-7000-8000-00000000000a,0198c0de-0000-7000-8000-00000000000b}'::uuid[], '{ada,bob}'::text[]) AS u (id, name);
    INSERT INTO conversations (id, type, creator_id, created_at)
        SELECT '0198c0de-0000-7000-8000-00000000000c', 'group', id, now() FROM users WHERE username = 'ada';
    INSERT INTO counters (conversation_id, member_count, active_at) SELECT id, 2, now() FROM conversations;
    INSERT INTO members (conversation_id, user_id, role, joined_at) SELECT c.id, u.id, 'owner', now() FROM conversations c, users u;
    INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp)
        SELECT c.id, 0, '0198c0de-0000-7000-8000-00000000000d', c.creator_id, '', now() FROM conversations c;
    SELECT commit_messages_1('0198c0de-0000-7000-8000-00000000000c', ARRAY['0198c0de-0000-7000-8000-00000000000e'::uuid],
        ARRAY['0198c0de-0000-7000-8000-00000000000a'::uuid], '{hello}', ARRAY['0198c0de-0000-7000-8000-00000000000d'::uuid], ARRAY[now()],
        '{all}', '{1}', ARRAY['0198c0de-0000-7000-8000-00000000000b'::uuid], '{1}', 0)";

#[tokio::test]
async fn each_of_its_statements_reaches_one_conversation() {
    let url = partitioned().await;
    let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let (sender, mut notices) = mpsc::unbounded_channel();
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    tokio::spawn(messages.for_each(move |message| {
        if let Ok(AsyncMessage::Notice(notice)) = message {
            let _ = sender.send(notice.message().to_owned());
        }
        std::future::ready(())
    }));
    client.batch_execute(&functions()).await.unwrap();
    let (setup, call) = CALL.rsplit_once(';').unwrap();
    client.batch_execute(setup).await.unwrap();
    client.batch_execute(EXPLAIN_ALL).await.unwrap();
    let answers: Vec<i64> = client.query_one(call, &[]).await.unwrap().get(0);
    assert_eq!(answers, [1]);
    drop(client); // the last notice comes before the connection ends
    let mut plans = Vec::new();
    while let Some(plan) = notices.recv().await {
        plans.push(plan);
    }
    let changed = [
        "FOR UPDATE",
        "note_kind",
        "ANY(ids",
        "UPDATE counters",
        "UPDATE members",
        "INTO mentions ",
        "INTO mentions_of_all",
    ];
    for statement in changed {
        assert!(plans.iter().any(|plan| plan.contains(statement)), "{statement} was not explained: {plans:#?}");
    }
    for plan in plans {
        assert_ne!(reach_of_plan(&plan, &plan), Reach::Several, "{plan}");
    }
}

/// The rules decide without a lock whom a text mentions. Bob leaves between that and the commit.
#[tokio::test(flavor = "multi_thread")]
async fn mentions_are_decided_again_after_a_change_of_the_members() {
    let url = distributed_database().await;
    let store = Arc::new(Postgres::open(&url).await.unwrap());
    let (ada, bob, cat) = (user(&store, "ada").await, user(&store, "bob").await, user(&store, "cat").await);
    let id = group(&store, ada, vec![bob, cat]).await;
    let holder = LockHolder::new(&url, "SELECT 1 FROM counters FOR UPDATE").await;
    let sending = tokio::spawn({
        let (store, content) = (Arc::clone(&store), Content::parse("@bob, @cat: hello".to_owned()).unwrap());
        async move { store.commit(0, Arc::new([Send { content, ..send(id, ada) }])).await.unwrap().remove(0) }
    });
    holder.waits(1).await;
    let leaves = format!(
        "DELETE FROM members WHERE user_id = '{bob}'; UPDATE counters SET last_seq = 1, member_count = 2;
         INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp, note_kind)
             VALUES ('{id}', 1, gen_random_uuid(), '{bob}', 'Bob left', now(), 'member.left')"
    );
    holder.commit(&leaves).await;
    let Ok(Outcome::Committed(event)) = sending.await.unwrap() else { panic!("the message is committed") };
    let message = event.message.unwrap();
    assert_eq!((message.seq, message.mentions.user_ids), (2, vec![cat]));
}
