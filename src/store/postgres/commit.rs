//! Commits a batch of new messages in one transaction and one round trip, or two if a text has an `@`.

use futures_util::future::{OptionFuture, join3, join5};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Params, PgConnection};
use super::mentions::{self, MentionRows};
use super::messages::outer_joined_message;
use super::quotes::{QUOTES, Quotes, add_quotes, read_quotes, set_quote};
use super::rows::Columns;
use crate::domain::command::{NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::mentions::{MentionedNames, Mentions};
use crate::domain::rules::contact::declined;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};
use crate::limits;
use crate::store::queries::messages::message_columns;

/// conversations. A statement of its own, so that the next one sees what other transactions committed while this one waited. All
/// transactions lock counters in one order, because two batches could otherwise wait for each other.
const LOCK: &str = "SELECT 1 FROM counters WHERE conversation_id = ANY($1) ORDER BY conversation_id FOR UPDATE";

/// The statement that commits a batch. The arguments add the mentions of its messages: their array, its column, and the statement that inserts them.
macro_rules! commit_statement {
    ($array:literal, $column:literal, $inserted:literal) => {
        concat!(
            "WITH batch AS ( \
                 SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[]",
            $array,
            ") WITH ORDINALITY AS b (conversation_id, id, sender_id, content, reply_to, timestamp",
            $column,
            ", place) \
             ), judged AS ( \
                 SELECT b.*, stored.id AS stored_id, mb.user_id IS NOT NULL AS is_member, mb.is_blocked IS TRUE AS is_blocked, k.last_seq, \
                     stored.id IS NULL AND mb.is_blocked IS FALSE AND (b.reply_to IS NULL OR answered.id IS NOT NULL) AS is_fresh \
                 FROM batch b \
                 LEFT JOIN LATERAL (SELECT id FROM messages WHERE conversation_id = b.conversation_id AND id = b.id LIMIT 1) stored ON true \
                 LEFT JOIN LATERAL (SELECT user_id, is_blocked FROM members \
                     WHERE conversation_id = b.conversation_id AND user_id = b.sender_id LIMIT 1) mb ON true \
                 LEFT JOIN LATERAL (SELECT id FROM messages \
                     WHERE conversation_id = b.conversation_id AND id = b.reply_to LIMIT 1) answered ON true \
                 LEFT JOIN LATERAL (SELECT last_seq FROM counters WHERE conversation_id = b.conversation_id LIMIT 1) k ON true \
             ), numbered AS MATERIALIZED ( \
                 SELECT j.*, CASE WHEN is_fresh THEN last_seq + count(*) FILTER (WHERE is_fresh) \
                     OVER (PARTITION BY conversation_id ORDER BY place ROWS UNBOUNDED PRECEDING) END AS seq \
                 FROM judged j \
             ), inserted AS ( \
                 INSERT INTO messages (conversation_id, seq, id, sender_id, content, reply_to, timestamp",
            $column,
            ") SELECT conversation_id, seq, id, sender_id, content, reply_to, timestamp",
            $column,
            " FROM numbered WHERE is_fresh \
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
             )",
            $inserted,
            " SELECT n.seq, n.is_member, n.is_blocked, ",
            message_columns!(),
            " FROM numbered n LEFT JOIN LATERAL (SELECT * FROM messages \
                 WHERE conversation_id = n.conversation_id AND id = n.stored_id LIMIT 1) m ON true ORDER BY n.place"
        )
    };
}

