//! Leftovers of nodes of an older schema.

use async_trait::async_trait;
use uuid::Uuid;

use super::rows::{self, Columns};
use super::{Postgres, user_states};
use crate::domain::{ConversationId, MessageId, Result, Seq, UserId};
use crate::store::leftovers::{
    FIRST_MENTION, FIRST_SAVED, Leftovers, LeftoversCursor, MentionPlace, MessagePlace, SavedPlace, last, left,
};
use crate::store::queries::leftovers::{
    MENTIONS_AFTER, MENTIONS_OF_ALL_AFTER, PINS_AFTER, REACTIONS_AFTER, SAVED_AFTER, SETTINGS_AFTER,
};
use crate::store::queries::row_limit;
use crate::store::queries::user_settings::shows_last_seen;

/// conversations, message_seqs. Returns those that are deleted, each once.
const ORPHANS: &str = "SELECT DISTINCT w.conversation_id, w.message_seq FROM unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
     WHERE (SELECT true FROM messages m WHERE m.conversation_id = w.conversation_id AND m.seq = w.message_seq AND m.deleted_at IS NULL) IS NOT TRUE";
/// The same as a join, because Citus takes no subquery for each row of arrays.
const ORPHANS_BY_JOIN: &str = "SELECT DISTINCT w.conversation_id, w.message_seq FROM unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
     LEFT JOIN messages m ON m.conversation_id = w.conversation_id AND m.seq = w.message_seq AND m.deleted_at IS NULL WHERE m.seq IS NULL";
/// conversations, message_seqs
const DELETE_PINS: &str = "DELETE FROM pins p USING unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
     WHERE p.conversation_id = w.conversation_id AND p.message_seq = w.message_seq";
/// conversations, message_seqs
const DELETE_MENTIONS_OF_ALL: &str = "DELETE FROM mentions_of_all p USING unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) \
     WHERE p.conversation_id = w.conversation_id AND p.message_seq = w.message_seq";
/// conversations, users, message_seqs
const DELETE_MENTIONS: &str = "DELETE FROM mentions p USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS w (conversation_id, user_id, message_seq) \
     WHERE p.conversation_id = w.conversation_id AND p.user_id = w.user_id AND p.message_seq = w.message_seq";
/// users, conversations, messages
const DELETE_SAVED: &str = "DELETE FROM saved_messages p USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (user_id, conversation_id, message_id) \
     WHERE p.user_id = w.user_id AND p.conversation_id = w.conversation_id AND p.message_id = w.message_id";
/// conversations, message_seqs. In one order for all transactions, because an insert waits for one of the same row.
const INSERT_UNSWEPT: &str = "INSERT INTO unswept_reactions (conversation_id, message_seq) \
     SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS w (conversation_id, message_seq) ORDER BY 1, 2 ON CONFLICT DO NOTHING";
/// users. After the lock of the users, so that it sees a setting that was committed while it waited.
const FORGET_HIDDEN: &str =
    concat!("UPDATE users u SET last_seen_at = NULL WHERE u.id = ANY($1) AND NOT ", shows_last_seen!("u.id"));

#[async_trait]
impl Leftovers for Postgres {
    async fn sweep_leftovers(&self, cursor: LeftoversCursor, limit: usize) -> Result<LeftoversCursor> {
        let pins = self.messages(PINS_AFTER, cursor.pins, limit).await?;
        self.change_orphans(&pins, DELETE_PINS).await?;
        let reactions = self.messages(REACTIONS_AFTER, cursor.reactions, limit).await?;
        self.change_orphans(&reactions, INSERT_UNSWEPT).await?;
        let mentions = self.sweep_mentions(cursor.mentions, limit).await?;
        let mentions_of_all = self.messages(MENTIONS_OF_ALL_AFTER, cursor.mentions_of_all, limit).await?;
        self.change_orphans(&mentions_of_all, DELETE_MENTIONS_OF_ALL).await?;
        let saved = self.sweep_saved(cursor.saved, limit).await?;
        let after = cursor.settings.unwrap_or(UserId(Uuid::nil()));
        let settings = self.form(SETTINGS_AFTER, user_states::SETTINGS_AFTER);
        let settings: Vec<(UserId, bool)> = self.all(settings, &[&after, &row_limit(limit)], rows::pair).await?;
        let last_setting = last(&settings, limit).map(|(id, _)| id);
        let hidden = left(settings);
        if !hidden.is_empty() {
            let forget_hidden = self.form(FORGET_HIDDEN, user_states::FORGET_HIDDEN);
            self.change_users(&hidden, forget_hidden, &[&hidden]).await?;
        }
        Ok(LeftoversCursor {
            pins: last(&pins, limit),
            reactions: last(&reactions, limit),
            mentions,
            mentions_of_all: last(&mentions_of_all, limit),
            saved,
            settings: last_setting,
        })
    }
}

