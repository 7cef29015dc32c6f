//! Sessions.

use chinwag::domain::session::Session;
use chinwag::domain::{SessionId, Timestamp, UserId};

use super::Fixture;

conformance!(
    a_session_is_kept_as_it_is,
    a_session_rotates_once_for_each_generation,
    one_of_two_rotations_at_once_wins,
    an_ended_session_is_not_rotated,
    an_expired_session_is_not_rotated,
    a_session_ends_once,
    a_new_password_ends_the_other_sessions,
);

async fn kept(store: &Fixture, id: SessionId) -> Session {
    store.session(id).await.unwrap().unwrap()
}

fn later(session: &Session, seconds: i64) -> Timestamp {
    Timestamp(session.created_at.0 + seconds * 1_000_000)
}

async fn a_session_is_kept_as_it_is(store: &Fixture) {
    let ada = store.register("ada").await;
    let session = store.login(ada).await;
    assert_eq!(store.session(session.id).await.unwrap(), Some(session));
    assert_eq!(store.session(SessionId::new()).await.unwrap(), None);
}

async fn a_session_rotates_once_for_each_generation(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let (at, expires_at) = (later(&session, 60), later(&session, 7_200));
    assert!(store.rotate_session(session.id, 0, at, expires_at).await.unwrap());
    let rotated = Session { generation: 1, rotated_at: at, expires_at, ..session.clone() };
    assert_eq!(kept(store, session.id).await, rotated);

    for generation in [0, 2, -1] {
        assert!(!store.rotate_session(session.id, generation, later(&session, 90), expires_at).await.unwrap());
    }
    assert_eq!(kept(store, session.id).await, rotated, "a refused rotation changes nothing");
    assert!(store.rotate_session(session.id, 1, later(&session, 120), expires_at).await.unwrap());
    assert!(!store.rotate_session(SessionId::new(), 0, at, expires_at).await.unwrap());
}

async fn one_of_two_rotations_at_once_wins(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let another = store.another().await;
    for generation in 0..10 {
        let (at, expires_at) = (later(&session, 60 + generation), later(&session, 7_200));
        let (one, two) = tokio::join!(
            store.rotate_session(session.id, generation, at, expires_at),
            another.rotate_session(session.id, generation, at, expires_at),
        );
        assert_eq!(u8::from(one.unwrap()) + u8::from(two.unwrap()), 1, "generation {generation}");
        assert_eq!(kept(store, session.id).await.generation, generation + 1);
    }
}

async fn an_ended_session_is_not_rotated(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    store.end_session(session.id, later(&session, 30)).await.unwrap();
    assert!(!store.rotate_session(session.id, 0, later(&session, 60), later(&session, 7_200)).await.unwrap());
    let ended = Session { ended_at: Some(later(&session, 30)), ..session.clone() };
    assert_eq!(kept(store, session.id).await, ended);
}

async fn an_expired_session_is_not_rotated(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let expires_at = later(&session, 100_000);
    assert!(!store.rotate_session(session.id, 0, session.expires_at, expires_at).await.unwrap());
    assert_eq!(kept(store, session.id).await, session);
    let just_before = Timestamp(session.expires_at.0 - 1);
    assert!(store.rotate_session(session.id, 0, just_before, expires_at).await.unwrap());
}

async fn a_session_ends_once(store: &Fixture) {
    let ada = store.register("ada").await;
    let (session, other) = (store.login(ada).await, store.login(ada).await);
    store.end_session(session.id, later(&session, 30)).await.unwrap();
    store.end_session(session.id, later(&session, 60)).await.unwrap();
    store.end_session(SessionId::new(), later(&session, 60)).await.unwrap();
    assert_eq!(kept(store, session.id).await.ended_at, Some(later(&session, 30)));
    assert_eq!(kept(store, other.id).await, other);
}

async fn a_new_password_ends_the_other_sessions(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let keep = store.login(ada).await;
    let (one, two, over, long_ended) =
        (store.login(ada).await, store.login(ada).await, store.login(ada).await, store.login(ada).await);
    let bobs = store.login(bob).await;
    store.end_session(long_ended.id, later(&keep, 10)).await.unwrap();
    // Expires one minute after the login, and so before the change.
    assert!(store.rotate_session(over.id, 0, later(&over, 1), later(&over, 60)).await.unwrap());

    let at = later(&keep, 1_000);
    let mut ended = store.change_password(ada, "new hash", keep.id, at).await.unwrap();
    let mut expected = vec![one.id, two.id];
    ended.sort();
    expected.sort();
    assert_eq!(ended, expected);
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("new hash"));
    assert_eq!(store.credentials("ada").await.unwrap().unwrap().password_hash, "new hash");
    assert_eq!(kept(store, keep.id).await, keep);
    assert_eq!(kept(store, one.id).await.ended_at, Some(at));
    assert_eq!(kept(store, two.id).await.ended_at, Some(at));
    assert_eq!(kept(store, long_ended.id).await.ended_at, Some(later(&keep, 10)));
    assert_eq!(kept(store, bobs.id).await, bobs);
    assert_eq!(store.password_hash(bob).await.unwrap().as_deref(), Some("hash"));
    assert_eq!(store.change_password(ada, "newer hash", keep.id, at).await.unwrap(), []);
    assert_eq!(store.password_hash(UserId::new()).await.unwrap(), None);
}
