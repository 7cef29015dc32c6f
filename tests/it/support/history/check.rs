//! The checker compares a log with the final state. It has no other input, so that tests can give it invented histories.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use super::{ConnectionNumber, Entry, Event, FinalState, ReaderNumber};

/// Codes of refusals after which the message may be stored or not.
const OPEN_CODES: [&str; 5] = ["busy", "draining", "internal", "timeout", "unavailable"];

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Acknowledged but not stored.
    Lost { id: Uuid, seq: i64 },
    /// Stored under another number than the acknowledged one.
    Renumbered { id: Uuid, acknowledged: i64, stored: i64 },
    /// Stored, or replayed, more than once.
    StoredTwice { id: Uuid },
    /// Stored although each attempt was refused permanently.
    Refused { id: Uuid, code: String },
    /// Stored but never sent.
    NeverSent { id: Uuid },
    /// Stored with another sender, conversation or content.
    Altered { id: Uuid },
    /// The replay's numbers are not 1, 2, 3 …
    Numbering { conversation: Uuid, expected: i64, found: i64 },
    /// The history and the replay differ.
    HistoryMismatch { conversation: Uuid, seq: i64 },
    /// A reader received a number too early: the numbers between are missing.
    Gap { reader: ReaderNumber, expected: i64, got: i64 },
    /// A reader received an event again on one connection.
    DuplicateDelivery { reader: ReaderNumber, seq: i64 },
    /// A reader received another event than the one that is stored under this number.
    Differs { reader: ReaderNumber, seq: i64 },
    /// A reader did not receive the last events.
    Incomplete { reader: ReaderNumber, has: i64, stored: i64 },
    /// A reader received an event of a conversation that it may not read.
    Foreign { reader: ReaderNumber, conversation: Uuid },
}

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages that were sent at least once.
    pub(crate) sent: usize,
    /// Attempts beyond the first of each message.
    pub(crate) retries: usize,
    pub(crate) acknowledged: usize,
    /// Refused permanently and never acknowledged.
    pub(crate) refused: usize,
    /// Neither acknowledged nor refused permanently.
    pub(crate) unknown: usize,
    /// The unknown messages that are stored.
    pub(crate) unknown_stored: usize,
    pub(crate) stored: usize,
    /// Acknowledged but not stored, or not received by a reader.
    pub(crate) lost: usize,
    /// Stored twice, or received twice by a reader.
    pub(crate) duplicated: usize,
    /// Events that readers received.
    pub(crate) delivered: usize,
    pub(crate) readers: usize,
    pub(crate) connections: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, retries, acknowledged, refused, unknown, unknown_stored, stored, .. } = self;
        let Self { lost, duplicated, delivered, readers, connections, .. } = self;
        write!(
            f,
            "{sent} sent ({retries} retries), {acknowledged} acknowledged, {refused} refused, {unknown} unknown \
             ({unknown_stored} of them stored), {stored} stored, {delivered} delivered to {readers} readers on \
             {connections} connections, {lost} lost, {duplicated} duplicated"
        )
    }
}

/// The log's entries of one message.
struct Sending<'a> {
    conversation: Uuid,
    sender: Uuid,
    content: &'a str,
    attempts: usize,
    attempts_on: HashMap<ConnectionNumber, usize>,
    acknowledged: Vec<i64>,
    /// The codes of permanent refusals.
    refused: Vec<&'a str>,
}

/// The log's entries of one connection.
struct ConnectionLog<'a> {
    reader: ReaderNumber,
    user: Uuid,
    conversation: Uuid,
    after: i64,
    received: Vec<&'a Event>,
}

/// Returns the counts and the violations.
pub(crate) fn check(log: &[Entry], final_states: &[FinalState]) -> (Counts, Vec<Violation>) {
    let mut checker = Checker::read(log, final_states);
    for final_state in final_states {
        checker.numbering(final_state);
    }
    checker.sends(final_states);
    checker.readers();
    (checker.counts, checker.violations)
}

