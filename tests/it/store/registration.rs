//! Registration.

use std::time::Duration;

use chinwag::domain::registration::{Invite, RegistrationMode};
use chinwag::domain::{Code, Timestamp};

use super::{Fixture, refused};

distributed_conformance!(
    a_mode_is_kept_until_it_is_removed,
    an_invitation_is_used_up_in_the_transaction_that_inserts_a_user,
    an_invitation_expires_and_is_swept,
);

async fn a_mode_is_kept_until_it_is_removed(store: &Fixture) {
    let another = store.another().await;
    assert_eq!(store.registration_mode().await.unwrap(), None);
    for mode in [RegistrationMode::Invite, RegistrationMode::Closed, RegistrationMode::Open, RegistrationMode::Open] {
        store.set_registration_mode(Some(mode)).await.unwrap();
        assert_eq!(another.registration_mode().await.unwrap(), Some(mode));
    }
    for _ in 0..2 {
        store.set_registration_mode(None).await.unwrap();
        assert_eq!(another.registration_mode().await.unwrap(), None);
    }
}

async fn insert(store: &Fixture, hash: &str, uses: u64, now: Timestamp) {
    let invite = Invite::new(hash.to_owned(), uses, Duration::from_secs(60), now).unwrap();
    store.insert_invite(&invite).await.unwrap();
}

async fn an_invitation_is_used_up_in_the_transaction_that_inserts_a_user(store: &Fixture) {
    let now = store.now();
    insert(store, "twice", 2, now).await;
    store.register("taken").await;
    let user = async |username: &str, hash: &str| {
        let user = store.new_user(username, username);
        store.insert_invited_user(&user, "hash", hash, now).await.map(|()| user.id)
    };
    assert_eq!(refused(user("taken", "twice").await), Code::UsernameTaken);
    assert_eq!(refused(user("ada", "unknown").await), Code::Invalid);
    let ada = user("ada", "twice").await.unwrap();
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("hash"));
    assert_eq!(refused(user("Ada", "twice").await), Code::UsernameTaken);
    user("grace", "twice").await.unwrap();
    assert_eq!(refused(user("joan", "twice").await), Code::Invalid);
    assert!(store.credentials("joan").await.unwrap().is_none());
}

async fn an_invitation_expires_and_is_swept(store: &Fixture) {
    let now = store.now();
    insert(store, "early", 9, now).await;
    let later = now.plus(Duration::from_secs(60));
    let (in_time, late) = (store.new_user("ada", "Ada"), store.new_user("grace", "Grace"));
    store.insert_invited_user(&in_time, "hash", "early", Timestamp(later.0 - 1)).await.unwrap();
    assert_eq!(refused(store.insert_invited_user(&late, "hash", "early", later).await), Code::Invalid);
    // The next one deletes it, so its hash can be inserted again.
    insert(store, "next", 1, later).await;
    insert(store, "early", 1, later).await;
    store.insert_invited_user(&late, "hash", "early", later).await.unwrap();
}
