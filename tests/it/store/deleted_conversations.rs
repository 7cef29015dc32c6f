//! Deleting conversations, and sweeping the messages of those that are deleted.

use std::collections::HashSet;
use std::sync::Arc;

use chinwag::domain::command::{Action, Command};
use chinwag::domain::conversation::Role;
use chinwag::domain::{Code, ConversationId, MessageId, Timestamp};
use chinwag::store::Store;

use super::conversations::ids_of_views;
use super::shims::ApplyOne;
use super::{Fixture, fresh, refused};

distributed_conformance!(
    only_the_owner_deletes,
    deleting_leaves_nothing,
    a_deleted_conversation_is_swept_in_steps,
    two_processes_sweep_a_conversation_to_its_end,
    who_left_a_deleted_group_is_forgotten_in_steps,
    an_id_is_taken_while_its_conversation_is_deleted,
);

async fn only_the_owner_deletes(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let cat = store.register("cat").await;
    let id = store.group("Lunch", ada, &[bob]).await;
    store.add(id, ada, cat, Role::Admin).await;
    let pair = store.direct(ada, bob).await;
    for (id, actor_id, code) in [
        (id, bob, Code::Forbidden),
        (id, cat, Code::Forbidden),
        (id, eve, Code::NotFound),
        (pair, ada, Code::Forbidden),
        (ConversationId::new(), ada, Code::NotFound),
    ] {
        let versions = store.membership_version(actor_id).await;
        assert_eq!(refused(store.delete_conversation(id, actor_id).await), code);
        assert_eq!(store.membership_version(actor_id).await, versions);
    }
    assert_eq!(store.conversation(id).await.unwrap().unwrap().member_count, 3);
    assert!(store.conversation(pair).await.unwrap().is_some());
}

async fn deleting_leaves_nothing(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let kept = store.group("Dinner", bob, &[ada]).await;
    let send = store.send_of(id, bob, "soon gone");
    let message = fresh(store.commit_one(&send).await);
    let remains = store.send(kept, bob, "remains").await;
    let (adas, bobs) = (store.membership_version(ada).await.unwrap(), store.membership_version(bob).await.unwrap());

    let members = store.delete_conversation(id, ada).await.unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members.into_iter().collect::<HashSet<_>>(), HashSet::from([ada, bob]));
    assert_eq!(store.membership_version(ada).await.unwrap(), adas + 1);
    assert_eq!(store.membership_version(bob).await.unwrap(), bobs + 1);
    assert_eq!(store.conversation(id).await.unwrap(), None);
    assert_eq!(store.conversation_view(id, ada).await.unwrap(), None);
    assert_eq!(store.head(id).await.unwrap(), None);
    assert_eq!(store.member(id, bob).await.unwrap(), None);
    while store.sweep_deleted(1_000).await.unwrap() {}
    assert_eq!(store.message(id, message.id).await.unwrap(), None);
    assert_eq!(store.all(id).await, []);
    assert_eq!(refused(store.commit_one(&send).await), Code::NotFound, "not even a retry");
    assert_eq!(refused(store.delete_conversation(id, ada).await), Code::NotFound);
    assert_eq!(ids_of_views(store, ada).await, [kept]);
    assert_eq!(store.all(kept).await, [remains]);
}

