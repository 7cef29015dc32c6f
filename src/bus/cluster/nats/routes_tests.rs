//! Tests of the routes of envelopes.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use bytes::Bytes;

use super::{Route, Routed, divided, undivided};
use crate::bus::{Audience, Envelope, Hints, Joined, Selection};
use crate::domain::{ConversationId, SessionId, Shards, UserId};
use crate::registry::EncodedEvents;

fn shards() -> Shards {
    Shards(NonZeroU32::new(4_096).expect("not zero"))
}

fn events(conversation_id: ConversationId) -> EncodedEvents {
    EncodedEvents { conversation_id, first_seq: 1, frames: Bytes::from_static(b"ab"), ends: vec![1, 2] }
}

/// Returns ids of different shards.
fn apart<T>(count: usize, id: impl Fn() -> T, shard: impl Fn(&T) -> u32) -> Vec<T> {
    let mut used = BTreeSet::new();
    std::iter::repeat_with(id).filter(|id| used.insert(shard(id))).take(count).collect()
}

fn users(count: usize) -> Vec<UserId> {
    apart(count, UserId::new, |user| shards().of(user.0))
}

fn conversations(count: usize) -> Vec<ConversationId> {
    apart(count, ConversationId::new, |id| shards().of(id.0))
}

fn of_user(user: UserId) -> Route {
    Route::Shard(shards().of(user.0))
}

fn of_conversation(id: ConversationId) -> Route {
    Route::Shard(shards().of(id.0))
}

fn routes(routed: &Routed) -> BTreeSet<Route> {
    routed.keys().copied().collect()
}

#[test]
fn events_go_to_the_nodes_of_their_conversation_in_order() {
    let ids = conversations(2);
    let batches = [vec![events(ids[0]), events(ids[1])], vec![events(ids[0])]];
    let routed = divided(shards(), batches.map(Envelope::Events).into());
    assert_eq!(routes(&routed), ids.iter().copied().map(of_conversation).collect());
    let [Envelope::Events(first)] = &routed[&of_conversation(ids[0])][..] else { panic!("one envelope") };
    assert_eq!(first.len(), 2);
    let typing = Audience::Subscribers { conversation_id: ids[0], except: vec![] };
    let receipt = Audience::Readers { conversation_id: ids[1], send_receipts: true, users: Selection::AllBut(vec![]) };
    for (audience, id) in [(typing, ids[0]), (receipt, ids[1])] {
        let routed = divided(shards(), vec![Envelope::Ephemeral { audience, frame: Bytes::new() }]);
        assert_eq!(routes(&routed), [of_conversation(id)].into());
    }
}

#[test]
fn members_who_come_or_go_are_told_wherever_they_are() {
    let (id, users) = (conversations(1)[0], users(3));
    let joined = Some(Joined { user_id: users[0], frame: None });
    let event = Envelope::MembershipEvent { event: events(id), joined, left: Some(users[1]), hidden: None };
    let routed = divided(shards(), vec![event]);
    assert!(matches!(routed[&of_conversation(id)][0], Envelope::MembershipEvent { .. }));
    for user in &users[..2] {
        let told = routed[&of_user(*user)]
            .iter()
            .any(|envelope| matches!(envelope, Envelope::Hints(hints) if hints.users == [*user]));
        assert!(told, "{routed:?}");
    }
    assert!(routed.len() <= 3);
}

#[test]
fn each_user_is_named_once_among_all_routes() {
    let some = users(3);
    let to_users = |user_ids: Vec<UserId>| Envelope::Ephemeral {
        audience: Audience::Users { user_ids, conversation_id: None },
        frame: Bytes::new(),
    };
    let created = |members| Envelope::Created { conversation_id: ConversationId::new(), members, frames: vec![] };
    let deleted = |members| Envelope::Deleted { conversation_id: ConversationId::new(), members, frames: vec![] };
    let hints = |users| Envelope::Hints(Hints { users, ..Hints::default() });
    let kinds: [&dyn Fn(Vec<UserId>) -> Envelope; 4] = [&to_users, &created, &deleted, &hints];
    for kind in kinds {
        let routed = divided(shards(), vec![kind(some.clone())]);
        assert_eq!(routes(&routed), some.iter().copied().map(of_user).collect());
        for user in &some {
            assert_eq!(format!("{routed:?}").matches(&user.0.to_string()).count(), 1);
        }
        assert_eq!(routes(&divided(shards(), vec![kind(users(17))])), [Route::All].into(), "one packet, not seventeen");
    }
}

#[test]
fn what_concerns_everybody_goes_to_all_nodes() {
    let (one, other) = (UserId::new(), UserId::new());
    for envelope in [
        Envelope::BlockChanged(one, other),
        Envelope::SessionsEnded(vec![SessionId::new()]),
        Envelope::Hints(Hints { everything: true, users: vec![one], heads: vec![] }),
        Envelope::Hints(Hints::default()),
    ] {
        assert_eq!(routes(&divided(shards(), vec![envelope])), [Route::All].into());
    }
    let switched = Envelope::ReceiptsSwitched { user_id: one, send_receipts: false };
    assert_eq!(routes(&divided(shards(), vec![switched])), [of_user(one)].into());
    let head = Envelope::Hints(Hints { heads: vec![(ConversationId::FIRST, 3)], ..Hints::default() });
    assert_eq!(routes(&divided(shards(), vec![head])), [of_conversation(ConversationId::FIRST)].into());
}

#[test]
fn all_goes_to_few_nodes_in_its_order() {
    let ids = conversations(2);
    let batch = |at: usize| Envelope::Events(vec![events(ids[at])]);
    let blocked = Envelope::BlockChanged(UserId::new(), UserId::new());
    let routed = undivided(vec![batch(0), batch(1), blocked, batch(0)]);
    assert_eq!(routes(&routed), [Route::All].into());
    let [Envelope::Events(both), Envelope::BlockChanged(..), Envelope::Events(last)] = &routed[&Route::All][..] else {
        panic!("as they came: {routed:?}")
    };
    assert_eq!((both.len(), last.len()), (2, 1));
}
