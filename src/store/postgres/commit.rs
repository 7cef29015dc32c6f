//! Commits a batch of new messages in one transaction and one round trip.

use futures_util::future::{OptionFuture, join5};
use tokio_postgres::Row;

use super::connection::{Params, PgConnection};
use super::messages::outer_joined_message;
use super::quotes::{QUOTES, Quotes, add_quotes, read_quotes, set_quote};
use super::rows::Columns;
use crate::domain::command::{NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::rules::contact::declined;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};
use crate::limits;
use crate::store::queries::messages::message_columns;

/// conversations. A statement of its own, so that the next one sees what other transactions committed while this one waited. All
/// transactions lock counters in one order, because two batches could otherwise wait for each other.
const LOCK: &str = "SELECT 1 FROM counters WHERE conversation_id = ANY($1) ORDER BY conversation_id FOR UPDATE";

/// conversations, ids, senders, contents, replies, timestamps. Each array has one element for each message.
///
/// `judged` looks up each message by its id, its sender's membership (whose row is marked if there is a block), and the message that it replies to. `numbered` gives numbers after
/// the conversation's counter, in the order of the batch. The statement returns one row for each message: its number if it is new, true
/// if its sender is a member, true if a block refuses it, and the stored message with its id, if there is one. (To look that up by NULL costs nothing.)
const COMMIT: &str = concat!(
    "WITH batch AS ( \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[]) \
             WITH ORDINALITY AS b (conversation_id, id, sender_id, content, reply_to, timestamp, place) \
     ), judged AS ( \
         SELECT b.*, stored.id AS stored_id, mb.user_id IS NOT NULL AS is_member, mb.is_blocked IS TRUE AS is_blocked, k.last_seq, \
             stored.id IS NULL AND mb.is_blocked IS FALSE AND (b.reply_to IS NULL OR answered.id IS NOT NULL) AS is_fresh \
         FROM batch b \
         LEFT JOIN messages stored ON stored.conversation_id = b.conversation_id AND stored.id = b.id \
         LEFT JOIN members mb ON mb.conversation_id = b.conversation_id AND mb.user_id = b.sender_id \
         LEFT JOIN messages answered ON answered.conversation_id = b.conversation_id AND answered.id = b.reply_to \
         LEFT JOIN counters k ON k.conversation_id = b.conversation_id \
     ), numbered AS MATERIALIZED ( \
         SELECT j.*, CASE WHEN is_fresh THEN last_seq + count(*) FILTER (WHERE is_fresh) \
             OVER (PARTITION BY conversation_id ORDER BY place ROWS UNBOUNDED PRECEDING) END AS seq \
         FROM judged j \
     ), inserted AS ( \
         INSERT INTO messages (conversation_id, seq, id, sender_id, content, reply_to, timestamp) \
         SELECT conversation_id, seq, id, sender_id, content, reply_to, timestamp FROM numbered WHERE is_fresh \
     ), counted AS ( \
         UPDATE counters k SET last_seq = n.seq, active_at = greatest(k.active_at, n.timestamp) \
         FROM (SELECT conversation_id, max(seq) AS seq, max(timestamp) AS timestamp FROM numbered WHERE is_fresh \
             GROUP BY conversation_id) n \
         WHERE k.conversation_id = n.conversation_id \
     ), received AS ( \
         UPDATE members mb SET delivered_seq = greatest(mb.delivered_seq, n.seq), read_seq = greatest(mb.read_seq, n.seq), \
             unread_from_seq = NULL \
         FROM (SELECT conversation_id, sender_id, max(seq) AS seq FROM numbered WHERE is_fresh \
             GROUP BY conversation_id, sender_id) n \
         WHERE mb.conversation_id = n.conversation_id AND mb.user_id = n.sender_id \
     ) \
     SELECT n.seq, n.is_member, n.is_blocked, ",
    message_columns!(),
    " FROM numbered n LEFT JOIN messages m ON m.conversation_id = n.conversation_id AND m.id = n.stored_id ORDER BY n.place"
);

/// Commits a batch. The caller bounds the time.
pub(super) async fn commit(connection: &PgConnection, batch: &[NewMessage]) -> Result<Vec<Result<Outcome>>> {
    let conversations: Vec<ConversationId> = batch.iter().map(|new| new.conversation_id).collect();
    let ids: Vec<MessageId> = batch.iter().map(|new| new.id).collect();
    let senders: Vec<UserId> = batch.iter().map(|new| new.sender_id).collect();
    let contents: Vec<&str> = batch.iter().map(|new| new.content.as_str()).collect();
    let replies: Vec<Option<MessageId>> = batch.iter().map(|new| new.reply_to).collect();
    let timestamps: Vec<Timestamp> = batch.iter().map(|new| new.timestamp).collect();
    let mut locks = conversations.clone();
    locks.sort_unstable();
    locks.dedup();

    // The messages that the batch answers, under the lock and in the same round trip.
    let answered = batch.iter().filter_map(|new| new.reply_to.map(|id| (new.conversation_id, id)));
    let (answered_in, answered_ids): (Vec<ConversationId>, Vec<MessageId>) = answered.unzip();
    let with_quotes: Params<'_> = &[&limits::QUOTE_CHARS_MAX, &answered_in, &answered_ids];

    connection.prepare(if answered_ids.is_empty() { &[LOCK, COMMIT] } else { &[LOCK, COMMIT, QUOTES] }).await?;
    let (begun, locked, rows, quotes, committed) = join5(
        connection.begin(),
        connection.send(LOCK, &[&locks]),
        connection.send(COMMIT, &[&conversations, &ids, &senders, &contents, &replies, &timestamps]),
        OptionFuture::from((!answered_ids.is_empty()).then(|| Box::pin(connection.send(QUOTES, with_quotes)))),
        connection.commit(),
    )
    .await;
    // The statements' results first: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    begun?;
    locked?;
    let rows = rows?;
    let quotes = quotes.transpose()?;
    committed?;
    if rows.len() != batch.len() {
        return Err(Error::internal(format!("PostgreSQL: {} rows for {} messages", rows.len(), batch.len())));
    }
    let quotes = quotes.map_or_else(Quotes::new, |rows| read_quotes(&rows));
    // The batch is committed: a row that cannot be read fails only its own message.
    let mut outcomes: Vec<Result<Outcome>> =
        batch.iter().zip(&rows).map(|(new, row)| outcome(new, row, &quotes)).collect();
    let retried = outcomes.iter_mut().filter_map(|outcome| match outcome {
        Ok(Outcome::Duplicate(message)) => Some(message),
        _ => None,
    });
    // Only retries of answers take this round trip. A retry without its quote is better than one without its message.
    let _ = add_quotes(connection, retried.collect()).await;
    Ok(outcomes)
}

fn outcome(new: &NewMessage, row: &Row, quotes: &Quotes) -> Result<Outcome> {
    let mut columns = Columns::of(row);
    let seq: Option<Seq> = columns.next()?;
    let (is_member, is_blocked): (bool, bool) = (columns.next()?, columns.next()?);
    match (seq, outer_joined_message(&mut columns)?) {
        (Some(seq), _) => {
            let mut message = new.with_seq(seq);
            set_quote(&mut message, quotes);
            Ok(Outcome::Committed(Event::created(message)))
        }
        (None, Some(stored)) => Outcome::duplicate_send(stored, new.sender_id, is_member),
        (None, None) if !is_member => Err(Error::not_found("conversation")),
        (None, None) if is_blocked => Err(declined()),
        (None, None) => Err(Error::field("reply_to", "there is no such message in this conversation")),
    }
}
