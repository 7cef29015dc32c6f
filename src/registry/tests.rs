//! Tests of subscriptions, watermarks and the recipients of deliveries.

use std::collections::HashSet;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{
    Charge, Connection, EncodedEvents, Holder, MemoryBudget, Registration, Registry, Scope, SendQueue, SeqCheck, Sink,
};
use crate::domain::session::Caller;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};
use crate::limits;
use crate::wire::close::Close;

/// Keeps the number of writes and the bytes written.
#[derive(Clone, Default)]
struct RecordingSink(Arc<Mutex<(usize, Vec<u8>)>>);

impl Sink for RecordingSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sink = self.0.lock().expect("not poisoned");
        sink.0 += 1;
        for slice in slices {
            sink.1.extend(&**slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

impl RecordingSink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").1.clone()).expect("ASCII")
    }
    fn writes(&self) -> usize {
        self.0.lock().expect("not poisoned").0
    }
}

fn connect(user_id: UserId) -> (Arc<Connection>, RecordingSink) {
    let caller = Caller { user_id, session_id: SessionId::new(), expires_at: Timestamp(0) };
    let sink = RecordingSink::default();
    let send_queue = Arc::new(SendQueue::new(sink.clone(), Charge::new(&Arc::default(), Holder::LOCAL)));
    send_queue.uncork();
    (Connection::new(&caller, Scope::All, send_queue), sink)
}

fn events(conversation_id: ConversationId, first_seq: Seq, letters: &str) -> EncodedEvents {
    let frames = Bytes::copy_from_slice(letters.as_bytes());
    EncodedEvents { conversation_id, first_seq, frames, ends: (1..=letters.len()).collect() }
}

#[test]
fn a_live_subscription_gets_everything_after_its_cursor_once() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, sink) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.deliver(&[events(room, 1, "ab")]);
    assert_eq!(sink.text(), "", "a paused subscription receives nothing");
    assert_eq!(registry.activate(&connection, room, 1), Err(2), "2 was delivered while it was paused");
    assert_eq!(registry.activate(&connection, room, 4), Ok(()), "the store had more than was delivered");
    registry.deliver(&[events(room, 3, "cdef")]);
    assert_eq!(sink.text(), "ef", "it has read 3 and 4 from the store");
    registry.deliver(&[events(room, 5, "ef")]);
    assert_eq!(sink.text(), "ef", "an event that is delivered again is not received again");
    registry.deliver(&[events(room, 7, "g")]);
    assert_eq!((sink.text().as_str(), connection.live_from(room)), ("efg", Some(4)));
}

#[test]
fn a_connection_that_has_left_differs_from_one_that_was_never_live() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, _sink) = connect(UserId::new());
    let registration = registry.register(&connection, false).expect("the first");
    assert_eq!(connection.is_live(room), Some(false));
    registry.subscribe(&connection, room);
    assert_eq!(connection.is_live(room), Some(false), "a paused subscription");
    registry.activate(&connection, room, 0).expect("nothing was delivered");
    assert_eq!(connection.is_live(room), Some(true));
    drop(registration);
    assert_eq!(connection.is_live(room), None);
}

#[test]
fn one_delivery_is_one_write_for_each_recipient() {
    let (registry, rooms) = (Arc::new(Registry::default()), [ConversationId::new(), ConversationId::new()]);
    let (connection, sink) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    for room in rooms {
        registry.subscribe(&connection, room);
        registry.activate_now(&connection, room, 0);
    }
    registry.deliver(&[events(rooms[0], 1, "abc"), events(rooms[1], 1, "xyz")]);
    assert_eq!((sink.text().as_str(), sink.writes()), ("abcxyz", 1));
}

#[test]
fn a_connection_leaves_by_drop() {
    let (registry, room, user_id) = (Arc::new(Registry::default()), ConversationId::new(), UserId::new());
    let (connection, sink) = connect(user_id);
    let registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.activate_now(&connection, room, 0);
    assert_eq!((registry.status(user_id), registry.count()), (Status::Online, 1));
    let connections = registry.of_user(user_id);
    assert_eq!([true, true].map(|is_away| connections[0].set_away(is_away)), [true, false]);
    assert_eq!(registry.status(user_id), Status::Away);
    connections[0].set_away(false);
    assert_eq!(registry.status(user_id), Status::Online);
    drop(registration);
    registry.deliver(&[events(room, 1, "a")]);
    assert!(!registry.subscribe(&connection, room), "one that left cannot come back");
    assert_eq!((sink.text().as_str(), registry.subscribers(room).len()), ("", 0));
    assert_eq!((registry.status(user_id), registry.count()), (Status::Offline, 0));
    assert!(registry.of_session(connection.session_id).is_empty());
}

/// A registry with room for this number of subscriptions: of a user a quarter, of a network a half.
fn room_for(subscriptions: usize) -> Arc<Registry> {
    let total = subscriptions * limits::SUBSCRIPTION_BYTES;
    let (per_user, per_network, modest) = (total / 4, total / 2, limits::SUBSCRIPTION_BYTES);
    let bounds = limits::MemoryBounds { total, per_user, per_network, modest, ..limits::SUBSCRIPTIONS };
    Arc::new(Registry::new(MemoryBudget::default(), MemoryBudget::new(bounds, true)))
}