/// conversations, ids, senders, contents, replies, timestamps. Each array has one element for each message.
///
/// `judged` looks up each message by its id, its sender's membership (whose row is marked if there is a block), and the message that it replies to, in
/// subqueries that PostgreSQL cannot turn into joins over whole tables. `numbered` gives numbers after
/// the conversation's counter, in the order of the batch. The statement returns one row for each message: its number if it is new, true
/// if its sender is a member, true if a block refuses it, and the stored message with its id, if there is one. (To look that up by NULL costs nothing.)
const COMMIT: &str = commit_statement!("", "", "");
/// The same, and mentions; then one element for each mention: its message's place in the batch, from 1, and the user; the places of messages
/// that mention all.
const COMMIT_WITH_MENTIONS: &str = commit_statement!(
    ", $7::text[]",
    ", mentions",
    ", mentioned AS ( \
         INSERT INTO mentions (conversation_id, user_id, message_seq) SELECT n.conversation_id, w.user_id, n.seq \
         FROM unnest($8::bigint[], $9::uuid[]) AS w (place, user_id) JOIN numbered n ON n.place = w.place WHERE n.is_fresh \
     ), mentioned_all AS ( \
         INSERT INTO mentions_of_all (conversation_id, message_seq) SELECT n.conversation_id, n.seq \
         FROM numbered n WHERE n.place = ANY($10::bigint[]) AND n.is_fresh \
     )"
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

    let names: Vec<MentionedNames> = batch.iter().map(|new| MentionedNames::of(new.content.as_str())).collect();
    let has_names = names.iter().any(|names| !names.is_empty());
    // Only a batch with an `@` takes this round trip.
    let mentions =
        if has_names { Box::pin(lock_and_resolve(connection, batch, &locks, &names)).await? } else { Vec::new() };
    let mentioned = MentionRows::of(batch, &mentions);

    // The messages that the batch answers, under the lock and in the same round trip.
    let answered = batch.iter().filter_map(|new| new.reply_to.map(|id| (new.conversation_id, id)));
    let (answered_in, answered_ids): (Vec<ConversationId>, Vec<MessageId>) = answered.unzip();
    let with_quotes: Params<'_> = &[&limits::QUOTE_CHARS_MAX, &answered_in, &answered_ids];

    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&conversations, &ids, &senders, &contents, &replies, &timestamps];
    let sql = match &mentioned {
        None => COMMIT,
        Some(MentionRows { texts, places, users, places_of_all }) => {
            let rows: [&(dyn ToSql + Sync); 4] = [texts, places, users, places_of_all];
            params.extend(rows);
            COMMIT_WITH_MENTIONS
        }
    };
    connection.prepare(if answered_ids.is_empty() { &[LOCK] } else { &[LOCK, QUOTES] }).await?;
    connection.prepare(&[sql]).await?;
    let lock_params: Params<'_> = &[&locks];
    let (begun, locked, rows, quotes, committed) = join5(
        OptionFuture::from((!has_names).then(|| connection.begin())),
        OptionFuture::from((!has_names).then(|| connection.send(LOCK, lock_params))),
        connection.send(sql, &params),
        OptionFuture::from((!answered_ids.is_empty()).then(|| Box::pin(connection.send(QUOTES, with_quotes)))),
        connection.commit(),
    )
    .await;
    // The statements' results first: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    begun.transpose()?;
    locked.transpose()?;
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
    for (outcome, mentions) in outcomes.iter_mut().zip(mentions) {
        if let Ok(Outcome::Committed(Event { message: Some(message), .. })) = outcome {
            message.mentions = mentions;
        }
    }
    let retried = outcomes.iter_mut().filter_map(|outcome| match outcome {
        Ok(Outcome::Duplicate(message)) => Some(message),
        _ => None,
    });
    // Only retries of answers take this round trip. A retry without its quote is better than one without its message.
    let _ = add_quotes(connection, retried.collect()).await;
    Ok(outcomes)
}

/// Begins the transaction of a batch whose texts have names, locks its counters, and decides whom the messages mention, in one round trip. After
/// a failure nothing is begun.
async fn lock_and_resolve(
    connection: &PgConnection,
    batch: &[NewMessage],
    locks: &[ConversationId],
    names: &[MentionedNames],
) -> Result<Vec<Mentions>> {
    connection.prepare(&[LOCK]).await?;
    connection.prepare(&mentions::STATEMENTS).await?;
    let (begun, locked, resolved) = join3(
        connection.begin(),
        connection.send(LOCK, &[&locks]),
        mentions::resolve(connection, mentions::STATEMENTS, batch, names),
    )
    .await;
    let resolved = begun.and(locked).and(resolved);
    if resolved.is_err() {
        // If the rollback fails too, the connection is closed and the server rolls back by itself.
        let _ = connection.rollback().await;
    }
    resolved
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
