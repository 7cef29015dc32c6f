//! The log of what simulated clients did and received, to be checked against the stored state.

mod check;
mod final_state;
mod response_stats;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::socket::TEST_TIMEOUT;
pub(crate) use check::{Counts, Violation, check};
pub(crate) use final_state::{FinalState, StoredMessage};
pub(crate) use response_stats::ResponseStats;

/// The timeout of a test that waits for clients which still act: far longer than any fault lasts.
const LOG_TIMEOUT: Duration = Duration::from_secs(60);

/// Identifies a WebSocket of any client.
pub(crate) type ConnectionNumber = u32;
/// Identifies a device, whose connections each resume after the one before.
pub(crate) type ReaderNumber = u32;

/// One entry in the log.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A user is a member of a conversation from its first number to its last.
    Member { conversation: Uuid, user: Uuid },
    /// A message was sent: on a connection, or over REST.
    Sent { id: Uuid, conversation: Uuid, sender: Uuid, content: String, on: Option<ConnectionNumber> },
    /// It was acknowledged with this number.
    Acknowledged { id: Uuid, seq: i64 },
    /// It was refused with this code and retry hint.
    Refused { id: Uuid, code: String, retry_after_ms: Option<u64> },
    /// A reader opened a connection to a conversation, and resumes after this number.
    Opened { connection: ConnectionNumber, reader: ReaderNumber, user: Uuid, conversation: Uuid, after: i64 },
    /// A reader has received the replay.
    Resumed,
    /// A reader received a numbered event.
    Received { connection: ConnectionNumber, event: Event },
    /// The server announced a drain.
    Draining { reconnect_after_ms: u64 },
    /// The server closed the connection.
    Closed { connection: ConnectionNumber, code: u16 },
}

/// A numbered event, as read from a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) conversation: Uuid,
    pub(crate) seq: i64,
    /// The frame's type.
    pub(crate) kind: String,
    /// The message to which it belongs.
    pub(crate) id: Uuid,
}

impl Event {
    /// Reads the event of a frame. Returns `None` if the frame has no number.
    pub(crate) fn of(frame: &Value) -> Option<Self> {
        let text = |pointer| frame.pointer(pointer).and_then(Value::as_str);
        let uuid = |pointer| text(pointer).and_then(|text| text.parse().ok());
        Some(Self {
            seq: frame["seq"].as_i64()?,
            kind: text("/type")?.to_owned(),
            conversation: uuid("/conversation_id")
                .unwrap_or_else(|| panic!("an event without a conversation: {frame}")),
            id: uuid("/message/id")
                .or_else(|| uuid("/message_id"))
                .unwrap_or_else(|| panic!("an event without a message: {frame}")),
        })
    }
}

/// The log of all clients of a test. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<(Instant, Entry)>>>,
    noted: watch::Sender<()>,
    acknowledged: watch::Sender<usize>,
    opened: watch::Sender<usize>,
    resumed: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    numbers: Arc<AtomicU32>,
    readers: Arc<Mutex<Readers>>,
}

/// How far the readers are.
#[derive(Debug, Default)]
struct Readers {
    of_connections: HashMap<ConnectionNumber, ReaderNumber>,
    /// The newest number that each has received.
    received: HashMap<ReaderNumber, i64>,
    /// The newest number that is acknowledged or received.
    newest: i64,
}

impl Readers {
    fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Opened { connection, reader, after, .. } => {
                self.of_connections.insert(*connection, *reader);
                self.received.entry(*reader).or_insert(*after);
            }
            Entry::Received { connection, event } => {
                let received = self.received.get_mut(&self.of_connections[connection]).unwrap();
                *received = event.seq.max(*received);
                self.newest = event.seq.max(self.newest);
            }
            Entry::Acknowledged { seq, .. } => self.newest = (*seq).max(self.newest),
            _ => {}
        }
    }

    fn all_have(&self, seq: i64) -> bool {
        self.received.values().all(|received| *received >= seq)
    }
}

