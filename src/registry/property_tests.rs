//! Replay and live become one: however deliveries, comings and goings are interleaved, a seat that goes live gets everything after
//! what it has read, once and in order.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Connection, EncodedEvents, Registry, Scope, SendQueue, Sink};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};

const ROOMS: usize = 2;
const CONNECTIONS: usize = 3;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Sink for Page {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut page = self.0.lock().expect("not poisoned");
        for slice in slices {
            page.extend_from_slice(slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// The events of these rooms that a page shows.
fn heard(page: &Page, room: usize) -> Vec<Seq> {
    let page = page.0.lock().expect("not poisoned");
    let events = page.chunks_exact(2).filter(|event| usize::from(event[0]) == room);
    events.map(|event| event[1].into()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// So many events are committed.
    Commit(usize, u8),
    /// What was committed in these rooms is delivered, and some of what was delivered before once more.
    Deliver([bool; ROOMS], Seq),
    Sit(usize, usize),
    /// A seat reads the store.
    Read(usize, usize),
    GoLive(usize, usize),
    GoLiveNow(usize, usize),
    Leave(usize, usize),
    LeaveIfSilent(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..CONNECTIONS, 0..ROOMS);
    prop_oneof![
        4 => (0..ROOMS, 1_u8..4).prop_map(|(room, count)| Step::Commit(room, count)),
        4 => (any::<[bool; ROOMS]>(), 0..4_i64).prop_map(|(rooms, again)| Step::Deliver(rooms, again)),
        3 => place().prop_map(|(who, room)| Step::Sit(who, room)),
        3 => place().prop_map(|(who, room)| Step::Read(who, room)),
        3 => place().prop_map(|(who, room)| Step::GoLive(who, room)),
        1 => place().prop_map(|(who, room)| Step::GoLiveNow(who, room)),
        1 => place().prop_map(|(who, room)| Step::Leave(who, room)),
        1 => place().prop_map(|(who, room)| Step::LeaveIfSilent(who, room)),
    ]
}

/// What a connection is to a room, as it should be.
#[derive(Clone, Default)]
struct Subscription {
    seated: bool,
    /// What it has read from the store since it sat down.
    read: Option<Seq>,
    /// What it is to have heard since it is live.
    live: Option<Vec<Seq>>,
    /// What it had heard before, from seats that it left.
    before: Vec<Seq>,
}

impl Subscription {
    fn leave(&mut self) {
        let mut before = std::mem::take(&mut self.before);
        before.extend(self.live.take().unwrap_or_default());
        *self = Self { before, ..Self::default() };
    }
}

#[derive(Clone, Default)]
struct Room {
    committed: Seq,
    delivered: Seq,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_live_seat_hears_everything_after_its_start_once_and_in_order(steps in prop::collection::vec(step(), 1..60)) {
        let registry = Arc::new(Registry::default());
        let ids: [_; ROOMS] = std::array::from_fn(|_| ConversationId::new());
        let people: [_; CONNECTIONS] = std::array::from_fn(|_| {
            let caller = Caller { user_id: UserId::new(), session_id: SessionId::new(), expires_at: Timestamp(0) };
            let page = Page::default();
            let send_queue = Arc::new(SendQueue::new(page.clone(), Arc::default()));
            send_queue.uncork();
            let connection = Connection::new(&caller, Scope::Held, send_queue);
            let registration = registry.register(&connection, false).expect("the first");
            (connection, page, registration)
        });
        let mut rooms: [Room; ROOMS] = Default::default();
        let mut seats: [[Subscription; ROOMS]; CONNECTIONS] = Default::default();
        for step in steps {
            match step {
                Step::Commit(room, count) => rooms[room].committed += Seq::from(count),
                Step::Deliver(due, again) => {
                    let mut runs = Vec::new();
                    for room in (0..ROOMS).filter(|room| due[*room]) {
                        let first = (rooms[room].delivered + 1 - again).max(1);
                        let events = first..=rooms[room].committed;
                        let frames: Vec<u8> = events.clone().flat_map(|seq| [room, usize::try_from(seq).expect("few")])
                            .map(|part| u8::try_from(part).expect("few")).collect();
                        let ends = (1..=frames.len() / 2).map(|count| 2 * count).collect::<Vec<_>>();
                        if !ends.is_empty() {
                            runs.push(EncodedEvents { conversation_id: ids[room], first_seq: first, frames: Bytes::from(frames), ends });
                        }
                        rooms[room].delivered = rooms[room].committed;
                        for seat in seats.iter_mut().map(|seats| &mut seats[room]) {
                            let after = seat.read.unwrap_or_default();
                            if let Some(live) = &mut seat.live {
                                let next = live.last().copied().unwrap_or(after) + 1;
                                live.extend(next..=rooms[room].delivered);
                            }
                        }
                    }
                    registry.deliver(&runs);
                }
                Step::Sit(who, room) => {
                    prop_assert_eq!(registry.subscribe(&people[who].0, ids[room]), !seats[who][room].seated);
                    seats[who][room].seated = true;
                }
                Step::Read(who, room) => {
                    let seat = &mut seats[who][room];
                    if seat.seated && seat.live.is_none() {
                        seat.read = Some(rooms[room].committed);
                    }
                }
                Step::GoLive(who, room) => {
                    let seat = &mut seats[who][room];
                    let (Some(read), None) = (seat.read, &seat.live) else { continue };
                    match registry.activate(&people[who].0, ids[room], read) {
                        Ok(()) => seat.live = Some(Vec::new()),
                        Err(delivered) => prop_assert!(delivered > read && delivered <= rooms[room].committed),
                    }
                }
                Step::GoLiveNow(who, room) => {
                    let seat = &mut seats[who][room];
                    let (Some(read), None) = (seat.read, &seat.live) else { continue };
                    registry.activate_now(&people[who].0, ids[room], read);
                    seat.read = people[who].0.live_from(ids[room]);
                    prop_assert!(seat.read >= Some(read) && seat.read <= Some(rooms[room].committed));
                    seat.live = Some(Vec::new());
                }
                Step::Leave(who, room) => {
                    registry.unsubscribe(&people[who].0, ids[room]);
                    seats[who][room].leave();
                }
                Step::LeaveIfSilent(who, room) => {
                    registry.unsubscribe_if_paused(&people[who].0, ids[room]);
                    if seats[who][room].live.is_none() {
                        seats[who][room].leave();
                    }
                }
            }
            for (who, (connection, page, _)) in people.iter().enumerate() {
                for (room, seat) in seats[who].iter().enumerate() {
                    let expected: Vec<_> = seat.before.iter().chain(seat.live.iter().flatten()).copied().collect();
                    prop_assert_eq!(heard(page, room), expected);
                    prop_assert_eq!(connection.live_from(ids[room]), seat.live.as_ref().and(seat.read));
                }
            }
        }
        for (who, (_, page, registration)) in people.into_iter().enumerate() {
            drop(registration);
            let before = page.0.lock().expect("not poisoned").len();
            let run = EncodedEvents { conversation_id: ids[0], first_seq: rooms[0].delivered + 1, frames: Bytes::from_static(b"xx"), ends: vec![2] };
            registry.deliver(&[run]);
            prop_assert_eq!(page.0.lock().expect("not poisoned").len(), before, "{} has left", who);
        }
        prop_assert_eq!(registry.count(), 0);
    }
}
