//! SubscriptionSet, watermarks and who gets what.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Connection, EncodedEvents, Registration, Registry, Scope, SendQueue, SeqCheck, Sink};
use crate::domain::session::Caller;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};
use crate::limits;

/// Keeps what was written, and how often.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<(usize, Vec<u8>)>>);

impl Sink for Page {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut page = self.0.lock().expect("not poisoned");
        page.0 += 1;
        for slice in slices {
            page.1.extend(&**slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").1.clone()).expect("ASCII")
    }
    fn writes(&self) -> usize {
        self.0.lock().expect("not poisoned").0
    }
}

fn connect(user_id: UserId) -> (Arc<Connection>, Page) {
    let caller = Caller { user_id, session_id: SessionId::new(), expires_at: Timestamp(0) };
    let page = Page::default();
    let send_queue = Arc::new(SendQueue::new(page.clone(), Arc::default()));
    send_queue.uncork();
    (Connection::new(&caller, Scope::All, send_queue), page)
}

fn run(conversation_id: ConversationId, first_seq: Seq, letters: &str) -> EncodedEvents {
    let frames = Bytes::copy_from_slice(letters.as_bytes());
    EncodedEvents { conversation_id, first_seq, frames, ends: (1..=letters.len()).collect() }
}

#[test]
fn a_live_seat_gets_everything_after_its_cursor_once() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, page) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.deliver(&[run(room, 1, "ab")]);
    assert_eq!(page.text(), "", "a silent seat hears nothing");
    assert_eq!(registry.activate(&connection, room, 1), Err(2), "2 was delivered while it was silent");
    assert_eq!(registry.activate(&connection, room, 4), Ok(()), "the store had more than was delivered");
    registry.deliver(&[run(room, 3, "cdef")]);
    assert_eq!(page.text(), "ef", "3 and 4 it had read from the store");
    registry.deliver(&[run(room, 5, "ef")]);
    assert_eq!(page.text(), "ef", "what is delivered again is not heard again");
    registry.deliver(&[run(room, 7, "g")]);
    assert_eq!((page.text().as_str(), connection.live_from(room)), ("efg", Some(4)));
}

#[test]
fn whoever_has_left_is_not_taken_for_one_who_never_was_live() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, _page) = connect(UserId::new());
    let registration = registry.register(&connection, false).expect("the first");
    assert_eq!(connection.is_live(room), Some(false));
    registry.subscribe(&connection, room);
    assert_eq!(connection.is_live(room), Some(false), "a silent seat");
    registry.activate(&connection, room, 0).expect("nothing was delivered");
    assert_eq!(connection.is_live(room), Some(true));
    drop(registration);
    assert_eq!(connection.is_live(room), None);
}

#[test]
fn one_delivery_is_one_write_for_each_recipient() {
    let (registry, rooms) = (Arc::new(Registry::default()), [ConversationId::new(), ConversationId::new()]);
    let (connection, page) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    for room in rooms {
        registry.subscribe(&connection, room);
        registry.activate_now(&connection, room, 0);
    }
    registry.deliver(&[run(rooms[0], 1, "abc"), run(rooms[1], 1, "xyz")]);
    assert_eq!((page.text().as_str(), page.writes()), ("abcxyz", 1));
}

#[test]
fn a_connection_leaves_by_drop() {
    let (registry, room, user_id) = (Arc::new(Registry::default()), ConversationId::new(), UserId::new());
    let (connection, page) = connect(user_id);
    let registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.activate_now(&connection, room, 0);
    assert_eq!((registry.status(user_id), registry.count()), (Status::Online, 1));
    drop(registration);
    registry.deliver(&[run(room, 1, "a")]);
    assert!(!registry.subscribe(&connection, room), "one that left cannot come back");
    assert_eq!((page.text().as_str(), registry.subscribers(room).len()), ("", 0));
    assert_eq!((registry.status(user_id), registry.count()), (Status::Offline, 0));
    assert!(registry.of_session(connection.session_id).is_empty());
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
fn five_delivered() -> (Arc<Registry>, ConversationId, Registration, Page) {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    let (connection, page) = connect(UserId::new());
    let registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    registry.activate(&connection, room, 0).expect("nothing was delivered");
    assert_eq!(registry.delivery_guard(room).deliver(&run(room, 1, "abcde")), SeqCheck::InOrder);
    (registry, room, registration, page)
}

#[test]
fn a_run_is_next_past_or_behind_a_hole() {
    // A run: where it begins, its events, where it comes, and what is delivered then.
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
    for (first_seq, letters, place, delivered) in cases {
        let (registry, room, _registration, page) = five_delivered();
        let run = run(room, first_seq, letters);
        let guard = registry.delivery_guard(room);
        assert_eq!((guard.check(&run), guard.watermark()), (place, Some(5)), "{first_seq} {letters}: a look");
        assert_eq!(guard.deliver(&run), place, "{first_seq} {letters}");
        let watermark = Seq::try_from(delivered.len()).expect("few");
        assert_eq!((page.text().as_str(), guard.watermark()), (delivered, Some(watermark)), "{first_seq} {letters}");
    }
}

#[test]
fn of_several_runs_those_behind_holes_are_named_and_the_others_delivered() {
    let (registry, room, _registration, page) = five_delivered();
    let elsewhere = ConversationId::new();
    let runs = [run(elsewhere, 9, "x"), run(room, 4, "de"), run(room, 7, "g"), run(room, 5, "ef"), run(room, 7, "gh")];
    assert_eq!(registry.deliver(&runs), [room], "once: only the first that begins at 7 is too early");
    assert_eq!((page.text().as_str(), page.writes()), ("abcdefgh", 2));
    assert_eq!((registry.watermark(room), registry.watermark(elsewhere)), (Some(8), None));
    assert_eq!(registry.deliver(&[run(room, 10, "j")]), [room]);
    registry.skip_gap(room, 9);
    assert_eq!(registry.deliver(&[run(room, 9, "i")]), []);
    assert_eq!(registry.deliver(&[run(room, 10, "j")]), []);
    registry.skip_gap(room, 2);
    assert_eq!((page.text().as_str(), registry.watermark(room)), ("abcdefghj", Some(10)));
}

#[test]
fn without_anything_delivered_a_run_is_next_wherever_it_begins() {
    let (registry, room) = (Arc::new(Registry::default()), ConversationId::new());
    assert_eq!(registry.delivery_guard(room).deliver(&run(room, 7, "g")), SeqCheck::InOrder);
    assert_eq!(registry.watermark(room), None, "nobody listens");
    let (connection, page) = connect(UserId::new());
    let _registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, room);
    assert_eq!(registry.delivery_guard(room).deliver(&run(room, 7, "g")), SeqCheck::InOrder);
    assert_eq!((page.text().as_str(), registry.watermark(room)), ("", Some(7)), "a seat that is not live yet");
    assert_eq!(registry.delivery_guard(room).deliver(&run(room, 9, "i")), SeqCheck::Gap);
}
