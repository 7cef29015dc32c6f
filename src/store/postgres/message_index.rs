//! Writes the index of messages by their words. A `tsvector` is written by hand, because PostgreSQL's parsers cut words in their own ways.

use std::collections::HashSet;
use std::fmt::Write;

use futures_util::future::{join, join3, join4};

use super::connection::PgConnection;
use super::rows;
use crate::domain::message_search::{IndexStep, Words, conversation_key, sender_key};
use crate::domain::{ConversationId, Result, Seq, Timestamp, UserId};
use crate::store::queries::message_search::DELETE_CURSOR;
use crate::store::queries::row_limit;

/// version, conversations. In one order for all transactions, because an insert waits for one of the same row.
const INSERT_CURSORS: &str = "INSERT INTO search_cursors (version, conversation_id, seq) \
     SELECT $1, id, 0 FROM unnest($2::uuid[]) AS w (id) ORDER BY id ON CONFLICT DO NOTHING";
/// version, conversations. A statement of its own, so that the next ones see what other transactions committed while this one waited.
const LOCK_CURSORS: &str = "SELECT conversation_id, seq FROM search_cursors WHERE version = $1 AND conversation_id = ANY($2) \
     ORDER BY conversation_id FOR UPDATE";
/// The same, if all conversations are one.
const LOCK_CURSORS_OF_ONE: &str = "SELECT conversation_id, seq FROM search_cursors WHERE version = $1 \
     AND conversation_id = ($2::uuid[])[1] FOR UPDATE";
/// version, conversations, seqs, numbers at which the steps begin. Each array has one element for each message.
const DELETE_ENTRIES: &str = "DELETE FROM search_entries e \
     USING unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS w (conversation_id, seq, after) \
     JOIN search_cursors c ON c.version = $1 AND c.conversation_id = w.conversation_id AND c.seq = w.after \
     WHERE e.version = $1 AND e.conversation_id = w.conversation_id AND e.seq = w.seq";
/// version, conversations, seqs, numbers at which the steps begin, timestamps, words
const INSERT_ENTRIES: &str = "INSERT INTO search_entries (version, conversation_id, seq, timestamp, words) \
     SELECT $1, w.conversation_id, w.seq, w.timestamp, w.words::tsvector \
     FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[]) \
         AS w (conversation_id, seq, after, timestamp, words) \
     JOIN search_cursors c ON c.version = $1 AND c.conversation_id = w.conversation_id AND c.seq = w.after";
/// version, conversations, numbers at which the steps begin, numbers at which they end
const ADVANCE_CURSORS: &str = "UPDATE search_cursors c SET seq = w.up_to \
     FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS w (conversation_id, after, up_to) \
     WHERE c.version = $1 AND c.conversation_id = w.conversation_id AND c.seq = w.after";
/// version, conversation
const LOCK_CURSOR: &str = "SELECT 1 FROM search_cursors WHERE version = $1 AND conversation_id = $2 FOR UPDATE";
/// version, conversation, limit
const SWEEP_ENTRIES: &str = "DELETE FROM search_entries WHERE version = $1 AND conversation_id = $2 \
     AND seq IN (SELECT seq FROM search_entries WHERE version = $1 AND conversation_id = $2 ORDER BY seq LIMIT $3)";

/// Indexes steps, in one transaction and one round trip, or in one for each conversation of a distributed database. Returns the conversations of the
/// steps that it left out.
pub(super) async fn index_messages(
    connection: &PgConnection,
    version: i64,
    steps: &[IndexStep],
) -> Result<Vec<ConversationId>> {
    if !connection.is_distributed() {
        return index(connection, LOCK_CURSORS, version, steps).await;
    }
    let mut left_out = Vec::new();
    for step in steps.chunk_by(|one, next| one.conversation_id == next.conversation_id) {
        left_out.extend(Box::pin(index(connection, LOCK_CURSORS_OF_ONE, version, step)).await?);
    }
    Ok(left_out)
}