async fn a_deleted_conversation_is_swept_in_steps(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (first, second) = (store.new_group("Lunch", ada, &[bob]), store.new_group("Dinner", ada, &[bob]));
    let kept = store.group("Breakfast", ada, &[bob]).await;
    for id in [first.id, second.id, kept] {
        if id != kept {
            let new = if id == first.id { &first } else { &second };
            store.create_conversation(new).await.unwrap();
        }
        for number in 0..5 {
            let message = store.send(id, bob, &number.to_string()).await;
            let action = Action::DeleteMessage { message_id: message.id };
            let (actor_id, timestamp) = (bob, Timestamp::now());
            let command = Command { conversation_id: id, actor_id, id: MessageId::new(), timestamp, action };
            store.apply(0, Arc::from([command])).await.unwrap().remove(0).unwrap();
        }
    }
    assert!(!store.sweep_deleted(3).await.unwrap(), "nothing is deleted");
    for id in [first.id, second.id] {
        store.delete_conversation(id, ada).await.unwrap();
    }
    // Another process goes on, and deletes no more than it was asked for.
    let another = store.another().await;
    let left = async || store.all(first.id).await.len() + store.all(second.id).await.len();
    let (mut before, mut steps) = (left().await, 0);
    assert!(before > 0);
    loop {
        let adapter: &dyn Store = if steps % 2 == 0 { &*another } else { &*store.store };
        let may_be_more = adapter.sweep_deleted(3).await.unwrap();
        let now = left().await;
        assert!(before - now <= 2 * 3, "{before} and then {now}");
        if !may_be_more {
            break;
        }
        if now > 0 && !store.all(first.id).await.is_empty() {
            assert_eq!(
                refused(store.create_conversation(&first).await),
                Code::IdTaken,
                "old messages must not appear in it"
            );
        }
        (before, steps) = (now, steps + 1);
    }
    assert_eq!((left().await, store.all(kept).await.len()), (0, 5));
    assert_eq!(refused(store.create_conversation(&first).await), Code::IdTaken, "an id is never used again");
}

async fn two_processes_sweep_a_conversation_to_its_end(store: &Fixture) {
    const MESSAGES: usize = 300;
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    for number in 0..MESSAGES {
        store.send(id, bob, &number.to_string()).await;
    }
    store.delete_conversation(id, ada).await.unwrap();
    let another = store.another().await;
    let sweeping = [&store.store, &another].map(|adapter| {
        let adapter = Arc::clone(adapter);
        tokio::spawn(async move { while adapter.sweep_deleted(7).await.unwrap() {} })
    });
    for sweeping in sweeping {
        sweeping.await.unwrap();
    }
    assert_eq!(store.all(id).await, []);
    assert!(!store.sweep_deleted(7).await.unwrap(), "it is known to be swept");
}

async fn who_left_a_deleted_group_is_forgotten_in_steps(store: &Fixture) {
    const LEAVERS: usize = 7;
    const STEP: usize = 3;
    let ada = store.register("ada").await;
    let mut users = Vec::new();
    for number in 0..LEAVERS {
        users.push(store.register(&format!("user{number}")).await);
    }
    let (owned, alone, kept) = (
        store.group("Owned", ada, &users).await,
        store.group("Alone", users[0], &[]).await,
        store.group("Kept", ada, &users).await,
    );
    for id in [owned, kept] {
        for &user_id in &users {
            store.remove(id, user_id, user_id).await;
        }
    }
    store.remove(alone, users[0], users[0]).await;
    let left = async || usize::try_from(store.count("SELECT count(*) FROM leavers").await).unwrap();
    store.delete_conversation(owned, ada).await.unwrap();
    assert_eq!(store.delete_memberless(Timestamp::now(), 9).await, Ok(1));
    let mut before = left().await;
    assert_eq!(before, 2 * LEAVERS + 1, "the deletion does not wait for them");
    while store.sweep_deleted(STEP).await.unwrap() {
        let now = left().await;
        assert!(before - now <= STEP, "{before}, {now}");
        before = now;
    }
    assert_eq!(left().await, LEAVERS, "those of the other group");
}

async fn an_id_is_taken_while_its_conversation_is_deleted(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let another = store.another().await;
    for _ in 0..300 {
        let first = store.new_group("Lunch", ada, &[]);
        store.create_conversation(&first).await.unwrap();
        let second = super::NewConversation { id: first.id, ..store.new_group("Mine", bob, &[]) };
        let (deleted, created) =
            tokio::join!(store.delete_conversation(first.id, ada), another.create_conversation(&second));
        assert_eq!((deleted, refused(created)), (Ok(vec![ada]), Code::IdTaken));
        assert_eq!(store.conversation(first.id).await.unwrap(), None);
    }
}
