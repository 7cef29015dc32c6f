//! Users.

use std::collections::HashSet;

use chinwag::domain::account::Credentials;
use chinwag::domain::search::Query;
use chinwag::domain::session::Caller;
use chinwag::domain::user::{Name, User};
use chinwag::domain::{Code, SessionId, Timestamp, UserId};
use chinwag::store::search_users;

use super::{Fixture, refused};

distributed_conformance!(
    whoever_arrives_is_told_all_at_once,
    a_user_is_kept_as_they_are,
    usernames_are_unique_whatever_their_case,
    one_of_many_gets_a_username,
    pages_of_users_neither_repeat_nor_skip,
    a_user_is_renamed,
    users_are_last_seen_never_earlier,
    users_who_send_no_receipts_are_named,
);

pub(super) fn usernames(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.username.as_str()).collect()
}

/// Returns the usernames of all users who match a query.
pub(super) async fn find(store: &Fixture, q: &str) -> Vec<String> {
    let query = Query::parse(q).unwrap();
    let page = search_users(&*store.store, query.as_ref(), None, 100).await.unwrap();
    assert_eq!(page.next, None);
    usernames(&page.users).into_iter().map(str::to_owned).collect()
}

async fn a_user_is_kept_as_they_are(store: &Fixture) {
    let ada = store.new_user("Ada.L-1_x", "Ada “Ŀ” 👩‍💻 אבא");
    store.insert_user(&ada, "$argon2id$…").await.unwrap();
    assert_eq!(store.user(ada.id).await.unwrap(), Some(ada.clone()));
    let expected = Credentials { user: ada.clone(), password_hash: "$argon2id$…".to_owned(), is_disabled: false };
    assert_eq!(store.credentials("ada.l-1_x").await.unwrap(), Some(expected));
    assert_eq!(store.password_hash(ada.id).await.unwrap().as_deref(), Some("$argon2id$…"));
    assert_eq!(store.membership_version(ada.id).await.unwrap(), 0);

    let unknown = UserId::new();
    assert_eq!(store.user(unknown).await.unwrap(), None);
    assert_eq!(store.credentials("nobody").await.unwrap(), None);
    assert_eq!(store.password_hash(unknown).await.unwrap(), None);
}

async fn usernames_are_unique_whatever_their_case(store: &Fixture) {
    let ada = store.register("Ada").await;
    for taken in ["Ada", "ada", "ADA"] {
        let other = store.new_user(taken, "Somebody Else");
        assert_eq!(refused(store.insert_user(&other, "other").await), Code::UsernameTaken, "{taken}");
        assert_eq!(store.user(other.id).await.unwrap(), None);
    }
    let Credentials { user: kept, password_hash, .. } = store.credentials("ada").await.unwrap().unwrap();
    assert_eq!((kept.id, kept.username.as_str(), password_hash.as_str()), (ada, "Ada", "hash"));
}

