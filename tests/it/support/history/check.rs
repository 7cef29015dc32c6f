//! The checker: holds a log against the truth. It looks at nothing else, so that it can be shown made-up histories.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use super::{ConnectionNumber, Entry, Event, ReaderNumber, Truth};

/// Refusals that leave open whether the message is there.
const OPEN_CODES: [&str; 5] = ["busy", "draining", "internal", "timeout", "unavailable"];

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Acknowledged, and not stored.
    Lost { id: Uuid, seq: i64 },
    /// Stored with another number than an acknowledgement named.
    Renumbered { id: Uuid, acknowledged: i64, stored: i64 },
    /// Stored, or replayed, more than once.
    StoredTwice { id: Uuid },
    /// Stored although each try was refused for good.
    Refused { id: Uuid, code: String },
    /// Stored, and nobody sent it.
    FromNowhere { id: Uuid },
    /// Stored with another sender, in another conversation or with other words.
    Altered { id: Uuid },
    /// The replay's numbers are not 1, 2, 3 …
    Numbering { conversation: Uuid, expected: i64, found: i64 },
    /// History and replay differ.
    TwoTruths { conversation: Uuid, seq: i64 },
    /// A reader was given a number too early: what is between is missing.
    Hole { reader: ReaderNumber, expected: i64, got: i64 },
    /// A reader was given an event again on one connection.
    Again { reader: ReaderNumber, seq: i64 },
    /// A reader was given another event than the one that is stored under this number.
    Differs { reader: ReaderNumber, seq: i64 },
    /// A reader has caught up, and the rest is missing.
    Incomplete { reader: ReaderNumber, has: i64, stored: i64 },
    /// A reader was given what is not for them.
    Foreign { reader: ReaderNumber, conversation: Uuid },
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages that were sent, however often.
    pub(crate) sent: usize,
    /// Tries beyond each message's first.
    pub(crate) retries: usize,
    pub(crate) acknowledged: usize,
    /// Refused for good, and never acknowledged.
    pub(crate) refused: usize,
    /// Neither acknowledged nor refused for good.
    pub(crate) unknown: usize,
    /// Of the unknown, those that are stored.
    pub(crate) unknown_stored: usize,
    pub(crate) stored: usize,
    /// Acknowledged and not stored, or missing at a reader's.
    pub(crate) lost: usize,
    /// Stored twice, or given to a reader twice.
    pub(crate) doubled: usize,
    /// Events that reached readers.
    pub(crate) delivered: usize,
    pub(crate) readers: usize,
    pub(crate) connections: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, retries, acknowledged, refused, unknown, unknown_stored, stored, .. } = self;
        let Self { lost, doubled, delivered, readers, connections, .. } = self;
        write!(
            f,
            "{sent} sent ({retries} retries), {acknowledged} acknowledged, {refused} refused, {unknown} unknown \
             ({unknown_stored} of them stored), {stored} stored, {delivered} delivered to {readers} readers on \
             {connections} connections, {lost} lost, {doubled} doubled"
        )
    }
}

/// What is known of a message from its sender.
struct Sending<'a> {
    conversation: Uuid,
    sender: Uuid,
    content: &'a str,
    tries: usize,
    tries_on: HashMap<ConnectionNumber, usize>,
    acknowledged: Vec<i64>,
    /// Codes of refusals for good.
    refused: Vec<&'a str>,
}

/// What is known of a connection from its reader.
struct SubscriptionState<'a> {
    reader: ReaderNumber,
    user: Uuid,
    conversation: Uuid,
    after: i64,
    got: Vec<&'a Event>,
}

/// What was counted, and what is wrong.
pub(crate) fn check(log: &[Entry], truths: &[Truth]) -> (Counts, Vec<Violation>) {
    let mut checker = Checker::read(log, truths);
    for truth in truths {
        checker.numbering(truth);
    }
    checker.sends(truths);
    checker.readers();
    (checker.counts, checker.violations)
}

