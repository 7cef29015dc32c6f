//! The time at which a user was last seen, in everything that shows the user.

use chinwag::domain::account::{AccountChange, Tombstone};
use chinwag::domain::block::NewBlock;
use chinwag::domain::command::Action;
use chinwag::domain::emoji::Emoji;
use chinwag::domain::session::Caller;
use chinwag::domain::user::User;
use chinwag::domain::{Timestamp, UserId};

use super::Fixture;

distributed_conformance!(everything_that_shows_a_user_has_the_time, a_deleted_user_was_never_seen);

async fn everything_that_shows_a_user_has_the_time(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.direct(ada, bob).await;
    let message = store.send(id, ada, "hello").await;
    let emoji = Emoji::parse("👍").unwrap();
    let react = Action::React { message_id: message.id, emoji: emoji.clone(), is_added: true };
    store.alter(id, bob, react).await.unwrap();
    let session = store.login(bob).await;
    let seen = store.now();
    store.set_last_seen(&[bob], seen).await.unwrap();

    let mut shown: Vec<(&str, User)> = Vec::new();
    let mut note = |place, user: User| shown.push((place, user));
    note("user", store.user(bob).await.unwrap().unwrap());
    note("credentials", store.credentials("bob").await.unwrap().unwrap().user);
    note("users", store.users("bob", 1).await.unwrap().remove(0));
    note("users_by_id", store.users_by_id(&[bob], "", 1).await.unwrap().remove(0));
    note("account", store.account(bob).await.unwrap().unwrap().user);
    note("account_of", store.account_of("bob").await.unwrap().unwrap().user);
    note("accounts", store.accounts(&[bob]).await.unwrap().remove(0).user);
    let changed = store.change_account(bob, &AccountChange::default(), seen).await.unwrap().unwrap();
    note("change_account", changed.0.user);
    note("member", store.member(id, bob).await.unwrap().unwrap().user);
    note("members", store.members(id, Some("ada"), 1).await.unwrap().remove(0).user);
    note("reactors", store.reactors(id, message.seq, None, None, 9).await.unwrap().remove(0).1);
    note("reactors with an emoji", store.reactors(id, message.seq, Some(&emoji), None, 9).await.unwrap().remove(0).1);
    note("conversation_view", store.conversation_view(id, ada).await.unwrap().unwrap().peer.unwrap());
    note("conversation_views", store.conversation_views(ada, None, 9).await.unwrap().remove(0).peer.unwrap());
    let caller = Caller { user_id: bob, session_id: session.id, expires_at: session.expires_at };
    note("connect_snapshot", store.connect_snapshot(&caller, None, 1).await.unwrap().unwrap().user);
    store.insert_block(&NewBlock { user_id: ada, blocked_id: bob, created_at: seen }).await.unwrap();
    note("blocks", store.blocks(ada, None, 1).await.unwrap().remove(0).user);
    for (place, user) in shown {
        assert_eq!((user.id, user.last_seen_at), (bob, Some(seen)), "{place}");
    }
}

async fn a_deleted_user_was_never_seen(store: &Fixture) {
    let ada = store.register("ada").await;
    store.set_last_seen(&[ada], store.now()).await.unwrap();
    store.delete_user(ada, &Tombstone::new(), store.now()).await.unwrap().unwrap();
    store.set_last_seen(&[ada], store.now()).await.unwrap();
    assert_eq!(last_seen(store, ada).await, None);
}

async fn last_seen(store: &Fixture, id: UserId) -> Option<Timestamp> {
    store.user(id).await.unwrap().unwrap().last_seen_at
}
