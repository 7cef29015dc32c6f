//! Deletions of accounts.

use chinwag::domain::account::{Departure, Tombstone};
use chinwag::domain::block::NewBlock;
use chinwag::domain::conversation::Role;
use chinwag::domain::session::{Caller, Session, Ticket};
use chinwag::domain::user::Name;
use chinwag::domain::{Code, TicketId, Timestamp, UserId};
use futures_util::future::join_all;

use super::{Fixture, refused};

distributed_conformance!(
    a_deleted_user_leaves_nothing_personal,
    a_retired_username_is_given_to_nobody,
    departures_name_the_successor_and_end_when_all_is_done,
    ; plain: what_others_added_is_swept_in_steps
);

async fn a_deleted_user_leaves_nothing_personal(store: &Fixture) {
    let ada = store.register("ada").await;
    let session = store.login(ada).await;
    let named =
        Session { id: chinwag::domain::SessionId::new(), user_agent: Some("Phone".to_owned()), ..session.clone() };
    store.insert_session(&named).await.unwrap();
    let caller = Caller { user_id: ada, session_id: session.id, expires_at: session.expires_at };
    let ticket = Ticket { id: TicketId::new(), caller, expires_at: session.expires_at };
    assert!(store.insert_ticket(&ticket, session.created_at, 9).await.unwrap());
    let (at, tombstone) = (store.now(), Tombstone::new());
    let mut ended = store.delete_user(ada, &tombstone, at).await.unwrap().unwrap();
    let mut expected = vec![session.id, named.id];
    ended.sort();
    expected.sort();
    assert_eq!(ended, expected);

    let left = store.user(ada).await.unwrap().unwrap();
    assert_eq!((&left.username, &left.name), (&tombstone.username, &tombstone.name));
    assert_eq!(store.session(named.key()).await.unwrap().unwrap().user_agent, None);
    assert_eq!(store.redeem_ticket(ticket.id, Some(ticket.caller.user_id), at).await, Ok(None));
    for key in ["ada", &tombstone.username.key()] {
        assert_eq!((store.credentials(key).await, store.account_of(key).await), (Ok(None), Ok(None)), "{key}");
    }
    assert_eq!((store.account(ada).await, store.password_hash(ada).await), (Ok(None), Ok(None)));
    assert_eq!(store.settings(ada).await, Ok(None));
    assert_eq!(store.users("", 9).await.unwrap(), []);
    assert_eq!(store.user_ids_by_word("", 9).await.unwrap(), []);

    // Calls that were under way bring nothing back.
    store.rename_user(ada, &Name::parse("Ada").unwrap()).await.unwrap();
    store.set_last_seen(&[ada], at).await.unwrap();
    assert_eq!(refused(store.change_password(ada, "hash", "new hash", session.id, at).await), Code::SessionEnded);
    assert_eq!(store.user(ada).await.unwrap(), Some(left));
    assert_eq!(store.rewrite_user_words(i64::MAX, 9).await, Ok(1));
    assert_eq!(store.user_ids_by_word("", 9).await.unwrap(), []);
    assert_eq!(store.delete_user(ada, &Tombstone::new(), at).await, Ok(None));
    assert_eq!(store.delete_user(UserId::new(), &Tombstone::new(), at).await, Ok(None));
}

async fn a_retired_username_is_given_to_nobody(store: &Fixture) {
    let another = store.another().await;
    for round in 0..8 {
        let username = format!("ada{round}");
        let ada = store.register(&username).await;
        // Registrations while the user is being deleted, on another node.
        let tries: Vec<_> = (0..4).map(|_| store.new_user(&username, "Ada")).collect();
        let (tombstone, at) = (Tombstone::new(), store.now());
        let (deleted, registered) = tokio::join!(
            store.delete_user(ada, &tombstone, at),
            join_all(tries.iter().map(|user| another.insert_user(user, "hash")))
        );
        deleted.unwrap().unwrap();
        for outcome in registered {
            assert_eq!(refused(outcome), Code::UsernameTaken, "round {round}");
        }
        let again = store.new_user(&username.to_uppercase(), "Ada");
        assert_eq!(refused(store.insert_user(&again, "hash").await), Code::UsernameTaken);
        assert_eq!(store.user(again.id).await.unwrap(), None);
    }
}

