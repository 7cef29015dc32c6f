//! Leftovers: what a node of an older schema leaves, which is counted nowhere and swept.

use chinwag::domain::Timestamp;
use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::emoji::Emoji;
use chinwag::limits::PINS_MAX;
use chinwag::store::LeftoversCursor;

use super::Fixture;

distributed_conformance!(
    a_message_that_an_older_node_deleted_leaves_nothing,
    mentions_and_saved_messages_that_an_older_node_left_are_swept,
    a_time_that_an_older_node_wrote_is_forgotten,
    tables_are_looked_through_in_steps_again_and_again,
);

/// A node of a schema before the pins and the reactions deletes all messages with this text.
async fn delete_as_before(store: &Fixture, text: &str) {
    store
        .count(&format!(
            "UPDATE messages SET content = '', deleted_at = timestamp WHERE content = '{text}' RETURNING seq"
        ))
        .await;
}

async fn rows(store: &Fixture) -> (i64, i64) {
    (store.count("SELECT count(*) FROM pins").await, store.count("SELECT count(*) FROM reactions").await)
}

async fn a_message_that_an_older_node_deleted_leaves_nothing(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let pin = |message_id| Action::Pin { message_id, is_pinned: true };
    let mut messages = Vec::new();
    for text in ["gone", "stays"] {
        let message = store.send(id, ada, text).await;
        for user in [ada, bob] {
            let emoji = Emoji::parse("\u{1F44D}").unwrap();
            store.alter(id, user, Action::React { message_id: message.id, emoji, is_added: true }).await.unwrap();
        }
        store.alter(id, ada, pin(message.id)).await.unwrap();
        messages.push(message);
    }
    for _ in 2..PINS_MAX {
        let message = store.send(id, ada, "pinned").await;
        store.alter(id, ada, pin(message.id)).await.unwrap();
    }
    delete_as_before(store, "gone").await;
    let one_more = store.send(id, ada, "one more").await;
    let outcome = store.alter(id, ada, pin(one_more.id)).await;
    assert!(matches!(outcome, Ok(Outcome::Committed(_))), "the deleted one does not count: {outcome:?}");
    let one_too_many = store.send(id, ada, "one too many").await;
    assert!(store.alter(id, ada, pin(one_too_many.id)).await.is_err());
    let deleted = store.message_by_id(id, messages[0].id).await.unwrap().unwrap();
    assert!(deleted.reactions.is_empty() && deleted.pinned_at.is_none());

    assert_eq!(rows(store).await, (PINS_MAX + 1, 4));
    let cursor = store.sweep_leftovers(LeftoversCursor::default(), 1_000).await.unwrap();
    assert_eq!(cursor, LeftoversCursor::default(), "that was all of it");
    while store.sweep_reactions(10).await.unwrap() {}
    assert_eq!(rows(store).await, (PINS_MAX, 2));
    assert_eq!(store.message_by_id(id, messages[1].id).await.unwrap().unwrap().reactions.counts()[0].count, 2);
}

/// Mentions, mentions of all, saved messages.
async fn newer_rows(store: &Fixture) -> [i64; 3] {
    [
        store.count("SELECT count(*) FROM mentions").await,
        store.count("SELECT count(*) FROM mentions_of_all").await,
        store.count("SELECT count(*) FROM saved_messages").await,
    ]
}

async fn mentions_and_saved_messages_that_an_older_node_left_are_swept(store: &Fixture) {
    let [ada, bob, cat] = [store.register("ada").await, store.register("bob").await, store.register("cat").await];
    let (lunch, supper) = (store.group("Lunch", ada, &[bob, cat]).await, store.group("Supper", ada, &[bob]).await);
    for (room, text) in [(lunch, "@bob @all stays"), (lunch, "gone"), (supper, "@bob @all stays")] {
        let message = store.send(room, ada, text).await;
        store.save_message(ada, room, message.id, store.now()).await.unwrap();
    }
    let kept = store.send(lunch, ada, "@cat @all").await;
    for user_id in [bob, cat] {
        store.save_message(user_id, lunch, kept.id, store.now()).await.unwrap();
    }
    assert_eq!(newer_rows(store).await, [3, 3, 5]);

    // A node of schema 23 deletes a message, a conversation and a user.
    delete_as_before(store, "@cat @all").await;
    store.count("DELETE FROM messages WHERE seq = 1 AND conversation_id IN (SELECT id FROM conversations WHERE name = 'Supper') RETURNING seq").await;
    store.count("DELETE FROM conversations WHERE name = 'Supper' RETURNING CAST(1 AS bigint)").await;
    store.count("UPDATE users SET deleted_at = created_at WHERE username = 'cat' RETURNING CAST(1 AS bigint)").await;
    let mut cursor = LeftoversCursor::default();
    for _ in 0..6 {
        cursor = store.sweep_leftovers(cursor, 1).await.unwrap();
    }
    assert_eq!(newer_rows(store).await, [1, 1, 3], "an entry of a deleted message stays for its user");
    let saved = store.saved_messages(ada, None, 10).await.unwrap();
    assert_eq!(saved.len(), 2);
    assert_eq!(store.conversation_view(lunch, bob).await.unwrap().unwrap().mention_count, 1);
}

async fn a_time_that_an_older_node_wrote_is_forgotten(store: &Fixture) {
    let [ada, bob] = [store.register("ada").await, store.register("bob").await];
    let seen = Timestamp(1_000_000);
    store.set_last_seen(&[ada, bob], seen).await.unwrap();
    store.set_show_last_seen(ada, false).await.unwrap();
    store.set_show_last_seen(bob, true).await.unwrap();
    let (table, key) = if store.is_distributed() { ("user_states", "user_id") } else { ("users", "id") };
    let column = "(SELECT created_at FROM users WHERE username = 'ada')";
    let set = format!(
        "UPDATE {table} SET last_seen_at = {column} WHERE {key} = (SELECT id FROM users WHERE username = 'ada') RETURNING membership_version"
    );
    store.count(&set).await;
    let last_seen = async |id| store.user(id).await.unwrap().unwrap().last_seen_at;
    assert!(last_seen(ada).await.is_some());
    store.sweep_leftovers(LeftoversCursor::default(), 10).await.unwrap();
    assert_eq!((last_seen(ada).await, last_seen(bob).await), (None, Some(seen)));
}

async fn tables_are_looked_through_in_steps_again_and_again(store: &Fixture) {
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    for text in ["one", "two", "three", "gone"] {
        let message = store.send(id, ada, text).await;
        store.alter(id, ada, Action::Pin { message_id: message.id, is_pinned: true }).await.unwrap();
    }
    delete_as_before(store, "gone").await;
    let mut cursor = LeftoversCursor::default();
    let mut steps = Vec::new();
    for _ in 0..2 {
        cursor = store.sweep_leftovers(cursor, 2).await.unwrap();
        steps.push((cursor.pins.is_some(), rows(store).await.0));
    }
    assert_eq!(steps, [(true, 4), (true, 3)]);
    delete_as_before(store, "one").await;
    for _ in 0..2 {
        cursor = store.sweep_leftovers(cursor, 2).await.unwrap();
    }
    assert_eq!(rows(store).await.0, 2, "it begins again");
}
