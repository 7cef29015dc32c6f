//! A subscription that becomes live gets everything after what it has read, once and in order, however deliveries, subscriptions
//! and removals are interleaved.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Charge, Connection, EncodedEvents, Holder, Registry, Scope, SendQueue, Sink};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};

const ROOMS: usize = 2;
const CONNECTIONS: usize = 3;

#[derive(Clone, Default)]
struct RecordingSink(Arc<Mutex<Vec<u8>>>);

impl Sink for RecordingSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sink = self.0.lock().expect("not poisoned");
        for slice in slices {
            sink.extend_from_slice(slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// The numbers of a room's events that a connection has received.
fn received(sink: &RecordingSink, room: usize) -> Vec<Seq> {
    let sink = sink.0.lock().expect("not poisoned");
    let events = sink.chunks_exact(2).filter(|event| usize::from(event[0]) == room);
    events.map(|event| event[1].into()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// A room and the number of events that are committed.
    Commit(usize, u8),
    /// The rooms whose committed events are delivered, and the number of earlier events that are delivered once more.
    Deliver([bool; ROOMS], Seq),
    Subscribe(usize, usize),
    /// A connection reads the store.
    Read(usize, usize),
    Activate(usize, usize),
    ActivateNow(usize, usize),
    Unsubscribe(usize, usize),
    UnsubscribeIfPaused(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let target = || (0..CONNECTIONS, 0..ROOMS);
    prop_oneof![
        4 => (0..ROOMS, 1_u8..4).prop_map(|(room, count)| Step::Commit(room, count)),
        4 => (any::<[bool; ROOMS]>(), 0..4_i64).prop_map(|(rooms, again)| Step::Deliver(rooms, again)),
        3 => target().prop_map(|(index, room)| Step::Subscribe(index, room)),
        3 => target().prop_map(|(index, room)| Step::Read(index, room)),
        3 => target().prop_map(|(index, room)| Step::Activate(index, room)),
        1 => target().prop_map(|(index, room)| Step::ActivateNow(index, room)),
        1 => target().prop_map(|(index, room)| Step::Unsubscribe(index, room)),
        1 => target().prop_map(|(index, room)| Step::UnsubscribeIfPaused(index, room)),
    ]
}

/// The expected state of a connection's subscription to a room.
#[derive(Clone, Default)]
struct Subscription {
    subscribed: bool,
    /// The number up to which it has read the store since it subscribed.
    read: Option<Seq>,
    /// The numbers that it must have received since it became live.
    live: Option<Vec<Seq>>,
    /// The numbers that earlier subscriptions to the same room received.
    before: Vec<Seq>,
}

impl Subscription {
    fn unsubscribe(&mut self) {
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
    fn a_live_subscription_gets_everything_after_its_cursor_once_and_in_order(steps in prop::collection::vec(step(), 1..60)) {
        let registry = Arc::new(Registry::default());
        let ids: [_; ROOMS] = std::array::from_fn(|_| ConversationId::new());
        let connections: [_; CONNECTIONS] = std::array::from_fn(|_| {
            let caller = Caller { user_id: UserId::new(), session_id: SessionId::new(), expires_at: Timestamp(0) };
            let sink = RecordingSink::default();
            let send_queue = Arc::new(SendQueue::new(sink.clone(), Charge::new(&Arc::default(), Holder::LOCAL)));
            send_queue.uncork();
            let connection = Connection::new(&caller, Scope::Held, send_queue);
            let registration = registry.register(&connection, false).expect("the first");
            (connection, sink, registration)
        });
        let mut rooms: [Room; ROOMS] = Default::default();
        let mut subscriptions: [[Subscription; ROOMS]; CONNECTIONS] = Default::default();
        for step in steps {
            match step {
                Step::Commit(room, count) => rooms[room].committed += Seq::from(count),
                Step::Deliver(due, again) => {
                    let mut all_events = Vec::new();
                    for room in (0..ROOMS).filter(|room| due[*room]) {
                        let first = (rooms[room].delivered + 1 - again).max(1);
                        let seqs = first..=rooms[room].committed;
                        let frames: Vec<u8> = seqs.clone().flat_map(|seq| [room, usize::try_from(seq).expect("few")])
                            .map(|part| u8::try_from(part).expect("few")).collect();
                        let ends = (1..=frames.len() / 2).map(|count| 2 * count).collect::<Vec<_>>();
                        if !ends.is_empty() {
                            all_events.push(EncodedEvents { conversation_id: ids[room], first_seq: first, frames: Bytes::from(frames), ends });
                        }
                        rooms[room].delivered = rooms[room].committed;
                        for subscription in subscriptions.iter_mut().map(|rooms| &mut rooms[room]) {
                            let after = subscription.read.unwrap_or_default();
                            if let Some(live) = &mut subscription.live {
                                let next = live.last().copied().unwrap_or(after) + 1;
                                live.extend(next..=rooms[room].delivered);
                            }
                        }
                    }
                    registry.deliver(&all_events);
                }
                Step::Subscribe(index, room) => {
                    prop_assert_eq!(registry.subscribe(&connections[index].0, ids[room]), !subscriptions[index][room].subscribed);
                    subscriptions[index][room].subscribed = true;
                }
                Step::Read(index, room) => {
                    let subscription = &mut subscriptions[index][room];
                    if subscription.subscribed && subscription.live.is_none() {
                        subscription.read = Some(rooms[room].committed);
                    }
                }
                Step::Activate(index, room) => {
                    let subscription = &mut subscriptions[index][room];
                    let (Some(read), None) = (subscription.read, &subscription.live) else { continue };
                    match registry.activate(&connections[index].0, ids[room], read) {
                        Ok(()) => subscription.live = Some(Vec::new()),
                        Err(delivered) => prop_assert!(delivered > read && delivered <= rooms[room].committed),
                    }
                }
                Step::ActivateNow(index, room) => {
                    let subscription = &mut subscriptions[index][room];
                    let (Some(read), None) = (subscription.read, &subscription.live) else { continue };
                    registry.activate_now(&connections[index].0, ids[room], read);
                    subscription.read = connections[index].0.live_from(ids[room]);
                    prop_assert!(subscription.read >= Some(read) && subscription.read <= Some(rooms[room].committed));
                    subscription.live = Some(Vec::new());
                }
                Step::Unsubscribe(index, room) => {
                    registry.unsubscribe(&connections[index].0, ids[room]);
                    subscriptions[index][room].unsubscribe();
                }
                Step::UnsubscribeIfPaused(index, room) => {
                    registry.unsubscribe_if_paused(&connections[index].0, ids[room]);
                    if subscriptions[index][room].live.is_none() {
                        subscriptions[index][room].unsubscribe();
                    }
                }
            }
            for (index, (connection, sink, _)) in connections.iter().enumerate() {
                for (room, subscription) in subscriptions[index].iter().enumerate() {
                    let expected: Vec<_> = subscription.before.iter().chain(subscription.live.iter().flatten()).copied().collect();
                    prop_assert_eq!(received(sink, room), expected);
                    prop_assert_eq!(connection.live_from(ids[room]), subscription.live.as_ref().and(subscription.read));
                }
            }
        }
        for (index, (_, sink, registration)) in connections.into_iter().enumerate() {
            drop(registration);
            let before = sink.0.lock().expect("not poisoned").len();
            let events = EncodedEvents { conversation_id: ids[0], first_seq: rooms[0].delivered + 1, frames: Bytes::from_static(b"xx"), ends: vec![2] };
            registry.deliver(&[events]);
            prop_assert_eq!(sink.0.lock().expect("not poisoned").len(), before, "{} has left", index);
        }
        prop_assert_eq!(registry.count(), 0);
    }
}
