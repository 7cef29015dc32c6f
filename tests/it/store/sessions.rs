//! Sessions.

use chinwag::domain::session::{Session, SessionKey};
use chinwag::domain::{Code, SessionId, Timestamp, UserId};
use chinwag::limits::{SESSIONS_PER_USER_MAX, SESSIONS_SWEPT};

use super::{Fixture, refused};

distributed_conformance!(
    a_session_is_kept_as_it_is,
    a_session_rotates_once_for_each_generation,
    one_of_two_rotations_at_once_wins,
    an_ended_session_is_not_rotated,
    an_expired_session_is_not_rotated,
    a_session_ends_once,
    a_new_password_ends_the_other_sessions,
    the_live_sessions_of_a_user_are_listed,
    a_session_that_is_over_is_not_live,
    one_ends_only_ones_own_sessions,
    an_insert_sweeps_some_expired_sessions,
    a_login_too_many_ends_the_oldest_session,
);

async fn kept(store: &Fixture, key: SessionKey) -> Session {
    store.session(key).await.unwrap().unwrap()
}

/// Returns the key of a session that does not exist.
fn no_session() -> SessionKey {
    SessionKey { user_id: UserId::new(), id: SessionId::new() }
}

fn later(session: &Session, seconds: i64) -> Timestamp {
    Timestamp(session.created_at.0 + seconds * 1_000_000)
}

async fn a_session_is_kept_as_it_is(store: &Fixture) {
    let ada = store.register("ada").await;
    let session = store.login(ada).await;
    assert_eq!(store.session(session.key()).await.unwrap(), Some(session.clone()));
    let named = Session { id: SessionId::new(), user_agent: Some("Ŀynx/2.9".to_owned()), ..session };
    store.insert_session(&named).await.unwrap();
    assert_eq!(store.session(named.key()).await.unwrap(), Some(named.clone()));
    assert_eq!(store.session(no_session()).await.unwrap(), None);
    assert_eq!(store.session(SessionKey { user_id: UserId::new(), ..named.key() }).await.unwrap(), None);
    assert_eq!(store.session_by_id(named.id).await.unwrap(), Some(named));
    assert_eq!(store.session_by_id(SessionId::new()).await.unwrap(), None);
}

async fn a_session_rotates_once_for_each_generation(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let (at, expires_at) = (later(&session, 60), later(&session, 7_200));
    assert!(store.rotate_session(session.key(), 0, at, expires_at).await.unwrap());
    let rotated = Session { generation: 1, rotated_at: at, expires_at, ..session.clone() };
    assert_eq!(kept(store, session.key()).await, rotated);

    for generation in [0, -1] {
        assert!(!store.rotate_session(session.key(), generation, later(&session, 90), expires_at).await.unwrap());
    }
    assert_eq!(kept(store, session.key()).await, rotated, "a refused rotation changes nothing");
    assert!(store.rotate_session(session.key(), 1, later(&session, 120), expires_at).await.unwrap());
    assert!(!store.rotate_session(no_session(), 0, at, expires_at).await.unwrap());
    let of_another = SessionKey { user_id: UserId::new(), ..session.key() };
    assert!(!store.rotate_session(of_another, 2, at, expires_at).await.unwrap());

    // A client got this generation after the backup that was restored.
    assert!(store.rotate_session(session.key(), 7, later(&session, 150), expires_at).await.unwrap());
    assert_eq!(kept(store, session.key()).await.generation, 8);
    assert!(!store.rotate_session(session.key(), 7, later(&session, 150), expires_at).await.unwrap());
}

async fn one_of_two_rotations_at_once_wins(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let another = store.another().await;
    for generation in 0..10 {
        let (at, expires_at) = (later(&session, 60 + generation), later(&session, 7_200));
        let (one, two) = tokio::join!(
            store.rotate_session(session.key(), generation, at, expires_at),
            another.rotate_session(session.key(), generation, at, expires_at),
        );
        assert_eq!(u8::from(one.unwrap()) + u8::from(two.unwrap()), 1, "generation {generation}");
        assert_eq!(kept(store, session.key()).await.generation, generation + 1);
    }
}

async fn an_ended_session_is_not_rotated(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    store.end_session(session.key(), later(&session, 30)).await.unwrap();
    assert!(!store.rotate_session(session.key(), 0, later(&session, 60), later(&session, 7_200)).await.unwrap());
    let ended = Session { ended_at: Some(later(&session, 30)), ..session.clone() };
    assert_eq!(kept(store, session.key()).await, ended);
}

async fn an_expired_session_is_not_rotated(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let expires_at = later(&session, 100_000);
    assert!(!store.rotate_session(session.key(), 0, session.expires_at, expires_at).await.unwrap());
    assert_eq!(kept(store, session.key()).await, session);
    let just_before = Timestamp(session.expires_at.0 - 1);
    assert!(store.rotate_session(session.key(), 0, just_before, expires_at).await.unwrap());
}

async fn a_session_ends_once(store: &Fixture) {
    let ada = store.register("ada").await;
    let (session, other) = (store.login(ada).await, store.login(ada).await);
    store.end_session(session.key(), later(&session, 30)).await.unwrap();
    store.end_session(session.key(), later(&session, 60)).await.unwrap();
    store.end_session(no_session(), later(&session, 60)).await.unwrap();
    store.end_session(SessionKey { user_id: UserId::new(), ..other.key() }, later(&session, 60)).await.unwrap();
    assert_eq!(kept(store, session.key()).await.ended_at, Some(later(&session, 30)));
    assert_eq!(kept(store, other.key()).await, other);
}