async fn departures_name_the_successor_and_end_when_all_is_done(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let owned = store.group("Owned", ada, &[]).await;
    store.add(owned, ada, bob, Role::Member).await;
    store.add(owned, ada, eve, Role::Admin).await;
    let (joined, alone) = (store.group("Joined", bob, &[ada]).await, store.group("Alone", ada, &[]).await);
    store.direct(ada, bob).await;
    let at = store.now();
    store.delete_user(ada, &Tombstone::new(), at).await.unwrap().unwrap();
    let nil = UserId(uuid::Uuid::nil());
    let departures = async || store.departures((Timestamp(0), nil), 9).await.unwrap();
    assert_eq!(departures().await, [(at, ada)]);
    assert_eq!(store.departures((at, ada), 9).await.unwrap(), [], "no page after it");
    assert_eq!(store.departures((at, nil), 9).await.unwrap(), [(at, ada)]);
    let mut found = store.departures_of(ada, 9).await.unwrap();
    let mut expected = vec![
        Departure { conversation_id: owned, role: Role::Owner, successor: Some(eve) },
        Departure { conversation_id: joined, role: Role::Member, successor: Some(bob) },
        Departure { conversation_id: alone, role: Role::Owner, successor: None },
    ];
    found.sort_by_key(|departure| departure.conversation_id);
    expected.sort_by_key(|departure| departure.conversation_id);
    assert_eq!(found, expected, "and no direct conversation");
    assert_eq!(store.departures_of(ada, 1).await.unwrap().len(), 1);

    store.end_departure(ada, at).await.unwrap();
    assert_eq!(departures().await, [(at, ada)], "groups are left");
    for group in [owned, joined] {
        let successor = Role::Owner;
        if group == owned {
            store
                .alter(group, ada, chinwag::domain::command::Action::SetRole { user_id: eve, role: successor })
                .await
                .unwrap();
        }
        store.remove(group, ada, ada).await;
    }
    store.delete_conversation(alone, ada).await.unwrap();
    store.end_departure(ada, Timestamp(at.0 - 1)).await.unwrap();
    assert_eq!(departures().await, [(at, ada)], "it is too early");
    store.end_departure(ada, at).await.unwrap();
    assert_eq!(departures().await, []);
}

async fn what_others_added_is_swept_in_steps(store: &Fixture) {
    const OTHERS: usize = 7;
    const STEP: usize = 3;
    let ada = store.register("ada").await;
    let mut others = Vec::new();
    for number in 0..OTHERS {
        let other = store.register(&format!("other{number}")).await;
        let direct = store.direct(ada, other).await;
        let group = store.group("Lunch", other, &[ada]).await;
        store.remove(group, ada, ada).await;
        for (user_id, blocked_id) in [(ada, other), (other, ada)] {
            store.insert_block(&NewBlock { user_id, blocked_id, created_at: store.now() }).await.unwrap();
        }
        others.push((other, direct));
    }
    // Those of others stay.
    let (bob, cat) = (others[0].0, others[1].0);
    let kept = store.group("Dinner", bob, &[cat]).await;
    store.remove(kept, cat, cat).await;
    store.insert_block(&NewBlock { user_id: bob, blocked_id: cat, created_at: store.now() }).await.unwrap();
    let left = async || {
        [
            store.count("SELECT count(*) FROM contacts").await,
            store.count("SELECT count(*) FROM blocks").await,
            store.count("SELECT count(*) FROM leavers").await,
        ]
    };
    let all = i64::try_from(OTHERS).unwrap();
    assert_eq!(left().await, [2 * all + 1, 2 * all + 1, all + 1]);
    store.delete_user(ada, &Tombstone::new(), store.now()).await.unwrap().unwrap();

    let another = store.another().await;
    let (mut before, mut steps) = (left().await, 0);
    assert_eq!(before, [2 * all + 1, 2 * all + 1, all + 1], "the deletion does not wait for them");
    while [&store.store, &another][steps % 2].sweep_user(ada, STEP).await.unwrap() {
        let now = left().await;
        let most = i64::try_from(2 * STEP).unwrap();
        assert!(before.iter().zip(now).all(|(before, now)| before - now <= most), "{before:?}, {now:?}");
        (before, steps) = (now, steps + 1);
    }
    assert!(steps >= OTHERS / STEP, "{steps}");
    assert_eq!(left().await, [1, 1, 1]);
    for (other, direct) in others {
        store.send(direct, other, "Are you there?").await;
    }
}