struct Checker<'a> {
    members: HashSet<(Uuid, Uuid)>,
    sends: BTreeMap<Uuid, Sending<'a>>,
    hearings: BTreeMap<ConnectionNumber, SubscriptionState<'a>>,
    /// The stored events by conversation and number.
    stored: HashMap<Uuid, BTreeMap<i64, &'a Event>>,
    counts: Counts,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn read(log: &'a [Entry], truths: &'a [Truth]) -> Self {
        let stored = truths
            .iter()
            .map(|truth| (truth.conversation, truth.events.iter().map(|event| (event.seq, event)).collect()))
            .collect();
        let mut checker = Self {
            members: HashSet::new(),
            sends: BTreeMap::new(),
            hearings: BTreeMap::new(),
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
        let unsent = |id: &Uuid| panic!("the log has an answer before the question: {id}");
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
                    tries: 0,
                    tries_on: HashMap::new(),
                    acknowledged: Vec::new(),
                    refused: Vec::new(),
                });
                sending.tries += 1;
                if let Some(on) = on {
                    *sending.tries_on.entry(*on).or_default() += 1;
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
                self.hearings
                    .insert(*connection, SubscriptionState { reader, user, conversation, after, got: Vec::new() });
            }
            Entry::Got { connection, event } => self.hearings.get_mut(connection).unwrap().got.push(event),
            Entry::Resumed | Entry::Draining { .. } | Entry::Closed { .. } => {}
        }
    }

    /// The replay is 1, 2, 3 …; each of the history's messages is in it.
    fn numbering(&mut self, truth: &Truth) {
        for (expected, event) in (1..).zip(&truth.events) {
            if event.seq != expected {
                let (conversation, found) = (truth.conversation, event.seq);
                self.violations.push(Violation::Numbering { conversation, expected, found });
                break;
            }
        }
        // A message's own event is the one under its number; what was changed later has events of its own.
        let created = |event: &&Event| !matches!(event.kind.as_str(), "message.updated" | "message.deleted");
        let replayed: Vec<(i64, Uuid)> =
            truth.events.iter().filter(created).map(|event| (event.seq, event.id)).collect();
        let history: Vec<(i64, Uuid)> = truth.messages.iter().map(|message| (message.seq, message.id)).collect();
        let first_difference = replayed.iter().zip(&history).find(|(one, other)| one != other).map(|(one, _)| one.0);
        let longer = replayed.get(history.len()).or_else(|| history.get(replayed.len())).map(|one| one.0);
        if let Some(seq) = first_difference.or(longer) {
            self.violations.push(Violation::TwoTruths { conversation: truth.conversation, seq });
        }
    }

    /// Each send is stored as it should be, and nothing else is.
    fn sends(&mut self, truths: &[Truth]) {
        let mut stored = HashMap::new();
        for (conversation, message) in
            truths.iter().flat_map(|truth| truth.messages.iter().map(|message| (truth.conversation, message)))
        {
            if message.sent && !self.sends.contains_key(&message.id) {
                self.violations.push(Violation::FromNowhere { id: message.id });
            }
            if stored.insert(message.id, (conversation, message)).is_some() {
                self.counts.doubled += 1;
                self.violations.push(Violation::StoredTwice { id: message.id });
            }
        }
        self.counts.stored = stored.values().filter(|(_, message)| message.sent).count();
        self.counts.sent = self.sends.len();
        for (id, sending) in &self.sends {
            let (id, found) = (*id, stored.get(id));
            let refused_for_good = sending.refused.len() == sending.tries;
            self.counts.retries += sending.tries - 1;
            if !sending.acknowledged.is_empty() {
                self.counts.acknowledged += 1;
            } else if refused_for_good {
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
            if refused_for_good && sending.acknowledged.is_empty() {
                self.violations.push(Violation::Refused { id, code: sending.refused[0].to_owned() });
            }
            let same_words = message.content.as_deref().is_none_or(|content| content == sending.content);
            if *conversation != sending.conversation || message.sender != Some(sending.sender) || !same_words {
                self.violations.push(Violation::Altered { id });
            }
        }
    }

    /// Each reader has everything, in order, once, and nothing of others.
    fn readers(&mut self) {
        self.counts.connections = self.hearings.len();
        let mut reached: BTreeMap<(ReaderNumber, Uuid), i64> = BTreeMap::new();
        for (connection, hearing) in &self.hearings {
            let SubscriptionState { reader, conversation, .. } = *hearing;
            let has = reached.entry((reader, conversation)).or_default();
            assert!(hearing.after <= *has, "reader {reader} asked for what is after {} and has {has}", hearing.after);
            let allowed = self.members.contains(&(conversation, hearing.user));
            let mut expected = hearing.after + 1;
            let mut answers: HashMap<Uuid, usize> = HashMap::new();
            self.counts.delivered += hearing.got.len();
            for event in &hearing.got {
                if event.conversation != conversation || !allowed {
                    self.violations.push(Violation::Foreign { reader, conversation: event.conversation });
                    continue;
                }
                let stored = self.stored.get(&conversation).and_then(|stored| stored.get(&event.seq));
                if stored.is_none_or(|stored| stored.id != event.id) {
                    self.violations.push(Violation::Differs { reader, seq: event.seq });
                }
                // A retry is answered on its connection alone, whatever is delivered there besides.
                let tries = self.sends.get(&event.id).filter(|sending| sending.tries > 1);
                let tries = tries.and_then(|sending| sending.tries_on.get(connection)).copied().unwrap_or(0);
                if event.seq == expected {
                    expected += 1;
                } else if answers.get(&event.id).is_none_or(|answered| *answered < tries) && tries > 0 {
                    *answers.entry(event.id).or_default() += 1;
                } else if event.seq < expected {
                    self.counts.doubled += 1;
                    self.violations.push(Violation::Again { reader, seq: event.seq });
                } else {
                    self.counts.lost += usize::try_from(event.seq - expected).unwrap_or(0);
                    self.violations.push(Violation::Hole { reader, expected, got: event.seq });
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
