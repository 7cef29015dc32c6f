//! Tests of the checker: it finds each kind of violation in invented histories, and nothing in a correct one.

use uuid::Uuid;

use crate::support::history::{Counts, Entry, Event, FinalState, StoredMessage, Violation, check};

const ROOM: Uuid = Uuid::from_u128(1);
const ELSEWHERE: Uuid = Uuid::from_u128(2);
const ADA: Uuid = Uuid::from_u128(11);
const GRACE: Uuid = Uuid::from_u128(12);
/// Readers: Ada's and Grace's.
const HERS: u32 = 0;
const THEIRS: u32 = 1;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(100 + number)
}

fn event(number: u128, seq: i64) -> Event {
    Event { conversation: ROOM, seq, kind: "message.new".to_owned(), id: id(number) }
}

fn stored(number: u128, seq: i64) -> StoredMessage {
    StoredMessage { id: id(number), seq, sender: Some(ADA), content: Some("words".to_owned()), sent: true }
}

fn sent(number: u128, on: u32) -> Entry {
    Entry::Sent { id: id(number), conversation: ROOM, sender: ADA, content: "words".to_owned(), on: Some(on) }
}

fn acknowledged(number: u128, seq: i64) -> Entry {
    Entry::Acknowledged { id: id(number), seq }
}

fn refused(number: u128, code: &str) -> Entry {
    Entry::Refused { id: id(number), code: code.to_owned(), retry_after_ms: None }
}

fn opened(connection: u32, reader: u32, after: i64) -> Entry {
    let user = if reader == HERS { ADA } else { GRACE };
    Entry::Opened { connection, reader, user, conversation: ROOM, after }
}

fn got(connection: u32, number: u128, seq: i64) -> Entry {
    Entry::Received { connection, event: event(number, seq) }
}

/// Ada, on connection 10 and after a crash on 12, has sent three messages, the second one twice. Grace has received them on
/// connection 11.
fn history() -> (Vec<Entry>, FinalState) {
    let member = |user| Entry::Member { conversation: ROOM, user };
    let log = vec![
        member(ADA),
        member(GRACE),
        opened(10, HERS, 0),
        opened(11, THEIRS, 0),
        sent(1, 10),
        got(10, 1, 1),
        acknowledged(1, 1),
        got(11, 1, 1),
        sent(2, 10),
        opened(12, HERS, 1),
        sent(2, 12),
        got(12, 2, 2),
        acknowledged(2, 2),
        got(11, 2, 2),
        sent(3, 12),
        got(12, 3, 3),
        acknowledged(3, 3),
        got(11, 3, 3),
    ];
    let numbers = [(1, 1), (2, 2), (3, 3)];
    let messages = numbers.map(|(number, seq)| stored(number, seq)).to_vec();
    let events = numbers.map(|(number, seq)| event(number, seq)).to_vec();
    (log, FinalState { conversation: ROOM, messages, events })
}

/// Returns the violations after a change to the correct history.
fn found(change: impl FnOnce(&mut Vec<Entry>, &mut FinalState)) -> Vec<Violation> {
    let (mut log, mut final_state) = history();
    change(&mut log, &mut final_state);
    check(&log, &[final_state]).1
}

/// Returns the index of an entry of the correct history.
fn index_of(log: &[Entry], expected: &Entry) -> usize {
    log.iter().position(|entry| format!("{entry:?}") == format!("{expected:?}")).unwrap()
}

fn forget(log: &mut Vec<Entry>, entry: &Entry) {
    log.remove(index_of(log, entry));
}

#[test]
fn a_good_history_is_counted() {
    let (log, final_state) = history();
    let counts = Counts {
        sent: 3,
        retries: 1,
        acknowledged: 3,
        stored: 3,
        delivered: 6,
        readers: 2,
        connections: 3,
        ..Counts::default()
    };
    assert_eq!(check(&log, &[final_state]), (counts, vec![]));
}

#[test]
fn what_may_be_so_is_no_violation() {
    // The acknowledgement of a retry, besides its event: before its index_of in the order, or after it.
    assert_eq!(found(|log, _| log.push(got(12, 2, 2))), []);
    assert_eq!(found(|log, _| log.insert(index_of(log, &got(12, 2, 2)), got(12, 2, 2))), []);
    // Never acknowledged, and stored or not.
    assert_eq!(found(|log, _| forget(log, &acknowledged(2, 2))), []);
    assert_eq!(found(|log, _| log.push(sent(4, 12))), []);
    // Refused as retryable, and stored.
    assert_eq!(found(|log, _| log.extend([sent(3, 12), refused(3, "unavailable")])), []);
    // Refused permanently and not stored; or refused permanently after an attempt that may have succeeded.
    assert_eq!(found(|log, _| log.extend([sent(4, 12), refused(4, "not_found")])), []);
    let refused_later = found(|log, _| {
        forget(log, &acknowledged(2, 2));
        log.push(refused(2, "not_found"));
    });
    assert_eq!(refused_later, []);
    // An edit has a number of its own.
    let edited = Event { kind: "message.updated".to_owned(), ..event(1, 4) };
    let with_an_edit = found(|log, final_state| {
        final_state.events.push(edited.clone());
        final_state.messages[0].content = None;
        log.extend([11, 12].map(|connection| Entry::Received { connection, event: edited.clone() }));
    });
    assert_eq!(with_an_edit, []);
}