struct Checker<'a> {
    members: HashSet<(Uuid, Uuid)>,
    sends: BTreeMap<Uuid, Sending<'a>>,
    subscriptions: BTreeMap<ConnectionNumber, ConnectionLog<'a>>,
    /// The stored events by conversation and number.
    stored: HashMap<Uuid, BTreeMap<i64, &'a Event>>,
    counts: Counts,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn read(log: &'a [Entry], final_states: &'a [FinalState]) -> Self {
        let stored = final_states
            .iter()
            .map(|final_state| {
                (final_state.conversation, final_state.events.iter().map(|event| (event.seq, event)).collect())
            })
            .collect();
        let mut checker = Self {
            members: HashSet::new(),
            sends: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            stored,
            counts: Counts::default(),
            violations: Vec::new(),
        };
        for entry in log {
            checker.note(entry);
        }
        checker
    }

    fn note(&mut self, entry: &'a Entry) {
        let unsent = |id: &Uuid| panic!("the log has an answer before the send: {id}");
        match entry {
            Entry::Member { conversation, user } => {
                self.members.insert((*conversation, *user));
            }
            Entry::Sent { id, conversation, sender, content, on } => {
                let (conversation, sender) = (*conversation, *sender);
                let sending = self.sends.entry(*id).or_insert_with(|| Sending {
                    conversation,
                    sender,
                    content,
                    attempts: 0,
                    attempts_on: HashMap::new(),
                    acknowledged: Vec::new(),
                    refused: Vec::new(),
                });
                sending.attempts += 1;
                if let Some(on) = on {
                    *sending.attempts_on.entry(*on).or_default() += 1;
                }
            }
            Entry::Acknowledged { id, seq } => {
                self.sends.get_mut(id).unwrap_or_else(|| unsent(id)).acknowledged.push(*seq);
            }
            Entry::Refused { id, code, .. } => {
                let sending = self.sends.get_mut(id).unwrap_or_else(|| unsent(id));
                sending.refused.extend(Some(code.as_str()).filter(|code| !OPEN_CODES.contains(code)));
            }
            Entry::Opened { connection, reader, user, conversation, after } => {
                let (reader, user, conversation, after) = (*reader, *user, *conversation, *after);
                self.subscriptions
                    .insert(*connection, ConnectionLog { reader, user, conversation, after, received: Vec::new() });
            }
            Entry::Received { connection, event } => {
                self.subscriptions.get_mut(connection).unwrap().received.push(event);
            }
            Entry::Resumed | Entry::Draining { .. } | Entry::Closed { .. } => {}
        }
    }

    /// Checks that the replay is 1, 2, 3 … and that it has the messages of the history.
    fn numbering(&mut self, final_state: &FinalState) {
        for (expected, event) in (1..).zip(&final_state.events) {
            if event.seq != expected {
                let (conversation, found) = (final_state.conversation, event.seq);
                self.violations.push(Violation::Numbering { conversation, expected, found });
                break;
            }
        }
        // A message's own event has the number of the message. Edits, deletions and reactions have events of their own.
        let created = |event: &&Event| {
            !matches!(event.kind.as_str(), "message.updated" | "message.deleted" | "reactions.changed")
        };
        let replayed: Vec<(i64, Uuid)> =
            final_state.events.iter().filter(created).map(|event| (event.seq, event.id)).collect();
        let history: Vec<(i64, Uuid)> = final_state.messages.iter().map(|message| (message.seq, message.id)).collect();
        let first_difference = replayed.iter().zip(&history).find(|(one, other)| one != other).map(|(one, _)| one.0);
        let longer = replayed.get(history.len()).or_else(|| history.get(replayed.len())).map(|one| one.0);
        if let Some(seq) = first_difference.or(longer) {
            self.violations.push(Violation::HistoryMismatch { conversation: final_state.conversation, seq });
        }
    }

    /// Checks that each send is stored as the log requires, and that nothing else is stored.
    fn sends(&mut self, final_states: &[FinalState]) {
        let mut stored = HashMap::new();
        for (conversation, message) in final_states
            .iter()
            .flat_map(|final_state| final_state.messages.iter().map(|message| (final_state.conversation, message)))
        {
            if message.sent && !self.sends.contains_key(&message.id) {
                self.violations.push(Violation::NeverSent { id: message.id });
            }
            if stored.insert(message.id, (conversation, message)).is_some() {
                self.counts.duplicated += 1;
                self.violations.push(Violation::StoredTwice { id: message.id });
            }
        }
        self.counts.stored = stored.values().filter(|(_, message)| message.sent).count();
        self.counts.sent = self.sends.len();
        for (id, sending) in &self.sends {
            let (id, found) = (*id, stored.get(id));
            let refused_permanently = sending.refused.len() == sending.attempts;
            self.counts.retries += sending.attempts - 1;
            if !sending.acknowledged.is_empty() {
                self.counts.acknowledged += 1;
            } else if refused_permanently {
                self.counts.refused += 1;
            } else {
                self.counts.unknown += 1;
                self.counts.unknown_stored += usize::from(found.is_some());
            }
            let Some((conversation, message)) = found else {
                if let Some(seq) = sending.acknowledged.first() {
                    self.counts.lost += 1;
                    self.violations.push(Violation::Lost { id, seq: *seq });
                }
                continue;
            };
            if let Some(acknowledged) = sending.acknowledged.iter().find(|seq| **seq != message.seq) {
                let (acknowledged, stored) = (*acknowledged, message.seq);
                self.violations.push(Violation::Renumbered { id, acknowledged, stored });
            }
            if refused_permanently && sending.acknowledged.is_empty() {
                self.violations.push(Violation::Refused { id, code: sending.refused[0].to_owned() });
            }
            let same_content = message.content.as_deref().is_none_or(|content| content == sending.content);
            if *conversation != sending.conversation || message.sender != Some(sending.sender) || !same_content {
                self.violations.push(Violation::Altered { id });
            }
        }
    }

    /// Checks that each reader received everything once and in order, and nothing of other conversations.
    fn readers(&mut self) {
        self.counts.connections = self.subscriptions.len();
        let mut reached: BTreeMap<(ReaderNumber, Uuid), i64> = BTreeMap::new();
        for (connection, subscription) in &self.subscriptions {
            let ConnectionLog { reader, conversation, .. } = *subscription;
            let has = reached.entry((reader, conversation)).or_default();
            assert!(subscription.after <= *has, "reader {reader} resumed after {} and has {has}", subscription.after);
            let allowed = self.members.contains(&(conversation, subscription.user));
            let mut expected = subscription.after + 1;
            let mut acknowledged: HashMap<Uuid, usize> = HashMap::new();
            self.counts.delivered += subscription.received.len();
            for event in &subscription.received {
                if event.conversation != conversation || !allowed {
                    self.violations.push(Violation::Foreign { reader, conversation: event.conversation });
                    continue;
                }
                let stored = self.stored.get(&conversation).and_then(|stored| stored.get(&event.seq));
                if stored.is_none_or(|stored| stored.id != event.id) {
                    self.violations.push(Violation::Differs { reader, seq: event.seq });
                }
                // A retry is acknowledged on its connection alone, besides the delivery of the event there.
                let attempts = self.sends.get(&event.id).filter(|sending| sending.attempts > 1);
                let attempts = attempts.and_then(|sending| sending.attempts_on.get(connection)).copied().unwrap_or(0);
                if event.seq == expected {
                    expected += 1;
                } else if acknowledged.get(&event.id).is_none_or(|count| *count < attempts) && attempts > 0 {
                    *acknowledged.entry(event.id).or_default() += 1;
                } else if event.seq < expected {
                    self.counts.duplicated += 1;
                    self.violations.push(Violation::DuplicateDelivery { reader, seq: event.seq });
                } else {
                    self.counts.lost += usize::try_from(event.seq - expected).unwrap_or(0);
                    self.violations.push(Violation::Gap { reader, expected, got: event.seq });
                    expected = event.seq + 1;
                }
            }
            *has = (*has).max(expected - 1);
        }
        self.counts.readers = reached.len();
        for ((reader, conversation), has) in reached {
            let stored = self.stored.get(&conversation).and_then(|stored| stored.keys().max()).copied().unwrap_or(0);
            if has < stored {
                self.counts.lost += usize::try_from(stored - has).unwrap_or(0);
                self.violations.push(Violation::Incomplete { reader, has, stored });
            }
        }
    }
}
