//! Contacts.

use std::collections::HashSet;

use chinwag::domain::account::Tombstone;
use chinwag::domain::conversation::Role;
use chinwag::domain::{ConversationId, UserId};
use chinwag::limits;

use super::Fixture;

distributed_conformance!(
    who_begins_or_adds_has_a_contact_and_the_other_does_not,
    an_answer_makes_a_contact_and_a_message_in_a_group_does_not,
    answers_are_looked_for_at_both_ends_of_a_direct_conversation,
    contacts_go_with_either_user,
    a_user_who_is_being_deleted_becomes_nobodys_contact,
    one_question_takes_a_thousand_users,
);

impl Fixture {
    async fn has_contact(&self, user_id: UserId, contact_id: UserId) -> bool {
        let found = self.users_with_contact(&[user_id], contact_id).await.unwrap();
        assert!(found.is_empty() || found == [user_id]);
        !found.is_empty()
    }

    async fn send_many(&self, id: ConversationId, sender_id: UserId, count: usize) {
        for _ in 0..count {
            self.send(id, sender_id, "Hello").await;
        }
    }
}

async fn who_begins_or_adds_has_a_contact_and_the_other_does_not(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let (dan, eve) = (store.register("dan").await, store.register("eve").await);
    store.direct(ada, bob).await;
    let group = store.group("Lunch", ada, &[cat]).await;
    store.add(group, ada, dan, Role::Admin).await;
    store.add(group, dan, eve, Role::Member).await;
    for (user_id, contact_id) in [(ada, bob), (ada, cat), (ada, dan), (dan, eve)] {
        assert!(store.has_contact(user_id, contact_id).await);
        assert!(!store.has_contact(contact_id, user_id).await);
    }
    for (user_id, contact_id) in [(ada, eve), (cat, dan), (ada, ada)] {
        assert!(!store.has_contact(user_id, contact_id).await);
    }
    // Once more, by other conversations.
    store.group("Again", ada, &[bob, cat]).await;
    store.remove(group, ada, eve).await;
    store.add(group, dan, eve, Role::Member).await;
    assert!(store.has_contact(ada, bob).await && store.has_contact(dan, eve).await);
    // A contact outlives the conversation.
    store.delete_conversation(group, ada).await.unwrap();
    assert!(store.has_contact(dan, eve).await);
}

async fn an_answer_makes_a_contact_and_a_message_in_a_group_does_not(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (direct, group) = (store.direct(ada, bob).await, store.group("Lunch", ada, &[bob]).await);
    store.send(direct, ada, "Hello?").await;
    store.send(group, bob, "Hello all").await;
    assert!(!store.has_contact(bob, ada).await);
    store.send(direct, bob, "Hello").await;
    assert!(store.has_contact(bob, ada).await);
}

async fn answers_are_looked_for_at_both_ends_of_a_direct_conversation(store: &Fixture) {
    let (ada, bob, cat, dan) = (
        store.register("ada").await,
        store.register("bob").await,
        store.register("cat").await,
        store.register("dan").await,
    );
    let most = limits::CONTACT_MESSAGES_MAX;
    // How many messages come before the only answer and after it, and whether it is found.
    for (other, before, after, found) in
        [(bob, most - 1, most + 1, true), (cat, most + 1, most - 1, true), (dan, most, most, false)]
    {
        let id = store.direct(ada, other).await;
        store.send_many(id, ada, before).await;
        store.send(id, other, "Hello").await;
        store.send_many(id, ada, after).await;
        assert_eq!(store.has_contact(other, ada).await, found, "after {before}, before {after}");
    }
}

async fn contacts_go_with_either_user(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    store.group("Lunch", ada, &[bob, cat]).await;
    let direct = store.direct(ada, bob).await;
    store.send(direct, bob, "Hello").await;
    store.group("Dinner", cat, &[ada]).await;
    let (bob_gone, cat_gone) = (Tombstone::new(), Tombstone::new());
    let (first, second) =
        tokio::join!(store.delete_user(bob, &bob_gone, store.now()), store.delete_user(cat, &cat_gone, store.now()));
    first.unwrap().unwrap();
    second.unwrap().unwrap();
    for other in [bob, cat] {
        assert!(!store.has_contact(other, ada).await, "at once");
    }
    // Two nodes sweep at once, each a row at a time.
    let sweep = async |user_id| while store.sweep_user(user_id, 1).await.unwrap() {};
    tokio::join!(sweep(bob), sweep(cat));
    for other in [bob, cat] {
        assert!(!store.has_contact(ada, other).await, "swept");
    }
}

async fn a_user_who_is_being_deleted_becomes_nobodys_contact(store: &Fixture) {
    let another = store.another().await;
    for round in 0..8 {
        let [ada, bob, cat] = [0, 1, 2].map(|user| format!("user{round}-{user}"));
        let (ada, bob, cat) = (store.register(&ada).await, store.register(&bob).await, store.register(&cat).await);
        let group = store.group("Lunch", ada, &[]).await;
        let new = store.new_group("Dinner", ada, &[bob, cat]);
        let (tombstone, at) = (Tombstone::new(), store.now());
        let adding = chinwag::domain::command::Action::AddMember { user_id: bob, role: Role::Member };
        let (deleted, _, _) = tokio::join!(
            another.delete_user(bob, &tombstone, at),
            store.alter(group, ada, adding),
            store.create_conversation(&new)
        );
        deleted.unwrap().unwrap();
        while store.sweep_user(bob, 1).await.unwrap() {}
        assert!(!store.has_contact(ada, bob).await, "round {round}");
    }
}

async fn one_question_takes_a_thousand_users(store: &Fixture) {
    let ada = store.register("ada").await;
    let mut users = Vec::new();
    for index in 0..limits::INITIAL_MEMBERS_MAX {
        users.push(store.register(&format!("user{index}")).await);
    }
    let mut expected = HashSet::new();
    for (index, &user_id) in users.iter().enumerate().step_by(100) {
        if index % 200 == 0 {
            store.group("Lunch", user_id, &[ada]).await;
            expected.insert(user_id);
        } else {
            store.direct(ada, user_id).await;
        }
    }
    let found = store.users_with_contact(&users, ada).await.unwrap();
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
    assert_eq!(store.users_with_contact(&[], ada).await.unwrap(), []);
}