#[test]
fn what_is_lost_is_found() {
    let gone = found(|_, final_state| {
        final_state.messages.pop();
        final_state.events.pop();
    });
    assert!(gone.contains(&Violation::Lost { id: id(3), seq: 3 }), "{gone:?}");
    let renumbered = found(|log, _| log.push(acknowledged(1, 7)));
    assert_eq!(renumbered, [Violation::Renumbered { id: id(1), acknowledged: 7, stored: 1 }]);
    let altered = found(|_, final_state| final_state.messages[1].content = Some("other words".to_owned()));
    assert_eq!(altered, [Violation::Altered { id: id(2) }]);
    let another_sender = found(|_, final_state| final_state.messages[1].sender = Some(GRACE));
    assert_eq!(another_sender, [Violation::Altered { id: id(2) }]);
}

#[test]
fn what_should_not_be_there_is_found() {
    let add = |final_state: &mut FinalState, number| {
        final_state.messages.push(stored(number, 4));
        final_state.events.push(event(number, 4));
    };
    let twice = found(|_, final_state| add(final_state, 2));
    assert!(twice.contains(&Violation::StoredTwice { id: id(2) }), "{twice:?}");
    let never_sent = found(|_, final_state| add(final_state, 9));
    assert!(never_sent.contains(&Violation::NeverSent { id: id(9) }), "{never_sent:?}");
    let refused = found(|log, final_state| {
        add(final_state, 4);
        log.extend([sent(4, 12), refused(4, "not_found"), got(11, 4, 4), got(12, 4, 4)]);
    });
    assert_eq!(refused, [Violation::Refused { id: id(4), code: "not_found".to_owned() }]);
}

#[test]
fn bad_numbering_is_found() {
    let numbering = |expected, found| Violation::Numbering { conversation: ROOM, expected, found };
    let gap = found(|_, final_state| {
        final_state.events[2].seq = 4;
        final_state.messages[2].seq = 4;
    });
    assert!(gap.contains(&numbering(3, 4)), "{gap:?}");
    let twice = found(|_, final_state| final_state.events.insert(1, event(1, 1)));
    assert!(twice.contains(&numbering(2, 1)), "{twice:?}");
    let disorder = found(|_, final_state| final_state.events.swap(0, 1));
    assert!(disorder.contains(&numbering(1, 2)), "{disorder:?}");
    let history_mismatch = |seq| [Violation::HistoryMismatch { conversation: ROOM, seq }];
    assert_eq!(found(|_, final_state| final_state.messages[1].seq = 9)[0], history_mismatch(2)[0]);
    let only_replayed = found(|log, final_state| {
        log.extend([11, 12].map(|connection| got(connection, 4, 4)));
        final_state.events.push(event(4, 4));
    });
    assert_eq!(only_replayed, history_mismatch(4));
}

#[test]
fn what_a_reader_should_not_see_or_not_see_so_is_found() {
    let theirs = |violation: fn(u32) -> Violation| [violation(THEIRS)];
    let gap = found(|log, _| forget(log, &got(11, 2, 2)));
    assert_eq!(gap, theirs(|reader| Violation::Gap { reader, expected: 2, got: 3 }));
    let again = found(|log, _| log.push(got(11, 2, 2)));
    assert_eq!(again, theirs(|reader| Violation::DuplicateDelivery { reader, seq: 2 }));
    let own_again = found(|log, _| log.push(got(12, 3, 3)));
    assert_eq!(own_again, [Violation::DuplicateDelivery { reader: HERS, seq: 3 }], "it was sent once only");
    let too_often = found(|log, _| log.extend([got(12, 2, 2), got(12, 2, 2)]));
    assert_eq!(
        too_often,
        [Violation::DuplicateDelivery { reader: HERS, seq: 2 }],
        "it was sent once on this connection"
    );
    let another = found(|log, _| *log.last_mut().unwrap() = got(11, 2, 3));
    assert_eq!(another, theirs(|reader| Violation::Differs { reader, seq: 3 }));
    let incomplete = found(|log, _| forget(log, &got(11, 3, 3)));
    assert_eq!(incomplete, theirs(|reader| Violation::Incomplete { reader, has: 2, stored: 3 }));
    let foreign = found(|log, _| {
        let event = Event { conversation: ELSEWHERE, ..event(1, 1) };
        log.push(Entry::Received { connection: 11, event });
    });
    assert_eq!(foreign, [Violation::Foreign { reader: THEIRS, conversation: ELSEWHERE }]);
    let stranger = found(|log, _| forget(log, &Entry::Member { conversation: ROOM, user: GRACE }));
    assert!(stranger.contains(&Violation::Foreign { reader: THEIRS, conversation: ROOM }), "{stranger:?}");
}