async fn one_of_many_gets_a_username(store: &Fixture) {
    let another = store.another().await;
    let tries: Vec<_> = (0..16)
        .map(|index| {
            let user = store.new_user(if index % 2 == 0 { "grace" } else { "GRACE" }, "Grace");
            let adapter = if index % 3 == 0 { another.clone() } else { store.store.clone() };
            tokio::spawn(async move { adapter.insert_user(&user, "hash").await.map(|()| user.id) })
        })
        .collect();
    let mut winners = Vec::new();
    for result in tries {
        match result.await.unwrap() {
            Ok(id) => winners.push(id),
            Err(error) => assert_eq!(error.code, Code::UsernameTaken),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.credentials("grace").await.unwrap().map(|known| known.user.id), winners.pop());
}

async fn pages_of_users_neither_repeat_nor_skip(store: &Fixture) {
    let mut expected = Vec::new();
    // The order is by bytes: `-` < `.` < `0` < `_` < `a`, whatever the locale.
    for username in ["a-a", "A.A", "a0", "A_a", "aa", "ab", "B-b", "b.b", "x1"] {
        store.register(username).await;
        expected.push(username);
    }
    for (q, expected) in [("", &expected[..]), ("a", &expected[..6])] {
        let query = Query::parse(q).unwrap();
        for limit in [1, 2, 4, 6, 9, 100] {
            let (mut seen, mut after, mut pages) = (Vec::new(), None::<String>, 0);
            loop {
                let page = search_users(&*store.store, query.as_ref(), after.as_deref(), limit).await.unwrap();
                assert!((1..=limit).contains(&page.users.len()));
                seen.extend(page.users.into_iter().map(|user| user.username.as_str().to_owned()));
                pages += 1;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "by {limit}");
            assert_eq!(pages, expected.len().div_ceil(limit), "by {limit}");
        }
    }
    // A method of the store includes the username where it starts.
    for (from, expected) in [("a_a", &["A_a", "aa", "ab"][..]), ("a_a\u{1}", &["aa", "ab", "B-b"]), ("x2", &[])] {
        assert_eq!(usernames(&store.users(from, 3).await.unwrap()), expected);
    }
    let all: Vec<UserId> = store.users("", 100).await.unwrap().iter().map(|user| user.id).collect();
    let some = store.users_by_id(&[all[8], all[0], all[4], UserId::new(), all[2]], "a0", 2).await.unwrap();
    assert_eq!(usernames(&some), ["a0", "aa"]);
}

async fn a_user_is_renamed(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    store.rename_user(ada, &Name::parse("Lady Lovelace").unwrap()).await.unwrap();
    assert_eq!(store.user(ada).await.unwrap().unwrap().name.as_str(), "Lady Lovelace");
    assert_eq!(store.user(bob).await.unwrap().unwrap().name.as_str(), "bob");
}

async fn users_are_last_seen_never_earlier(store: &Fixture) {
    let ids = [store.register("ada").await, store.register("bob").await];
    let cat = store.register("cat").await;
    store.set_last_seen(&ids, Timestamp(5_000_001)).await.unwrap();
    store.set_last_seen(&ids[..1], Timestamp(7_000_001)).await.unwrap();
    store.set_last_seen(&ids, Timestamp(6_000_001)).await.unwrap();
    store.set_last_seen(&[UserId::new()], Timestamp(6_000_001)).await.unwrap();
    store.set_last_seen(&[], Timestamp(9_000_001)).await.unwrap();
    for (id, seen) in [(ids[0], Some(7_000_001)), (ids[1], Some(6_000_001)), (cat, None)] {
        assert_eq!(store.user(id).await.unwrap().unwrap().last_seen_at, seen.map(Timestamp));
    }
}

async fn whoever_arrives_is_told_all_at_once(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let session = store.login(ada).await;
    let id = store.group("Lunch", bob, &[ada]).await;
    store.send(id, bob, "hello").await;
    let caller = |user_id, session_id| Caller { user_id, session_id, expires_at: session.expires_at };
    let arrival = async |caller: &Caller, to, limit| store.connect_snapshot(caller, to, limit).await.unwrap();

    let snapshot = arrival(&caller(ada, session.id), Some(id), 10).await.unwrap();
    assert_eq!(Some(snapshot.user), store.user(ada).await.unwrap());
    assert_eq!(snapshot.membership_version, 1);
    assert_eq!(snapshot.session, Some(session.clone()));
    let conversation = snapshot.conversation.unwrap();
    assert_eq!((conversation.head, HashSet::from_iter(conversation.members)), (1, HashSet::from([ada, bob])));

    assert_eq!(arrival(&caller(ada, session.id), Some(id), 1).await.unwrap().conversation.unwrap().members.len(), 1);
    assert_eq!(arrival(&caller(ada, session.id), None, 10).await.unwrap().conversation, None);
    assert_eq!(arrival(&caller(ada, SessionId::new()), Some(id), 10).await.unwrap().session, None);
    assert_eq!(arrival(&caller(eve, session.id), Some(id), 10).await.unwrap().conversation, None, "they are not in it");
    assert_eq!(arrival(&caller(UserId::new(), session.id), Some(id), 10).await, None);
}

async fn users_who_send_no_receipts_are_named(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    store.set_send_receipts(ada, false).await.unwrap();
    store.set_send_receipts(bob, true).await.unwrap();
    assert_eq!(store.silent_readers(&[ada, bob, cat]).await.unwrap(), [ada]);
    assert_eq!(store.silent_readers(&[]).await.unwrap(), []);
}
