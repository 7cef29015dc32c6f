//! Tickets.

use chinwag::domain::session::{Caller, Ticket};
use chinwag::domain::{SessionId, TicketId, Timestamp, UserId};
use tokio::task::JoinSet;

use super::Fixture;

distributed_conformance!(
    a_ticket_is_taken_once,
    of_many_who_ask_for_a_ticket_one_gets_it,
    a_ticket_expires,
    a_user_has_only_so_many_tickets,
    expired_tickets_go,
);

const MANY: i64 = 1_000;

/// Returns a ticket that is valid for 30 s from `at`.
fn ticket(user_id: UserId, at: Timestamp) -> Ticket {
    let caller = Caller { user_id, session_id: SessionId::new(), expires_at: later(at, 900) };
    Ticket { id: TicketId::new(), caller, expires_at: later(at, 30) }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(time.0 + seconds * 1_000_000)
}

async fn a_ticket_is_taken_once(store: &Fixture) {
    let (ada, now) = (store.register("ada").await, store.now());
    let (one, other) = (ticket(ada, now), ticket(ada, now));
    for ticket in [&one, &other] {
        assert!(store.insert_ticket(ticket, now, MANY).await.unwrap());
    }
    assert_eq!(store.redeem_ticket(TicketId::new(), Some(ada), now).await.unwrap(), None);
    assert_eq!(store.redeem_ticket(one.id, Some(UserId::new()), now).await.unwrap(), None, "another user's");
    assert_eq!(store.redeem_ticket(one.id, Some(one.caller.user_id), now).await.unwrap(), Some(one.caller));
    assert_eq!(store.redeem_ticket(one.id, Some(one.caller.user_id), now).await.unwrap(), None, "not twice");
    assert_eq!(
        store.another().await.redeem_ticket(one.id, Some(one.caller.user_id), now).await.unwrap(),
        None,
        "nor elsewhere"
    );
    assert_eq!(
        store.another().await.redeem_ticket(other.id, None, now).await.unwrap(),
        Some(other.caller),
        "but once anywhere"
    );
}

async fn of_many_who_ask_for_a_ticket_one_gets_it(store: &Fixture) {
    let (ada, now) = (store.register("ada").await, store.now());
    let stores = [store.another().await, store.another().await];
    for _ in 0..20 {
        let ticket = ticket(ada, now);
        assert!(store.insert_ticket(&ticket, now, MANY).await.unwrap());
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let (store, id) = (stores[number % 2].clone(), ticket.id);
            let user_id = (number < 4).then_some(ada); // as a token of either form
            tasks.spawn(async move { store.redeem_ticket(id, user_id, now).await.unwrap() });
        }
        let callers: Vec<Caller> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(callers, [ticket.caller]);
    }
}

async fn a_ticket_expires(store: &Fixture) {
    let (ada, now) = (store.register("ada").await, store.now());
    let (late, just_in_time) = (ticket(ada, now), ticket(ada, now));
    for ticket in [&late, &just_in_time] {
        assert!(store.insert_ticket(ticket, now, MANY).await.unwrap());
    }
    assert_eq!(store.redeem_ticket(late.id, Some(late.caller.user_id), late.expires_at).await.unwrap(), None);
    let before = Timestamp(just_in_time.expires_at.0 - 1);
    assert_eq!(
        store.redeem_ticket(just_in_time.id, Some(just_in_time.caller.user_id), before).await.unwrap(),
        Some(just_in_time.caller)
    );
}

async fn a_user_has_only_so_many_tickets(store: &Fixture) {
    let (ada, grace, now) = (store.register("ada").await, store.register("grace").await, store.now());
    let first = ticket(ada, now);
    assert!(store.insert_ticket(&first, now, 2).await.unwrap());
    assert!(store.insert_ticket(&ticket(ada, later(now, 1)), now, 2).await.unwrap());
    let refused = ticket(ada, now);
    assert!(!store.insert_ticket(&refused, now, 2).await.unwrap());
    assert_eq!(store.redeem_ticket(refused.id, Some(refused.caller.user_id), now).await.unwrap(), None);
    assert!(store.insert_ticket(&ticket(grace, now), now, 2).await.unwrap(), "others' do not count");

    store.redeem_ticket(first.id, Some(first.caller.user_id), now).await.unwrap().unwrap();
    assert!(store.insert_ticket(&ticket(ada, later(now, 1)), now, 2).await.unwrap(), "nor do used ones");
    assert!(!store.insert_ticket(&ticket(ada, now), now, 2).await.unwrap());
    let then = later(now, 31);
    assert!(store.insert_ticket(&ticket(ada, then), then, 1).await.unwrap(), "nor do expired ones");
}

async fn expired_tickets_go(store: &Fixture) {
    let (ada, now) = (store.register("ada").await, store.now());
    let (old, young) = (ticket(ada, now), ticket(ada, later(now, 20)));
    for ticket in [&old, &young] {
        assert!(store.insert_ticket(ticket, now, MANY).await.unwrap());
    }
    let then = later(now, 30);
    assert!(store.insert_ticket(&ticket(ada, then), then, MANY).await.unwrap());
    // At an early time, so that a ticket that is still stored would be found.
    assert_eq!(store.redeem_ticket(old.id, Some(old.caller.user_id), now).await.unwrap(), None);
    assert_eq!(store.redeem_ticket(young.id, Some(young.caller.user_id), now).await.unwrap(), Some(young.caller));
}
