//! Leftovers of nodes of an older schema.

use async_trait::async_trait;
use futures_util::future::join4;
use uuid::Uuid;

use super::rows;
use super::users::LOCK_USERS;
use super::{Postgres, bounded};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::leftovers::{Leftovers, LeftoversCursor, MessagePlace, last};
use crate::store::queries::leftovers::{PINS_AFTER, REACTIONS_AFTER, SETTINGS_AFTER};
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
        let after = cursor.settings.unwrap_or(UserId(Uuid::nil()));
        let settings: Vec<(UserId, bool)> = self.all(SETTINGS_AFTER, &[&after, &row_limit(limit)], rows::pair).await?;
        let hidden: Vec<UserId> = settings.iter().filter_map(|(id, is_left)| is_left.then_some(*id)).collect();
        if !hidden.is_empty() {
            self.forget_hidden(&hidden).await?;
        }
        Ok(LeftoversCursor {
            pins: last(&pins, limit),
            reactions: last(&reactions, limit),
            settings: last(&settings, limit).map(|(id, _)| id),
        })
    }
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
        let sql = if self.connector.is_distributed { ORPHANS_BY_JOIN } else { ORPHANS };
        let orphans: Vec<MessagePlace> = self.all(sql, &[&ids, &seqs], rows::pair).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        let (ids, seqs): (Vec<ConversationId>, Vec<Seq>) = orphans.into_iter().unzip();
        self.count(change, &[&ids, &seqs]).await.map(drop)
    }

    async fn forget_hidden(&self, ids: &[UserId]) -> Result<()> {
        bounded(async {
            let connection = self.connection().await?;
            connection.prepare(&[LOCK_USERS, FORGET_HIDDEN]).await?;
            let (begun, locked, forgotten, committed) = join4(
                connection.begin(),
                connection.send(LOCK_USERS, &[&ids]),
                connection.send_count(FORGET_HIDDEN, &[&ids]),
                connection.commit(),
            )
            .await;
            begun?;
            locked?;
            forgotten?;
            committed
        })
        .await
    }
}