/// Connects a user of this network, and subscribes the connection to this number of conversations. Returns how it was closed, if it was.
fn subscribe(
    registry: &Arc<Registry>,
    (user_id, network): (UserId, u8),
    count: usize,
) -> (Arc<Connection>, Option<Registration>, Option<Close>) {
    let caller = Caller { user_id, session_id: SessionId::new(), expires_at: Timestamp(0) };
    let holder = Holder { user_id: None, network: [192, 0, 2, network].into() };
    let connection = Connection::new(&caller, Scope::All, registry.send_queue(RecordingSink::default(), holder));
    let registration = registry.register(&connection, false);
    for _ in 0..count {
        registry.subscribe(&connection, ConversationId::new());
    }
    let close = connection.send_queue.closing();
    (connection, registration, close)
}

#[test]
fn subscriptions_have_a_bound_for_user_network_and_node() {
    let registry = room_for(80);
    let close = |(_, _, close): &(_, _, Option<Close>)| *close;
    let ada = UserId::new();
    let held = [subscribe(&registry, (ada, 1), 15), subscribe(&registry, (ada, 2), 5)];
    assert!(held.iter().all(|connection| close(connection).is_none()));
    let beyond = subscribe(&registry, (ada, 3), 1);
    assert_eq!(close(&beyond), Some(Close::TOO_MANY_CONNECTIONS), "the user's share, whatever the network");
    assert!(
        !registry.subscribe(&beyond.0, ConversationId::new()) && !registry.subscribe(&beyond.0, ConversationId::new())
    );

    let others: Vec<_> = (0..2).map(|_| subscribe(&registry, (UserId::new(), 4), 20)).collect();
    assert!(others.iter().all(|connection| close(connection).is_none()));
    assert_eq!(
        close(&subscribe(&registry, (UserId::new(), 4), 1)),
        Some(Close::OVERLOADED),
        "the share of the network"
    );

    // 60 are used. The last quarter is for users who have one.
    assert!(close(&subscribe(&registry, (UserId::new(), 5), 1)).is_none());
    let modest: Vec<_> = (0..19).map(|_| subscribe(&registry, (UserId::new(), 6), 1)).collect();
    assert!(modest.iter().all(|connection| close(connection).is_none()));
    assert_eq!(close(&subscribe(&registry, (UserId::new(), 7), 2)), Some(Close::OVERLOADED));
    drop((held, others));
    assert!(close(&subscribe(&registry, (ada, 1), 15)).is_none(), "there is room again");
}

#[test]
fn a_subscription_that_ends_makes_room() {
    // For one subscription of the user.
    let registry = room_for(4);
    let user_id = UserId::new();
    let connections = [(); 2].map(|()| subscribe(&registry, (user_id, 1), 0));
    for _ in 0..3 {
        for (connection, ..) in &connections {
            let (first, second) = (ConversationId::new(), ConversationId::new());
            assert!(registry.subscribe(connection, first));
            registry.unsubscribe(connection, first);
            assert!(registry.subscribe(connection, second));
            registry.unsubscribe_if_paused(connection, second);
        }
    }
    assert!(connections.iter().all(|(connection, ..)| connection.send_queue.closing().is_none()));
}

#[test]
fn of_a_user_who_joins_too_much_only_some_connections_are_closed() {
    let registry = room_for(80);
    let ada = UserId::new();
    let connections: Vec<_> = (0..4).map(|_| subscribe(&registry, (ada, 1), 5)).collect();
    let joined = ConversationId::new();
    let subscribed = connections.iter().map(|(connection, ..)| registry.subscribe(connection, joined));
    assert_eq!(subscribed.collect::<Vec<_>>(), [false, true, true, true], "the first one makes room for the others");
    assert_eq!(connections[0].0.send_queue.closing(), Some(Close::TOO_MANY_CONNECTIONS));
    assert_eq!(connections[0].0.is_live(joined), Some(false), "until it has left");
}

#[test]
fn heartbeats_announce_each_of_many_busy_conversations_in_its_turn() {
    const ROOMS: usize = 1_201;
    let registry = Arc::new(Registry::default());
    let (connection, _) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    let rooms: Vec<ConversationId> = (0..ROOMS).map(|_| ConversationId::new()).collect();
    for &room in &rooms {
        registry.subscribe(&connection, room);
        registry.activate_now(&connection, room, 0);
    }
    let mut announced = Vec::new();
    for seq in 1..=3 {
        for &room in &rooms {
            registry.deliver(&[events(room, seq, "a")]);
        }
        let heads = registry.unannounced_heads(&connection, 500);
        assert!(heads.iter().all(|(_, head)| *head == seq));
        announced.extend(heads.into_iter().map(|(room, _)| room));
    }
    assert_eq!(announced.len(), 1_500, "each heartbeat is full");
    assert_eq!(announced.iter().collect::<HashSet<_>>().len(), ROOMS);
    // Those that are not announced with their newest number follow, and then there is nothing new.
    let mut rest = registry.unannounced_heads(&connection, ROOMS);
    assert!(rest.len() == ROOMS - 500 && rest.iter().all(|(_, head)| *head == 3), "{}", rest.len());
    rest.extend(registry.unannounced_heads(&connection, ROOMS));
    assert_eq!(rest.len(), ROOMS - 500);
    // A conversation that is left in between disturbs nothing.
    registry.unsubscribe(&connection, rest.last().expect("many").0);
    registry.deliver(&[events(rooms[0], 4, "a")]);
    assert_eq!(registry.unannounced_heads(&connection, 500), [(rooms[0], 4)]);
}

