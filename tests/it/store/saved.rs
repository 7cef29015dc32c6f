//! Saved messages: a bounded list of each user, which shows what the user may see.

use std::sync::Arc;

use chinwag::domain::account::Tombstone;
use chinwag::domain::command::Action;
use chinwag::domain::message::Message;
use chinwag::domain::saved::{SavedMessage, SavedPosition};
use chinwag::domain::{Code, ConversationId, MessageId, Result, UserId};
use chinwag::limits::SAVED_MAX;
use futures_util::future::join_all;

use super::{Fixture, refused, refused_field};

distributed_conformance!(
    a_saved_message_is_listed_as_it_is_now,
    what_a_user_does_not_see_any_more_shows_nothing,
    texts_of_ones_own_conversations_are_saved,
    a_user_has_a_bounded_number_of_saved_messages,
    a_deleted_conversation_has_no_saved_messages,
    a_deleted_user_has_no_saved_messages,
);

async fn save(store: &Fixture, user_id: UserId, message: &Message) -> Result<bool> {
    store.save_message(user_id, message.conversation_id, message.id, store.now()).await
}

async fn listed(store: &Fixture, user_id: UserId) -> Vec<SavedMessage> {
    store.saved_messages(user_id, None, 10_000).await.unwrap()
}

async fn shown(store: &Fixture, user_id: UserId) -> Vec<Option<Message>> {
    listed(store, user_id).await.into_iter().map(|saved| saved.message).collect()
}

async fn room(store: &Fixture) -> (ConversationId, UserId, UserId) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    (store.group("Lunch", ada, &[bob]).await, ada, bob)
}

async fn a_saved_message_is_listed_as_it_is_now(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let other = store.direct(ada, bob).await;
    let first = store.send(id, ada, "one").await;
    let answer = super::Send { reply_to: Some(first.id), ..store.send_of(id, bob, "two") };
    let second = super::fresh(store.commit_one(&answer).await);
    let asked = store.send(other, ada, "and?").await;
    let answer = super::Send { reply_to: Some(asked.id), ..store.send_of(other, bob, "three") };
    let third = super::fresh(store.commit_one(&answer).await);
    for message in [&first, &third, &second] {
        assert_eq!(save(store, bob, message).await, Ok(true));
    }
    assert_eq!(save(store, bob, &third).await, Ok(false), "again");
    assert_eq!(shown(store, bob).await, [Some(second.clone()), Some(third.clone()), Some(first.clone())]);
    assert_eq!(listed(store, ada).await, []);
    let all = listed(store, bob).await;
    let mut after: Option<SavedPosition> = None;
    for expected in &all {
        let page = store.saved_messages(bob, after, 1).await.unwrap();
        assert_eq!(page.as_slice(), std::slice::from_ref(expected));
        after = Some(expected.position());
    }
    assert_eq!(store.saved_messages(bob, after, 1).await.unwrap(), []);
    assert_eq!(store.unsave_message(bob, id, second.id).await, Ok(true));
    assert_eq!(store.unsave_message(bob, id, second.id).await, Ok(false), "again");
    assert_eq!(store.unsave_message(ada, id, first.id).await, Ok(false), "it is bob's");
    assert_eq!(listed(store, bob).await, all[1..]);
    assert_eq!(store.head(id).await.unwrap(), Some(2), "it takes no number");
}

async fn what_a_user_does_not_see_any_more_shows_nothing(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let (kept, deleted) = (store.send(id, ada, "kept").await, store.send(id, ada, "deleted").await);
    for message in [&kept, &deleted] {
        save(store, bob, message).await.unwrap();
    }
    store.alter(id, ada, Action::DeleteMessage { message_id: deleted.id }).await.unwrap();
    assert_eq!(shown(store, bob).await, [None, Some(kept.clone())]);
    store.remove(id, ada, bob).await;
    assert_eq!(shown(store, bob).await, [None, None]);
    assert_eq!(refused(save(store, bob, &kept).await), Code::NotFound);
    assert_eq!(store.unsave_message(bob, id, deleted.id).await, Ok(true), "also without seeing it");
    store.add(id, ada, bob, chinwag::domain::conversation::Role::Member).await;
    assert_eq!(shown(store, bob).await, [Some(kept)]);
}

