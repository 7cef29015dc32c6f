//! Accounts.

use chinwag::domain::account::{Account, AccountChange};
use chinwag::domain::quotas::Quotas;
use chinwag::domain::{Code, SessionId, Timestamp, UserId};

use super::{Fixture, refused};

distributed_conformance!(
    an_account_is_kept_as_it_is,
    a_change_leaves_the_other_fields,
    a_disabled_user_has_no_sessions_and_no_password_that_matches,
    sessions_that_ended_lately_are_found,
);

async fn an_account_is_kept_as_it_is(store: &Fixture) {
    let root =
        Account { user: store.new_user("Root", "Ŀ"), is_admin: true, disabled_at: None, quotas: Quotas::DEFAULT };
    store.insert_account(&root, "hash").await.unwrap();
    let ada = store.register("ada").await;
    assert_eq!(store.account(root.user.id).await.unwrap().as_ref(), Some(&root));
    assert_eq!(store.account_of("root").await.unwrap().as_ref(), Some(&root));
    assert_eq!(store.user(root.user.id).await.unwrap().as_ref(), Some(&root.user));
    let account = store.account(ada).await.unwrap().unwrap();
    assert_eq!((account.user.id, account.is_admin, account.disabled_at), (ada, false, None));
    let taken = Account { user: store.new_user("ROOT", "x"), ..root.clone() };
    assert_eq!(refused(store.insert_account(&taken, "hash").await), Code::UsernameTaken);
    let mut all = store.accounts(&[ada, UserId::new(), root.user.id]).await.unwrap();
    all.sort_by_key(|account| account.user.username.key());
    assert_eq!(all, [account, root]);
    assert_eq!((store.account(UserId::new()).await, store.account_of("x").await), (Ok(None), Ok(None)));
}

async fn a_change_leaves_the_other_fields(store: &Fixture) {
    let ada = store.register("ada").await;
    let session = store.login(ada).await;
    let at = store.now();
    let mut expected = store.account(ada).await.unwrap().unwrap();
    let change = async |change: AccountChange| store.change_account(ada, &change, at).await.unwrap().unwrap();
    let nothing = AccountChange::default;
    assert_eq!(change(nothing()).await, (expected.clone(), vec![]));
    expected.is_admin = true;
    assert_eq!(change(AccountChange { is_admin: Some(true), ..nothing() }).await, (expected.clone(), vec![]));
    let change_of_hash = AccountChange { password_hash: Some("new".to_owned()), ..nothing() };
    assert_eq!(change(change_of_hash).await, (expected.clone(), vec![session.id]));
    assert_eq!(store.password_hash(ada).await.unwrap().as_deref(), Some("new"));
    assert_eq!(store.change_account(UserId::new(), &nothing(), at).await, Ok(None));
}

async fn a_disabled_user_has_no_sessions_and_no_password_that_matches(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (one, two, bobs) = (store.login(ada).await, store.login(ada).await, store.login(bob).await);
    let change = |disabled| AccountChange { disabled: Some(disabled), ..AccountChange::default() };
    let (at, later) = (store.now(), store.now());
    let (account, mut ended) = store.change_account(ada, &change(true), at).await.unwrap().unwrap();
    ended.sort();
    let mut expected = vec![one.id, two.id];
    expected.sort();
    assert_eq!((account.disabled_at, ended), (Some(at), expected));
    assert_eq!(store.live_sessions(&[one.key(), two.key(), bobs.key()], store.now()).await.unwrap(), [bobs.id]);

    // An older version compares this text with the password.
    let hash = async || store.password_hash(ada).await.unwrap().unwrap();
    let credentials = async || store.credentials("ada").await.unwrap().unwrap();
    assert_eq!(hash().await, "!hash");
    assert_eq!((credentials().await.password_hash.as_str(), credentials().await.is_disabled), ("hash", true));
    let refused_change = store.change_password(ada, "hash", "hers", SessionId::new(), at).await;
    assert_eq!(refused(refused_change), Code::SessionEnded, "a request from before");
    assert_eq!(hash().await, "!hash");

    let (again, ended) = store.change_account(ada, &change(true), later).await.unwrap().unwrap();
    assert_eq!((again.disabled_at, ended), (Some(at), vec![]), "it is disabled since then");
    let reset = AccountChange { password_hash: Some("reset".to_owned()), ..AccountChange::default() };
    store.change_account(ada, &reset, later).await.unwrap().unwrap();
    assert_eq!(hash().await, "!reset");
    let (enabled, _) = store.change_account(ada, &change(false), later).await.unwrap().unwrap();
    assert_eq!((enabled.disabled_at, hash().await.as_str()), (None, "reset"));
    assert!(!credentials().await.is_disabled);
}

async fn sessions_that_ended_lately_are_found(store: &Fixture) {
    let ada = store.register("ada").await;
    let mut ids = Vec::new();
    for second in 1..=3 {
        let session = store.login(ada).await;
        store.end_session(session.key(), Timestamp(second * 1_000_000)).await.unwrap();
        ids.push(session.id);
    }
    store.login(ada).await;
    // Sessions that ended in one moment follow each other by their ids.
    let same = [store.login(ada).await.key(), store.login(ada).await.key()];
    for key in same {
        store.end_session(key, Timestamp(4_000_000)).await.unwrap();
    }
    ids.extend(same.map(|key| key.id));
    let first = SessionId(uuid::Uuid::nil());
    let found = async |after: (i64, SessionId), limit| {
        let found = store.ended_sessions((Timestamp(after.0), after.1), limit).await.unwrap();
        found.into_iter().map(|(at, id)| (at.0, id)).collect::<Vec<_>>()
    };
    let all: Vec<_> = [1_000_000, 2_000_000, 3_000_000, 4_000_000, 4_000_000].into_iter().zip(ids).collect();
    assert_eq!(found((0, first), 9).await, all, "none that is live");
    for limit in 1..=5 {
        let (mut pages, mut after) = (Vec::new(), (0, first));
        loop {
            let page = found(after, limit).await;
            let Some(last) = page.last() else { break };
            after = *last;
            pages.extend(page);
        }
        assert_eq!(pages, all, "in pages of {limit}");
    }
}