/// Reads the columns of [`MENTIONS_AFTER`].
fn mention(columns: &mut Columns<'_>) -> Result<(MentionPlace, bool)> {
    Ok(((columns.next()?, columns.next()?, columns.next()?), columns.next()?))
}

/// Reads the columns of [`SAVED_AFTER`].
fn saved(columns: &mut Columns<'_>) -> Result<(SavedPlace, bool)> {
    Ok(((columns.next()?, columns.next()?, columns.next()?), columns.next()?))
}

impl Postgres {
    async fn messages(
        &self,
        sql: &'static str,
        after: Option<MessagePlace>,
        limit: usize,
    ) -> Result<Vec<MessagePlace>> {
        let (id, seq) = after.unwrap_or((ConversationId::FIRST, 0));
        self.all(sql, &[&id, &seq, &row_limit(limit)], rows::pair).await
    }

    /// Runs a statement with those of these messages that are deleted, if there are any.
    async fn change_orphans(&self, places: &[MessagePlace], change: &'static str) -> Result<()> {
        let (ids, seqs): (Vec<ConversationId>, Vec<Seq>) = places.iter().copied().unzip();
        let sql = self.form(ORPHANS, ORPHANS_BY_JOIN);
        let orphans: Vec<MessagePlace> = self.all(sql, &[&ids, &seqs], rows::pair).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        let (ids, seqs): (Vec<ConversationId>, Vec<Seq>) = orphans.into_iter().unzip();
        self.count(change, &[&ids, &seqs]).await.map(drop)
    }

    /// Looks through mentions, and returns the place to go on from.
    async fn sweep_mentions(&self, after: Option<MentionPlace>, limit: usize) -> Result<Option<MentionPlace>> {
        let (id, user_id, seq) = after.unwrap_or(FIRST_MENTION);
        let found = self.all(MENTIONS_AFTER, &[&id, &user_id, &seq, &row_limit(limit)], mention).await?;
        let next = last(&found, limit).map(|(place, _)| place);
        let (mut ids, mut users, mut seqs): (Vec<ConversationId>, Vec<UserId>, Vec<Seq>) = Default::default();
        for (id, user_id, seq) in left(found) {
            ids.push(id);
            users.push(user_id);
            seqs.push(seq);
        }
        if !ids.is_empty() {
            self.count(DELETE_MENTIONS, &[&ids, &users, &seqs]).await?;
        }
        Ok(next)
    }

    /// Looks through saved messages, and returns the place to go on from.
    async fn sweep_saved(&self, after: Option<SavedPlace>, limit: usize) -> Result<Option<SavedPlace>> {
        let (user_id, id, message_id) = after.unwrap_or(FIRST_SAVED);
        let found = self.all(SAVED_AFTER, &[&user_id, &id, &message_id, &row_limit(limit)], saved).await?;
        let next = last(&found, limit).map(|(place, _)| place);
        let (mut users, mut ids, mut messages): (Vec<UserId>, Vec<ConversationId>, Vec<MessageId>) = Default::default();
        for (user_id, id, message_id) in left(found) {
            users.push(user_id);
            ids.push(id);
            messages.push(message_id);
        }
        if !ids.is_empty() {
            self.count(DELETE_SAVED, &[&users, &ids, &messages]).await?;
        }
        Ok(next)
    }
}