async fn texts_of_ones_own_conversations_are_saved(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let (eve, message) = (store.register("eve").await, store.send(id, ada, "one").await);
    let added = store.add(id, ada, eve, chinwag::domain::conversation::Role::Member).await;
    assert_eq!(refused(save(store, bob, &added).await), Code::Forbidden);
    store.remove(id, ada, eve).await;
    let unknown = Message { id: MessageId::new(), ..message.clone() };
    let elsewhere = Message { conversation_id: store.direct(ada, bob).await, ..message.clone() };
    let nowhere = Message { conversation_id: ConversationId::new(), ..message.clone() };
    for (user, message) in [(eve, &message), (bob, &unknown), (bob, &elsewhere), (bob, &nowhere)] {
        assert_eq!(refused(save(store, user, message).await), Code::NotFound);
    }
    store.alter(id, ada, Action::DeleteMessage { message_id: message.id }).await.unwrap();
    assert_eq!(refused(save(store, bob, &message).await), Code::NotFound);
    assert_eq!(listed(store, bob).await, []);
}

async fn a_user_has_a_bounded_number_of_saved_messages(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let mut messages = Vec::new();
    for number in 0..SAVED_MAX + 5 {
        messages.push(store.send(id, ada, &number.to_string()).await);
    }
    let (first, last) = messages.split_at(usize::try_from(SAVED_MAX).unwrap() - 2);
    for message in first {
        save(store, bob, message).await.unwrap();
    }
    let other: Arc<dyn chinwag::store::Store> = store.another().await;
    let at_once = last.iter().enumerate().map(async |(index, message)| {
        let store: &dyn chinwag::store::Store = if index % 2 == 0 { &*other } else { &*store.store };
        store.save_message(bob, id, message.id, message.timestamp).await
    });
    let results = join_all(at_once).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2, "{results:?}");
    let refusal = results.into_iter().find(Result::is_err).unwrap();
    assert_eq!(refused_field(refusal), "message_id");
    assert_eq!(listed(store, bob).await.len(), messages.len() - 5);
    assert_eq!(save(store, bob, &first[0]).await, Ok(false), "again");
    assert_eq!(save(store, ada, &first[0]).await, Ok(true), "others have their own");
    store.unsave_message(bob, id, first[0].id).await.unwrap();
    assert_eq!(save(store, bob, &first[0]).await, Ok(true));
}

async fn a_deleted_conversation_has_no_saved_messages(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let (other, mut kept) = (store.group("Supper", ada, &[bob]).await, Vec::new());
    for number in 0..5 {
        let message = store.send(id, ada, &number.to_string()).await;
        for user in [ada, bob] {
            save(store, user, &message).await.unwrap();
        }
        kept.push(store.send(other, ada, &number.to_string()).await);
        save(store, bob, &kept[number]).await.unwrap();
    }
    store.delete_conversation(id, ada).await.unwrap();
    assert_eq!(shown(store, ada).await, vec![None; 5], "until they are swept");
    while store.sweep_deleted(2).await.unwrap() {}
    assert_eq!(listed(store, ada).await, []);
    assert_eq!(shown(store, bob).await, kept.into_iter().rev().map(Some).collect::<Vec<_>>());
}

async fn a_deleted_user_has_no_saved_messages(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    for number in 0..20 {
        let message = store.send(id, ada, &number.to_string()).await;
        for user in [ada, bob] {
            save(store, user, &message).await.unwrap();
        }
    }
    let message = store.send(id, ada, "last").await;
    store.delete_user(bob, &Tombstone::new(), store.now()).await.unwrap();
    assert!(save(store, bob, &message).await.is_err());
    store.sweep(bob).await;
    assert_eq!(store.count("SELECT count(*) FROM saved_messages").await, 20);
    assert_eq!(listed(store, ada).await.len(), 20);
}
