//! What simulated clients did and saw, kept to be held against the stored truth.

mod answers;
mod check;
mod truth;

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

use super::socket::PATIENCE;
pub(crate) use answers::Answers;
pub(crate) use check::{Counts, Violation, check};
pub(crate) use truth::{Stored, Truth};

/// How long a test waits for its clients: far longer than any fault lasts.
const IN_TIME: Duration = Duration::from_secs(60);

/// One WebSocket, of whoever.
pub(crate) type ConnectionNumber = u32;
/// One device: its connections continue one another.
pub(crate) type ReaderNumber = u32;

/// One thing that happened to a client.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Somebody is in a conversation, from its first number to its last.
    Member { conversation: Uuid, user: Uuid },
    /// A message was sent: on a connection, or over REST.
    Sent { id: Uuid, conversation: Uuid, sender: Uuid, content: String, on: Option<ConnectionNumber> },
    /// It was acknowledged with this number.
    Acknowledged { id: Uuid, seq: i64 },
    /// It was refused with this code, and told when to come back.
    Refused { id: Uuid, code: String, retry_after_ms: Option<u64> },
    /// A reader listens to a conversation from the number after this one on.
    Opened { connection: ConnectionNumber, reader: ReaderNumber, user: Uuid, conversation: Uuid, after: i64 },
    /// A reader has been given all that they had missed.
    Resumed,
    /// A numbered event came.
    Got { connection: ConnectionNumber, event: Event },
    /// The server said when to come back.
    Draining { reconnect_after_ms: u64 },
    /// The server closed the connection.
    Closed { connection: ConnectionNumber, code: u16 },
}

/// A numbered event, as a frame told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) conversation: Uuid,
    pub(crate) seq: i64,
    /// The frame's type.
    pub(crate) kind: String,
    /// The message that it is about.
    pub(crate) id: Uuid,
}

impl Event {
    /// The event of a frame, if it is a numbered one.
    pub(crate) fn of(frame: &Value) -> Option<Self> {
        let text = |pointer| frame.pointer(pointer).and_then(Value::as_str);
        let uuid = |pointer| text(pointer).and_then(|text| text.parse().ok());
        Some(Self {
            seq: frame["seq"].as_i64()?,
            kind: text("/type")?.to_owned(),
            conversation: uuid("/conversation_id").unwrap_or_else(|| panic!("an event of nowhere: {frame}")),
            id: uuid("/message/id")
                .or_else(|| uuid("/message_id"))
                .unwrap_or_else(|| panic!("an event about nothing: {frame}")),
        })
    }
}

/// The clients' log. Clones write into the same one.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<(Instant, Entry)>>>,
    noted: watch::Sender<()>,
    acknowledged: watch::Sender<usize>,
    opened: watch::Sender<usize>,
    resumed: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    numbers: Arc<AtomicU32>,
}

/// How long sends waited for their acknowledgements, from their first try on.
#[derive(Debug)]
pub(crate) struct Waits {
    count: usize,
    median: Duration,
    pub(crate) longest: Duration,
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, median, longest } = self;
        write!(f, "{count} acknowledged after {median:.1?} (median), {longest:.1?} (most)")
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        let (acknowledged, opened) = (watch::Sender::new(0), watch::Sender::new(0));
        let (resumed, refused) = (watch::Sender::new(0), watch::Sender::new(0));
        let noted = watch::Sender::new(());
        Self { entries: Arc::default(), noted, acknowledged, opened, resumed, refused, numbers: Arc::default() }
    }

    pub(crate) fn note(&self, entry: Entry) {
        let counter = match &entry {
            Entry::Acknowledged { .. } => Some(&self.acknowledged),
            Entry::Opened { .. } => Some(&self.opened),
            Entry::Resumed => Some(&self.resumed),
            Entry::Refused { .. } => Some(&self.refused),
            _ => None,
        };
        self.entries.lock().unwrap().push((Instant::now(), entry));
        self.noted.send_replace(());
        if let Some(counter) = counter {
            counter.send_modify(|count| *count += 1);
        }
    }

    /// A number that no other reader or connection has.
    pub(crate) fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits for something that the clients bring about, for at most `patience`. Gives up earlier once they have noted nothing for
    /// [`PATIENCE`], because nothing more can be expected of them then.
    pub(crate) async fn while_something_happens<T>(
        &self,
        patience: Duration,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        let mut noted = self.noted.subscribe();
        let quiet = async { while let Ok(Ok(())) = timeout(PATIENCE, noted.changed()).await {} };
        tokio::select! {
            done = timeout(patience, wait) => done.ok(),
            () = quiet => None,
        }
    }

    /// Waits until so many more sends are acknowledged.
    pub(crate) async fn acknowledged(&self, more: usize) {
        let goal = *self.acknowledged.borrow() + more;
        self.reach(&self.acknowledged, goal, "sends acknowledged").await;
    }

    /// Waits until so many more sends are refused.
    pub(crate) async fn refused(&self, more: usize) {
        let goal = *self.refused.borrow() + more;
        self.reach(&self.refused, goal, "sends refused").await;
    }

    /// Waits until so many connections have been opened since the beginning.
    pub(crate) async fn opened(&self, connections: usize) {
        self.reach(&self.opened, connections, "connections opened").await;
    }

    /// Waits until so many more connections have caught up, from the call on.
    pub(crate) fn resumed(&self, more: usize) -> impl Future<Output = ()> {
        let (log, goal) = (self.clone(), *self.resumed.borrow() + more);
        async move { log.reach(&log.resumed, goal, "connections caught up").await }
    }

    /// All that was noted so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// How long those waited who sent something new in this time and have been answered.
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

    /// How the tries were answered so far.
    pub(crate) fn answers(&self) -> Answers {
        Answers::of(&self.entries.lock().unwrap())
    }

    /// Holds the log against the truth: what was counted. What is wrong fails the test.
    #[track_caller]
    pub(crate) fn verify(&self, truths: &[Truth]) -> Counts {
        let (counts, violations) = check(&self.entries(), truths);
        let shown: Vec<String> = violations.iter().take(20).map(|violation| format!("{violation:?}")).collect();
        assert!(violations.is_empty(), "{} violations: {shown:#?}\n{counts}", violations.len());
        counts
    }

    async fn reach(&self, count: &watch::Sender<usize>, goal: usize, what: &str) {
        let mut reaching = count.subscribe();
        let reached = self.while_something_happens(IN_TIME, reaching.wait_for(|count| *count >= goal)).await.is_some();
        assert!(
            reached,
            "{} of {goal} {what} in {IN_TIME:?}, or before nothing happened for {PATIENCE:?}",
            *count.borrow()
        );
    }
}
