//! Mentions: the names in texts are looked up and decided in the transaction that writes the message.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::rows::{pair, value};
use super::sql::{one, run, sql};
use crate::domain::mentions::{MentionedNames, Mentions};
use crate::domain::rules::{may_mention_all, mentions};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::queries::mentions::{DELETE_MENTION, DELETE_MENTION_OF_ALL, INSERT_MENTION, INSERT_MENTION_OF_ALL};

/// conversation, folded username
const MENTIONED_MEMBER: &str = "SELECT u.id FROM users u JOIN members mb ON mb.conversation_id = ?1 AND mb.user_id = u.id \
     WHERE u.username_key = ?2";
/// conversation, user
const SENDER_OF_ALL: &str = "SELECT c.type, mb.role FROM conversations c JOIN members mb ON mb.conversation_id = c.id \
     WHERE c.id = ?1 AND mb.user_id = ?2";
/// conversation, limit
pub(super) const SWEEP_MENTIONS: &str = "DELETE FROM mentions WHERE conversation_id = ?1 AND (user_id, message_seq) IN \
     (SELECT user_id, message_seq FROM mentions WHERE conversation_id = ?1 ORDER BY user_id, message_seq LIMIT ?2)";
/// conversation, limit
pub(super) const SWEEP_MENTIONS_OF_ALL: &str = "DELETE FROM mentions_of_all WHERE conversation_id = ?1 AND message_seq IN \
     (SELECT message_seq FROM mentions_of_all WHERE conversation_id = ?1 ORDER BY message_seq LIMIT ?2)";

/// Returns the members with these folded usernames.
pub(super) fn mentioned_members(
    db: &Connection,
    id: ConversationId,
    names: &MentionedNames,
) -> Result<HashMap<String, UserId>> {
    let mut members = HashMap::new();
    for name in names.usernames() {
        if let Some(user_id) = one(db, MENTIONED_MEMBER, params![id, name], value)? {
            members.insert(name.to_owned(), user_id);
        }
    }
    Ok(members)
}

/// Decides whom a text of this sender mentions.
pub(super) fn resolve(db: &Connection, id: ConversationId, sender_id: UserId, text: &str) -> Result<Mentions> {
    let names = MentionedNames::of(text);
    if names.is_empty() {
        return Ok(Mentions::default());
    }
    let members = mentioned_members(db, id, &names)?;
    let may_mention_all = names.has_all()
        && one(db, SENDER_OF_ALL, params![id, sender_id], pair)?
            .is_some_and(|(kind, role)| may_mention_all(kind, role));
    Ok(mentions(&names, |name| members.get(name).copied(), may_mention_all))
}

/// Inserts the mentions of a new message. Nobody is told of a mention of their own.
pub(super) fn insert(
    db: &Connection,
    id: ConversationId,
    seq: Seq,
    sender_id: UserId,
    mentions: &Mentions,
) -> Result<()> {
    for user_id in mentions.user_ids.iter().filter(|user_id| **user_id != sender_id) {
        run(db, sql!(INSERT_MENTION), params![id, user_id, seq])?;
    }
    if mentions.all {
        run(db, sql!(INSERT_MENTION_OF_ALL), params![id, seq])?;
    }
    Ok(())
}

/// Deletes mentions of a message. Those that an edit has added were never inserted.
pub(super) fn delete(db: &Connection, id: ConversationId, seq: Seq, mentions: &Mentions) -> Result<usize> {
    let mut deleted = 0;
    for user_id in &mentions.user_ids {
        deleted += run(db, sql!(DELETE_MENTION), params![id, user_id, seq])?;
    }
    if mentions.all {
        deleted += run(db, sql!(DELETE_MENTION_OF_ALL), params![id, seq])?;
    }
    Ok(deleted)
}