/// The times from the first attempt of a send to its acknowledgement.
#[derive(Debug)]
pub(crate) struct Waits {
    count: usize,
    median: Duration,
    pub(crate) longest: Duration,
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, median, longest } = self;
        write!(f, "{count} acknowledged after {median:.1?} (median), {longest:.1?} (longest)")
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        let (acknowledged, opened) = (watch::Sender::new(0), watch::Sender::new(0));
        let (resumed, refused) = (watch::Sender::new(0), watch::Sender::new(0));
        let noted = watch::Sender::new(());
        let (entries, numbers, readers) = (Arc::default(), Arc::default(), Arc::default());
        Self { entries, noted, acknowledged, opened, resumed, refused, numbers, readers }
    }

    pub(crate) fn note(&self, entry: Entry) {
        let counter = match &entry {
            Entry::Acknowledged { .. } => Some(&self.acknowledged),
            Entry::Opened { .. } => Some(&self.opened),
            Entry::Resumed => Some(&self.resumed),
            Entry::Refused { .. } => Some(&self.refused),
            _ => None,
        };
        self.readers.lock().unwrap().note(&entry);
        self.entries.lock().unwrap().push((Instant::now(), entry));
        self.noted.send_replace(());
        if let Some(counter) = counter {
            counter.send_modify(|count| *count += 1);
        }
    }

    /// Returns a number that no other reader or connection has.
    pub(crate) fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs `wait`, which the clients' entries bring to its end. Returns `None` after `limit`, and earlier if no client has noted
    /// anything for [`TEST_TIMEOUT`]: then none will.
    pub(crate) async fn while_clients_act<T>(&self, limit: Duration, wait: impl Future<Output = T>) -> Option<T> {
        let mut noted = self.noted.subscribe();
        let quiet = async { while let Ok(Ok(())) = timeout(TEST_TIMEOUT, noted.changed()).await {} };
        tokio::select! {
            done = timeout(limit, wait) => done.ok(),
            () = quiet => None,
        }
    }

    /// Waits until `more` sends are acknowledged.
    pub(crate) async fn acknowledged(&self, more: usize) {
        let target_count = *self.acknowledged.borrow() + more;
        self.wait_for_count(&self.acknowledged, target_count, "sends acknowledged").await;
    }

    /// Waits until every reader has received the newest event that is acknowledged or received by now.
    pub(crate) async fn all_have_the_newest(&self) {
        let newest = self.readers.lock().unwrap().newest;
        let mut noted = self.noted.subscribe();
        let reached = noted.wait_for(|()| self.readers.lock().unwrap().all_have(newest));
        let is_reached = self.while_clients_act(LOG_TIMEOUT, reached).await.is_some();
        assert!(is_reached, "not every reader has the number {newest}: {:?}", self.readers.lock().unwrap().received);
    }

    /// Waits until `more` sends are refused.
    pub(crate) async fn refused(&self, more: usize) {
        let target_count = *self.refused.borrow() + more;
        self.wait_for_count(&self.refused, target_count, "sends refused").await;
    }

    /// Waits until this many connections have been opened in all.
    pub(crate) async fn opened(&self, connections: usize) {
        self.wait_for_count(&self.opened, connections, "connections opened").await;
    }

    /// Waits until `more` connections have caught up, counted from the call on.
    pub(crate) fn resumed(&self, more: usize) -> impl Future<Output = ()> {
        let (log, target_count) = (self.clone(), *self.resumed.borrow() + more);
        async move { log.wait_for_count(&log.resumed, target_count, "connections caught up").await }
    }

    /// Returns the entries so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// Returns how long the acknowledged sends waited whose first attempt was in this period.
    pub(crate) fn waits(&self, during: Range<Instant>) -> Waits {
        let (mut waiting, mut waits) = (HashMap::new(), Vec::new());
        for (at, entry) in self.entries.lock().unwrap().iter() {
            match entry {
                Entry::Sent { id, .. } => _ = waiting.entry(*id).or_insert(*at),
                Entry::Acknowledged { id, .. } => {
                    let sent = waiting.get(id).filter(|sent| during.contains(*sent));
                    waits.extend(sent.map(|sent| *at - *sent));
                }
                _ => {}
            }
        }
        waits.sort();
        let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
        Waits { count: waits.len(), median, longest: waits.last().copied().unwrap_or_default() }
    }

    /// Returns how the attempts were answered so far.
    pub(crate) fn response_stats(&self) -> ResponseStats {
        ResponseStats::of(&self.entries.lock().unwrap())
    }

    /// Checks the log against the final state, and returns the counts. Violations fail the test.
    #[track_caller]
    pub(crate) fn verify(&self, final_states: &[FinalState]) -> Counts {
        let (counts, violations) = check(&self.entries(), final_states);
        let shown: Vec<String> = violations.iter().take(20).map(|violation| format!("{violation:?}")).collect();
        assert!(violations.is_empty(), "{} violations: {shown:#?}\n{counts}", violations.len());
        counts
    }

    async fn wait_for_count(&self, count: &watch::Sender<usize>, target_count: usize, what: &str) {
        let mut observer = count.subscribe();
        let reached = self.while_clients_act(LOG_TIMEOUT, observer.wait_for(|count| *count >= target_count)).await;
        let is_reached = reached.is_some();
        assert!(is_reached, "{} of {target_count} {what}", *count.borrow());
    }
}
