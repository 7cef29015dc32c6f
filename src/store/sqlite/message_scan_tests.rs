//! Tests of the walk through the index of messages.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{CREATE_PLACES, are_beginnings_few, find, run_until};
use crate::domain::message_search::{IndexedEvent, MessagePosition, MessageQuery, Search, TextChange, index_step};
use crate::domain::{ConversationId, Seq, Timestamp, UserId};
use crate::limits;
use crate::store::Opening;
use crate::store::queries::row_limit;
use crate::store::sqlite::connection;
use crate::store::sqlite::message_index::index_messages;

/// More than are compared at a time, and than have their places collected.
const MESSAGES: Seq = 6_000;
/// The oldest messages, which have a word of their own.
const OLD: Seq = 100;
/// Messages of a page.
const LIMIT: usize = 1_000;
/// Long enough for everything here.
const NEVER: Duration = Duration::from_secs(60);

/// A database with an index of one conversation, and its reader. A message has `common`, a word that begins with `pre`, and one of its own;
/// the oldest have `old` besides.
fn indexed() -> (TempDir, Connection, UserId) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = connection::writer(&folder.path().join("chinwag.db"), Opening::Migrate).expect("a database");
    db.execute_batch(CREATE_PLACES).expect("the places of words");
    db.pragma_update(None, "foreign_keys", "OFF").expect("members without users");
    let (conversation_id, reader_id) = (ConversationId::new(), UserId::new());
    let member = "INSERT INTO members (conversation_id, user_id, role, joined_at) VALUES (?1, ?2, 'member', 0)";
    db.execute(member, params![conversation_id, reader_id]).expect("a member");
    let event = |seq: Seq| {
        let old = if seq <= OLD { " old" } else { "" };
        let text = Some(format!("common pre{} w{seq}{old}", seq % 1_000));
        let change = TextChange { message_seq: seq, sender_id: reader_id, timestamp: time_of(seq), text };
        IndexedEvent { conversation_id, seq, change: Some(change) }
    };
    let step = index_step(conversation_id, 0, (1..=MESSAGES).map(event)).expect("events");
    index_messages(&db, 1, vec![step]).expect("indexed");
    (folder, db, reader_id)
}

/// Two messages have the same millisecond.
fn time_of(seq: Seq) -> Timestamp {
    Timestamp(seq / 2 * 1_000)
}

fn search(reader_id: UserId, q: &str, before: MessagePosition) -> Search {
    let terms = MessageQuery::parse(q).expect("a query").terms;
    let (sender_id, conversation_ids, since, limit) = (None, None, Timestamp(0), LIMIT);
    Search { reader_id, terms, sender_id, conversation_ids, since, before, limit }
}

/// Returns the numbers that a search finds, newest first, and the number of its pages, each of which has `time`.
fn all_pages(db: &mut Connection, reader_id: UserId, q: &str, time: Duration) -> (Vec<Seq>, usize) {
    let (mut all, mut pages, mut before) = (Vec::new(), 0, MessagePosition::LAST);
    loop {
        let (found, next) = find(db, 1, &search(reader_id, q, before), Instant::now() + time).expect("a page");
        all.extend(found.iter().map(|position| position.seq));
        pages += 1;
        match next {
            Some(next) => {
                assert!(next < before, "{q}: it gets on");
                before = next;
            }
            None => return (all, pages),
        }
    }
}

/// Returns the numbers of the messages whose word `pre…` begins like this.
fn with_beginning(beginning: &str) -> Vec<Seq> {
    (1..=MESSAGES).rev().filter(|seq| format!("pre{}", seq % 1_000).starts_with(beginning)).collect()
}

#[test]
fn a_search_whose_time_is_over_ends_and_goes_on() {
    let (_folder, mut db, reader_id) = indexed();
    let old: Vec<Seq> = (1..=OLD).rev().collect();
    for (q, expected) in [
        ("\"old\"", old.clone()),
        ("common \"old\"", old),
        ("\"common pre77", with_beginning("pre77")),
        ("pre", with_beginning("pre")),
        ("w4321 \"common\"", vec![4_321]),
        ("\"w4321 common\"", Vec::new()),
    ] {
        let (found, pages) = all_pages(&mut db, reader_id, q, NEVER);
        assert_eq!(found, expected, "{q}");
        assert_eq!(pages, expected.len().div_ceil(LIMIT).max(1), "{q}: all of them in time");
        let (found, hurried_pages) = all_pages(&mut db, reader_id, q, Duration::ZERO);
        assert_eq!(found, expected, "{q}: in hurried pages");
        if q.contains("old") {
            assert!(hurried_pages > pages, "{q}: SQLite was not interrupted, {hurried_pages} of {pages}");
        }
    }
}

#[test]
fn a_statement_without_an_end_ends_and_later_ones_have_no_deadline() {
    let mut db = Connection::open_in_memory().expect("a database");
    let count_to = |db: &Connection, most: i64| {
        let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT ?1) SELECT count(*) FROM n";
        Ok(db.query_row(sql, [most], |row| row.get::<_, i64>(0))?)
    };
    // SQLite takes a negative limit for none.
    assert_eq!(run_until(&mut db, Instant::now(), |db| count_to(db, -1)), Ok(None));
    assert_eq!(count_to(&db, 100_000), Ok(100_000));
    let syntax = run_until(&mut db, Instant::now(), |db| Ok(db.execute_batch("SELEC 1")?));
    assert!(syntax.is_err(), "another failure is not the end of the time");
}

#[test]
fn only_few_places_of_a_beginning_are_collected() {
    let (_folder, db, reader_id) = indexed();
    let are_few = |q: &str| are_beginnings_few(&db, &search(reader_id, q, MessagePosition::LAST));
    assert!(MESSAGES > row_limit(limits::SEARCH_COLLECTED_MAX), "so many messages have it");
    assert_eq!((are_few("pre"), are_few("\"common pre"), are_few("com")), (Ok(false), Ok(false), Ok(false)));
    assert_eq!(
        (are_few("pre77"), are_few("old"), are_few("\"common\""), are_few("xy")),
        (Ok(true), Ok(true), Ok(true), Ok(true))
    );
}