async fn a_new_password_ends_the_other_sessions(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let keep = store.login(ada).await;
    let (one, two, over, long_ended) =
        (store.login(ada).await, store.login(ada).await, store.login(ada).await, store.login(ada).await);
    let bobs = store.login(bob).await;
    store.end_session(long_ended.key(), later(&keep, 10)).await.unwrap();
    // Expires one minute after the login, and so before the change.
    assert!(store.rotate_session(over.key(), 0, later(&over, 1), later(&over, 60)).await.unwrap());

    let at = later(&keep, 1_000);
    let mut ended = store.change_password(ada, "hash", "new hash", keep.id, at).await.unwrap();
    let mut expected = vec![one.id, two.id];
    ended.sort();
    expected.sort();
    assert_eq!(ended, expected);
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("new hash"));
    assert_eq!(store.credentials("ada").await.unwrap().unwrap().password_hash, "new hash");
    assert_eq!(kept(store, keep.key()).await, keep);
    assert_eq!(kept(store, one.key()).await.ended_at, Some(at));
    assert_eq!(kept(store, two.key()).await.ended_at, Some(at));
    assert_eq!(kept(store, long_ended.key()).await.ended_at, Some(later(&keep, 10)));
    assert_eq!(kept(store, bobs.key()).await, bobs);
    assert_eq!(store.password_hash(bob).await.unwrap().as_deref(), Some("hash"));
    let late = store.change_password(ada, "hash", "another hash", keep.id, at).await;
    assert_eq!(refused(late), Code::SessionEnded, "somebody else set a password meanwhile");
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("new hash"));
    assert_eq!(store.change_password(ada, "new hash", "newer hash", keep.id, at).await.unwrap(), []);
    assert_eq!(store.password_hash(UserId::new()).await.unwrap(), None);
}

async fn the_live_sessions_of_a_user_are_listed(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(store.login(ada).await);
        store.login(bob).await;
    }
    let (ended, expired) = (sessions.remove(1), sessions.remove(2));
    store.end_session(ended.key(), later(&ended, 1)).await.unwrap();
    assert!(store.rotate_session(expired.key(), 0, later(&expired, 1), later(&expired, 60)).await.unwrap());
    let at = later(&expired, 60);
    sessions.reverse();
    assert_eq!(store.sessions_of(ada, at, None, 9).await.unwrap(), sessions, "the latest first");
    assert_eq!(store.sessions_of(ada, at, None, 2).await.unwrap(), sessions[..2]);
    assert_eq!(store.sessions_of(ada, at, Some(sessions[0].id), 9).await.unwrap(), sessions[1..]);
    assert_eq!(store.sessions_of(UserId::new(), at, None, 9).await.unwrap(), []);
}

async fn one_ends_only_ones_own_sessions(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (session, expired) = (store.login(ada).await, store.login(ada).await);
    let at = later(&session, 30);
    assert!(!store.end_session_of(bob, session.id, at).await.unwrap());
    assert!(!store.end_session_of(ada, SessionId::new(), at).await.unwrap());
    assert_eq!(kept(store, session.key()).await, session);
    assert!(store.end_session_of(ada, session.id, at).await.unwrap());
    assert_eq!(kept(store, session.key()).await.ended_at, Some(at));
    assert!(!store.end_session_of(ada, session.id, later(&session, 60)).await.unwrap(), "it has ended");
    assert!(!store.end_session_of(ada, expired.id, expired.expires_at).await.unwrap(), "it has expired");
}

async fn an_insert_sweeps_some_expired_sessions(store: &Fixture) {
    let ada = store.register("ada").await;
    let swept = usize::try_from(SESSIONS_SWEPT).unwrap();
    let first = store.login(ada).await;
    let mut keys = Vec::new();
    // Of several users, because one has no more than [`SESSIONS_PER_USER_MAX`].
    let users = [ada, store.register("bob").await, store.register("cat").await];
    for number in 0..swept + 5 {
        let session = Session { id: SessionId::new(), user_id: users[number % users.len()], ..first.clone() };
        store.insert_session(&session).await.unwrap();
        keys.push(session.key());
    }
    let insert = async |at: Timestamp| {
        let session = Session::new(ada, at, Timestamp(at.0 + 1));
        store.insert_session(&session).await.unwrap();
        store.live_sessions(&keys, Timestamp(0)).await.unwrap().len()
    };
    assert_eq!(insert(Timestamp(first.expires_at.0 - 1)).await, swept + 5);
    // The first session and the one of the line above may be among those that are deleted.
    let left = insert(first.expires_at).await;
    assert!((5..=7).contains(&left), "{left}: a small batch at a time");
    assert_eq!(insert(Timestamp(first.expires_at.0 + 1)).await, 0);
}

async fn a_session_that_is_over_is_not_live(store: &Fixture) {
    let session = store.login(store.register("ada").await).await;
    let live = async |at| store.live_sessions(&[session.key()], at).await.unwrap();
    assert_eq!(live(Timestamp(session.expires_at.0 - 1)).await, [session.id]);
    assert_eq!(live(session.expires_at).await, []);
}

async fn a_login_too_many_ends_the_oldest_session(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let bobs = store.login(bob).await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS_PER_USER_MAX + 2 {
        sessions.push(store.login(ada).await.key());
    }
    assert_eq!(kept(store, bobs.key()).await.ended_at, None);
    let mut live = store.live_sessions(&sessions, store.now()).await.unwrap();
    live.sort_unstable();
    let latest: Vec<SessionId> = sessions[2..].iter().map(|key| key.id).collect();
    assert_eq!(live, latest, "ids sort by the time of the login");
}