#[test]
fn a_user_has_a_bounded_number_of_connections() {
    let (registry, user_id) = (Arc::new(Registry::default()), UserId::new());
    let registrations: Vec<_> =
        (0..limits::CONNECTIONS_PER_USER_MAX).map(|_| registry.register(&connect(user_id).0, false)).collect();
    assert!(registrations.iter().all(Option::is_some));
    assert!(registry.register(&connect(user_id).0, false).is_none());
    assert!(registry.register(&connect(user_id).0, true).is_some());
    assert!(registry.register(&connect(UserId::new()).0, false).is_some());
}

/// A room in which one connection is live, and the first five events are delivered: `abcde`.
fn five_delivered() -> (Arc<Registry>, ConversationId, Registration, RecordingSink) {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, sink) = connect(UserId::new());
    let registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.activate(&connection, room, 0).expect("nothing was delivered");
    assert_eq!(registry.delivery_guard(room).deliver(&events(room, 1, "abcde")), SeqCheck::InOrder);
    (registry, room, registration, sink)
}

#[test]
fn events_are_in_order_already_delivered_or_after_a_gap() {
    // The number of the first event, the events, the result, and everything that is delivered afterwards.
    let cases = [
        (1, "abc", SeqCheck::AlreadyDelivered, "abcde"),
        (4, "de", SeqCheck::AlreadyDelivered, "abcde"),
        (5, "e", SeqCheck::AlreadyDelivered, "abcde"),
        (6, "f", SeqCheck::InOrder, "abcdef"),
        (6, "fgh", SeqCheck::InOrder, "abcdefgh"),
        (5, "ef", SeqCheck::InOrder, "abcdef"),
        (1, "abcdefg", SeqCheck::InOrder, "abcdefg"),
        (7, "g", SeqCheck::Gap, "abcde"),
        (7, "gh", SeqCheck::Gap, "abcde"),
        (9, "i", SeqCheck::Gap, "abcde"),
    ];
    for (first_seq, letters, seq_check, delivered) in cases {
        let (registry, room, _registration, sink) = five_delivered();
        let events = events(room, first_seq, letters);
        let guard = registry.delivery_guard(room);
        assert_eq!((guard.check(&events), guard.watermark()), (seq_check, Some(5)), "{first_seq} {letters}: checked");
        assert_eq!(guard.deliver(&events), seq_check, "{first_seq} {letters}");
        let watermark = Seq::try_from(delivered.len()).expect("few");
        assert_eq!((sink.text().as_str(), guard.watermark()), (delivered, Some(watermark)), "{first_seq} {letters}");
    }
}

#[test]
fn conversations_with_gaps_are_returned_and_the_other_events_delivered() {
    let (registry, room, _registration, sink) = five_delivered();
    let elsewhere = ConversationId::new();
    let all_events = [
        events(elsewhere, 9, "x"),
        events(room, 4, "de"),
        events(room, 7, "g"),
        events(room, 5, "ef"),
        events(room, 7, "gh"),
    ];
    assert_eq!(registry.deliver(&all_events), [room], "once: only the first that begins at 7 is too early");
    assert_eq!((sink.text().as_str(), sink.writes()), ("abcdefgh", 2));
    assert_eq!((registry.watermark(room), registry.watermark(elsewhere)), (Some(8), None));
    assert_eq!(registry.deliver(&[events(room, 10, "j")]), [room]);
    registry.skip_gap(room, 9);
    assert_eq!(registry.deliver(&[events(room, 9, "i")]), []);
    assert_eq!(registry.deliver(&[events(room, 10, "j")]), []);
    registry.skip_gap(room, 2);
    assert_eq!((sink.text().as_str(), registry.watermark(room)), ("abcdefghj", Some(10)));
}

#[test]
fn before_the_first_delivery_events_are_in_order_whatever_their_numbers() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    assert_eq!(registry.delivery_guard(room).deliver(&events(room, 7, "g")), SeqCheck::InOrder);
    assert_eq!(registry.watermark(room), None, "there is no subscription");
    let (connection, sink) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    assert_eq!(registry.delivery_guard(room).deliver(&events(room, 7, "g")), SeqCheck::InOrder);
    assert_eq!((sink.text().as_str(), registry.watermark(room)), ("", Some(7)), "a subscription that is not live yet");
    assert_eq!(registry.delivery_guard(room).deliver(&events(room, 9, "i")), SeqCheck::Gap);
}