async fn index(
    connection: &PgConnection,
    lock_cursors: &'static str,
    version: i64,
    steps: &[IndexStep],
) -> Result<Vec<ConversationId>> {
    connection.prepare(&[INSERT_CURSORS, lock_cursors, DELETE_ENTRIES, INSERT_ENTRIES, ADVANCE_CURSORS]).await?;
    let ids: Vec<ConversationId> = steps.iter().map(|step| step.conversation_id).collect();
    let (after, up_to): (Vec<Seq>, Vec<Seq>) = steps.iter().map(|step| (step.after, step.up_to)).unzip();
    let entries = || steps.iter().flat_map(|step| step.entries.iter().map(move |entry| (step, entry)));
    let (mut deleted, mut inserted) = (Keys::default(), Keys::default());
    let (mut timestamps, mut words): (Vec<Timestamp>, Vec<String>) = (Vec::new(), Vec::new());
    for (step, entry) in entries() {
        if entry.seq <= step.after {
            deleted.push(step, entry.seq);
        }
        if let Some(of_entry) = &entry.words {
            inserted.push(step, entry.seq);
            timestamps.push(entry.timestamp);
            words.push(vector(of_entry, step.conversation_id, entry.sender_id));
        }
    }
    let ((begun, created, locked), (removed, added, advanced, committed)) = join(
        join3(
            connection.begin(),
            connection.send_count(INSERT_CURSORS, &[&version, &ids]),
            connection.send(lock_cursors, &[&version, &ids]),
        ),
        join4(
            connection.send_count(DELETE_ENTRIES, &[&version, &deleted.conversations, &deleted.seqs, &deleted.after]),
            connection.send_count(
                INSERT_ENTRIES,
                &[&version, &inserted.conversations, &inserted.seqs, &inserted.after, &timestamps, &words],
            ),
            connection.send_count(ADVANCE_CURSORS, &[&version, &ids, &after, &up_to]),
            connection.commit(),
        ),
    )
    .await;
    begun?;
    created?;
    let cursors: HashSet<(ConversationId, Seq)> = rows::all(&locked?, rows::pair)?.into_iter().collect();
    removed?;
    added?;
    advanced?;
    committed?;
    let is_left_out = |step: &&IndexStep| !cursors.contains(&(step.conversation_id, step.after));
    Ok(steps.iter().filter(is_left_out).map(|step| step.conversation_id).collect())
}

/// Messages of steps, as arrays.
#[derive(Default)]
struct Keys {
    conversations: Vec<ConversationId>,
    seqs: Vec<Seq>,
    after: Vec<Seq>,
}

impl Keys {
    fn push(&mut self, step: &IndexStep, seq: Seq) {
        self.conversations.push(step.conversation_id);
        self.seqs.push(seq);
        self.after.push(step.after);
    }
}

/// Returns the text of a `tsvector`. Words have only letters and digits, so that nothing needs to be escaped.
fn vector(words: &Words, conversation_id: ConversationId, sender_id: UserId) -> String {
    let mut text = format!("'{}' '{}'", conversation_key(conversation_id), sender_key(sender_id));
    for (word, places) in words.places() {
        text.push_str(" '");
        text.push_str(word);
        let mut separator = "':";
        for place in places {
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{place}");
            separator = ",";
        }
    }
    text
}

/// Deletes entries of a conversation, and its position if there are no more. Returns true if there may be more. One transaction in two round
/// trips: the lock keeps another node from indexing the conversation meanwhile.
pub(super) async fn sweep(connection: &PgConnection, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
    connection.prepare(&[LOCK_CURSOR, SWEEP_ENTRIES, DELETE_CURSOR]).await?;
    let limit = row_limit(limit);
    let (begun, locked, swept) = join3(
        connection.begin(),
        connection.send(LOCK_CURSOR, &[&version, &id]),
        connection.send_count(SWEEP_ENTRIES, &[&version, &id, &limit]),
    )
    .await;
    begun?;
    locked?;
    let has_more = i64::try_from(swept?).unwrap_or(i64::MAX) >= limit;
    if !has_more {
        connection.send_count(DELETE_CURSOR, &[&version, &id]).await?;
    }
    connection.commit().await?;
    Ok(has_more)
}

#[cfg(test)]
mod tests {
    use super::vector;
    use crate::domain::message_search::{IndexedEvent, TextChange, Words, conversation_key, index_step, sender_key};
    use crate::domain::{ConversationId, Timestamp, UserId};

    fn words(text: &str) -> Words {
        let (conversation_id, sender_id, text) = (ConversationId::new(), UserId::new(), Some(text.to_owned()));
        let change = Some(TextChange { message_seq: 1, sender_id, timestamp: Timestamp(0), text });
        let step = index_step(conversation_id, 0, [IndexedEvent { conversation_id, seq: 1, change }]);
        step.expect("valid").entries.remove(0).words.expect("valid")
    }

    #[test]
    fn a_vector_has_each_word_with_its_places() {
        let (id, sender_id) = (ConversationId::new(), UserId::new());
        let keys = format!("'{}' '{}'", conversation_key(id), sender_key(sender_id));
        assert_eq!(vector(&words("!"), id, sender_id), keys);
        let expected = keys + " 'be':2,6 'not':4 'or':3 'to':1,5";
        assert_eq!(vector(&words("To be or not to be"), id, sender_id), expected);
    }
}
