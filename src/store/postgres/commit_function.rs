//! Commits new messages of one conversation by a function of the database, in one round trip. One more decides whom texts with an `@` mention, and
//! one reads quotes and the messages that are there already.

use futures_util::future::{join, join_all};
use tokio_postgres::types::ToSql;

use super::connection::PgConnection;
use super::mentions::{self, MentionRows, STATEMENTS_OF_ONE};
use super::messages::message;
use super::quotes::{QUOTES_OF_ONE, add_quotes, read_quotes, set_quote};
use super::rows;
use crate::domain::command::{NewMessage, Outcome};
use crate::domain::event::Event;
use crate::domain::mentions::{MentionedNames, Mentions};
use crate::domain::message::Message;
use crate::domain::rules::contact::declined;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};
use crate::limits;
use crate::store::queries::heads::HEAD;
use crate::store::queries::messages::MESSAGE;

/// conversation, ids, senders, contents, replies, timestamps, texts of mentions, places and users of mentions, places of messages that mention all,
/// the number at which mentions were decided (NULL for none). Nothing but the call, so that Citus runs it on the shard's worker.
const COMMIT: &str = "SELECT commit_messages_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

// The function's answers for a message that it does not commit.
const IS_THERE: i64 = 0;
const IS_THERE_FOR_STRANGER: i64 = -1;
const NO_MEMBER: i64 = -2;
const BLOCKED: i64 = -3;
const NO_SUCH_REPLY: i64 = -4;

/// Prepares the statements of [`commit`], so that calls for several conversations share a round trip.
pub(super) async fn prepare(connection: &PgConnection) -> Result<()> {
    connection.prepare(&[COMMIT, QUOTES_OF_ONE, MESSAGE, HEAD]).await?;
    connection.prepare(&STATEMENTS_OF_ONE).await
}

/// Commits messages of one conversation in one transaction.
pub(super) async fn commit(connection: &PgConnection, messages: Vec<&NewMessage>) -> Result<Vec<Result<Outcome>>> {
    let Some(conversation_id) = messages.first().map(|new| new.conversation_id) else { return Ok(Vec::new()) };
    let ids: Vec<MessageId> = messages.iter().map(|new| new.id).collect();
    let senders: Vec<UserId> = messages.iter().map(|new| new.sender_id).collect();
    let contents: Vec<&str> = messages.iter().map(|new| new.content.as_str()).collect();
    let replies: Vec<Option<MessageId>> = messages.iter().map(|new| new.reply_to).collect();
    let timestamps: Vec<Timestamp> = messages.iter().map(|new| new.timestamp).collect();
    let names: Vec<MentionedNames> = messages.iter().map(|new| MentionedNames::of(new.content.as_str())).collect();
    let has_names = names.iter().any(|names| !names.is_empty());
    for _ in 0..limits::MENTION_TRIES_MAX {
        let (resolved_at, mentions) =
            if has_names { resolve(connection, conversation_id, &messages, &names).await? } else { (None, Vec::new()) };
        let MentionRows { texts, places, users, places_of_all } =
            MentionRows::of(&messages, &mentions).unwrap_or_default();
        let of_messages: [&(dyn ToSql + Sync); 6] =
            [&conversation_id, &ids, &senders, &contents, &replies, &timestamps];
        let of_mentions: [&(dyn ToSql + Sync); 5] = [&texts, &places, &users, &places_of_all, &resolved_at];
        let answer = connection.send(COMMIT, &[&of_messages[..], &of_mentions[..]].concat()).await?;
        if let Some(answers) = rows::first(&answer, rows::value::<Option<Vec<i64>>>)?.flatten() {
            return outcomes(connection, conversation_id, &messages, mentions, &answers).await;
        }
    }
    Err(Error::unavailable("PostgreSQL: the members of a conversation changed while a message mentioned some of them"))
}

/// Decides whom messages mention, without a lock. Returns the conversation's newest number before that as well: if the members change later, the
/// function refuses.
async fn resolve(
    connection: &PgConnection,
    conversation_id: ConversationId,
    messages: &[&NewMessage],
    names: &[MentionedNames],
) -> Result<(Option<Seq>, Vec<Mentions>)> {
    let (head, mentions) = join(
        connection.send(HEAD, &[&conversation_id]),
        mentions::resolve(connection, STATEMENTS_OF_ONE, messages, names),
    )
    .await;
    Ok((Some(rows::first(&head?, rows::value)?.unwrap_or_default()), mentions?))
}

/// Translates the function's answers. The messages are committed: what cannot be read fails only its own message.
async fn outcomes(
    connection: &PgConnection,
    conversation_id: ConversationId,
    messages: &[&NewMessage],
    mentions: Vec<Mentions>,
    answers: &[i64],
) -> Result<Vec<Result<Outcome>>> {
    if answers.len() != messages.len() {
        return Err(Error::internal(format!("PostgreSQL: {} answers for {} messages", answers.len(), messages.len())));
    }
    let committed = || messages.iter().zip(answers).filter(|(_, answer)| **answer > 0);
    let answered: Vec<MessageId> = committed().filter_map(|(new, _)| new.reply_to).collect();
    let quotes = if answered.is_empty() {
        Vec::new()
    } else {
        // A message without its quote is better than none.
        connection
            .send(QUOTES_OF_ONE, &[&limits::QUOTE_CHARS_MAX, &conversation_id, &answered])
            .await
            .unwrap_or_default()
    };
    let quotes = read_quotes(&quotes);
    let mut mentions = mentions.into_iter();
    let outcomes = messages.iter().zip(answers).map(|(new, answer)| {
        let (mentions, quotes) = (mentions.next().unwrap_or_default(), &quotes);
        async move {
            match *answer {
                seq @ 1.. => {
                    let mut message = Message { mentions, ..new.with_seq(seq) };
                    set_quote(&mut message, quotes);
                    Ok(Outcome::Committed(Event::created(message)))
                }
                IS_THERE => duplicate(connection, new, true).await,
                IS_THERE_FOR_STRANGER => duplicate(connection, new, false).await,
                NO_MEMBER => Err(Error::not_found("conversation")),
                BLOCKED => Err(declined()),
                NO_SUCH_REPLY => Err(Error::field("reply_to", "there is no such message in this conversation")),
                other => Err(Error::internal(format!("PostgreSQL: commit_messages_1 answers {other}"))),
            }
        }
    });
    Ok(join_all(outcomes).await)
}

/// Returns the outcome of a message whose id is in the conversation already.
async fn duplicate(connection: &PgConnection, new: &NewMessage, is_member: bool) -> Result<Outcome> {
    let stored = connection.send(MESSAGE, &[&new.conversation_id, &new.id]).await?;
    // The conversation may have been swept since.
    let mut stored = rows::first(&stored, message)?.ok_or_else(|| Error::not_found("conversation"))?;
    // A retry without its quote is better than one without its message.
    let _ = add_quotes(connection, vec![&mut stored]).await;
    Outcome::duplicate_send(stored, new.sender_id, is_member)
}
