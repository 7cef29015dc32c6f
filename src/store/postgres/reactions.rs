//! Reactions.

use async_trait::async_trait;
use futures_util::future::join;

use super::connection::PgConnection;
use super::rows::{self, Columns};
use super::users::user;
use super::{Postgres, bounded};
use crate::domain::emoji::Emoji;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::store::queries::reactions::{DELETE_UNSWEPT, REACTORS, REACTORS_WITH, next_unswept};
use crate::store::queries::row_limit;
use crate::store::reactions::start;
use crate::store::{EmojiAndUser, Reactions};

/// user, conversation, message_seqs, emoji. Each array has one element for each kind.
const OWN_REACTIONS: &str = "SELECT r.message_seq, r.emoji FROM unnest($3::bigint[], $4::text[]) AS w (message_seq, emoji) \
     JOIN reactions r ON r.conversation_id = $2 AND r.message_seq = w.message_seq AND r.emoji = w.emoji AND r.user_id = $1";
/// The next deleted message to sweep, and the right to sweep it. Passes over one that another node sweeps, which would find no rows and take
/// that for the end.
const LOCK_NEXT_UNSWEPT: &str = concat!(next_unswept!(), " FOR UPDATE SKIP LOCKED");

/// conversation, message_seq. The right to sweep this message.
const LOCK_UNSWEPT: &str =
    "SELECT 1 FROM unswept_reactions WHERE conversation_id = $1 AND message_seq = $2 FOR UPDATE SKIP LOCKED";

/// conversation, message_seq, limit. By the places of the rows: by their keys, PostgreSQL compares each row with each key as long as it has no
/// statistics of the table.
const SWEEP_REACTIONS_TO: &str = "DELETE FROM reactions WHERE conversation_id = $1 AND ctid = ANY(ARRAY( \
     SELECT ctid FROM reactions WHERE conversation_id = $1 AND message_seq = $2 LIMIT $3))";
/// conversation, limit. In the same way.
pub(super) const SWEEP_REACTIONS: &str = "DELETE FROM reactions WHERE conversation_id = $1 AND ctid = ANY(ARRAY( \
     SELECT ctid FROM reactions WHERE conversation_id = $1 LIMIT $2))";

/// Reads `reactor_columns!`.
fn reactor(columns: &mut Columns<'_>) -> Result<EmojiAndUser> {
    Ok((Emoji::from_trusted(columns.next()?), user(columns)?))
}

fn own_reaction(columns: &mut Columns<'_>) -> Result<(Seq, Emoji)> {
    Ok((columns.next()?, Emoji::from_trusted(columns.next()?)))
}

#[async_trait]
impl Reactions for Postgres {
    async fn own_reactions(
        &self,
        user_id: UserId,
        id: ConversationId,
        kinds: &[(Seq, Emoji)],
    ) -> Result<Vec<(Seq, Emoji)>> {
        let (seqs, emoji): (Vec<Seq>, Vec<&str>) = kinds.iter().map(|(seq, emoji)| (*seq, emoji.as_str())).unzip();
        self.all(OWN_REACTIONS, &[&user_id, &id, &seqs, &emoji], own_reaction).await
    }

    async fn reactors(
        &self,
        id: ConversationId,
        message_seq: Seq,
        only: Option<&Emoji>,
        after: Option<&(Emoji, UserId)>,
        limit: usize,
    ) -> Result<Vec<EmojiAndUser>> {
        let (sql, emoji, user_id) = start(only, after, REACTORS, REACTORS_WITH);
        self.all_with_users(sql, &[&id, &message_seq, &emoji, &user_id, &row_limit(limit)], reactor).await
    }

    async fn sweep_reactions(&self, limit: usize) -> Result<bool> {
        bounded(async { Box::pin(sweep(&*self.connection().await?, limit)).await }).await
    }
}

/// Deletes some of the reactions to a deleted message, in one transaction. Returns true if there may be more.
async fn sweep(connection: &PgConnection, limit: usize) -> Result<bool> {
    let next_unswept = connection.form(LOCK_NEXT_UNSWEPT, next_unswept!());
    connection.prepare(&[next_unswept, LOCK_UNSWEPT, SWEEP_REACTIONS_TO, DELETE_UNSWEPT]).await?;
    let (begun, next) = join(connection.begin(), connection.send(next_unswept, &[])).await;
    begun?;
    let mut next = rows::first(&next?, rows::pair::<ConversationId, Seq>)?;
    if connection.is_distributed()
        && let Some((id, message_seq)) = next
        && connection.send(LOCK_UNSWEPT, &[&id, &message_seq]).await?.is_empty()
    {
        next = None;
    }
    let Some((id, message_seq)) = next else {
        connection.rollback().await?;
        return Ok(false);
    };
    let swept = connection.send_count(SWEEP_REACTIONS_TO, &[&id, &message_seq, &row_limit(limit)]).await?;
    if swept < u64::try_from(limit).unwrap_or(u64::MAX) {
        connection.send_count(DELETE_UNSWEPT, &[&id, &message_seq]).await?;
    }
    connection.commit().await?;
    Ok(true)
}
