//! Receipts.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures_util::future::join3;
use tokio_postgres::Row;

use super::connection::PgConnection;
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::notifications::Notifications;
use crate::domain::receipt::{MemberReceipts, ReadState, Receipt, ReceiptOutcome};
use crate::domain::{ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::store::Receipts;
use crate::store::queries::receipts::{RECEIPTS, member_receipts_columns, read_state_columns};
use crate::store::queries::row_limit;
use crate::store::queries::unread::{mention_count, unread_after, unread_count};
use crate::store::queries::user_settings::sends_receipts;
use crate::store::receipts::MemberUpdate;

/// conversations, users. The members' states, without those whose row another transaction holds. To wait for it would let a send and this
/// wait for each other, each with a row that the other needs.
const LOCK_STATES: &str = concat!(
    "SELECT mb.conversation_id, mb.user_id, ",
    read_state_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     FOR NO KEY UPDATE OF mb SKIP LOCKED"
);
/// conversations, users. Returns those who are members.
const ARE_MEMBERS: &str = "SELECT mb.conversation_id, mb.user_id FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id";
/// conversations, users, delivered_seqs, read_seqs, unread_from_seqs
const SET_STATES: &str = "UPDATE members mb SET delivered_seq = w.delivered_seq, read_seq = w.read_seq, unread_from_seq = w.unread_from_seq \
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) \
         AS w (conversation_id, user_id, delivered_seq, read_seq, unread_from_seq) \
     WHERE mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id";
/// conversations, users, unread bound, messages that are scanned
pub(super) const MEMBER_RECEIPTS: &str = concat!(
    "SELECT mb.conversation_id, mb.user_id, ",
    member_receipts_columns!("$3", "$4"),
    " FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     JOIN counters k ON k.conversation_id = mb.conversation_id"
);

type Member = (ConversationId, UserId);

/// Reads `read_state_columns!`: the state, and the newest number.
fn read_state(columns: &mut Columns<'_>) -> Result<(ReadState, Seq)> {
    let state =
        ReadState { delivered_seq: columns.next()?, read_seq: columns.next()?, unread_from_seq: columns.next()? };
    Ok((state, columns.next()?))
}

/// Reads `notify_level` and `notify_until`.
pub(super) fn notifications(columns: &mut Columns<'_>) -> Result<Notifications> {
    Ok(Notifications::from_trusted(columns.next()?, columns.next()?))
}

/// Reads `member_receipts_columns!`.
pub(super) fn member_receipts(columns: &mut Columns<'_>) -> Result<MemberReceipts> {
    let (state, last_seq) = read_state(columns)?;
    Ok(MemberReceipts {
        state,
        last_seq,
        member_count: columns.next()?,
        is_blocked: columns.next()?,
        sends_receipts: columns.next()?,
        unread_count: columns.next()?,
        mention_count: columns.next()?,
        notifications: notifications(columns)?,
    })
}

/// Reads rows that begin with the member whom they are about.
fn by_member<T>(found: &[Row], read: fn(&mut Columns<'_>) -> Result<T>) -> Result<HashMap<Member, T>> {
    let row = |row| {
        let mut columns = Columns::of(row);
        Ok((rows::pair(&mut columns)?, read(&mut columns)?))
    };
    found.iter().map(row).collect()
}

/// Reads the columns of [`RECEIPTS`].
fn receipt(columns: &mut Columns<'_>) -> Result<Receipt> {
    Ok(Receipt { user_id: columns.next()?, delivered_seq: columns.next()?, read_seq: columns.next()? })
}

#[async_trait]
impl Receipts for Postgres {
    async fn receipts(&self, id: ConversationId, reader_id: UserId, limit: usize) -> Result<Vec<Receipt>> {
        self.all(RECEIPTS, &[&id, &reader_id, &row_limit(limit)], receipt).await
    }

    async fn update_receipts(&self, batch: &[MemberUpdate]) -> Result<Vec<ReceiptOutcome>> {
        bounded(async { Box::pin(update(&*self.connection().await?, batch)).await }).await
    }
}

/// One transaction in two round trips, with the decision between them.
async fn update(connection: &PgConnection, batch: &[MemberUpdate]) -> Result<Vec<ReceiptOutcome>> {
    connection.prepare(&[LOCK_STATES, ARE_MEMBERS, SET_STATES, MEMBER_RECEIPTS]).await?;
    let (conversations, users): (Vec<ConversationId>, Vec<UserId>) =
        batch.iter().map(|(conversation_id, user_id, _)| (*conversation_id, *user_id)).unzip();
    let (begun, locked, members) = join3(
        connection.begin(),
        connection.send(LOCK_STATES, &[&conversations, &users]),
        connection.send(ARE_MEMBERS, &[&conversations, &users]),
    )
    .await;
    begun?;
    let locked = by_member(&locked?, read_state)?;
    let members: HashSet<Member> = rows::all(&members?, rows::pair)?.into_iter().collect();
    let changes = changes(batch, &locked);
    let written = if changes.is_empty() {
        connection.rollback().await?;
        HashMap::new()
    } else {
        write(connection, &changes).await?
    };
    let outcome = |(conversation_id, user_id, _): &MemberUpdate| {
        let member = (*conversation_id, *user_id);
        match (locked.get(&member), changes.contains_key(&member)) {
            (Some((before, _)), true) => {
                let after = written.get(&member).copied();
                let after = after.ok_or_else(|| Error::internal("PostgreSQL: a member disappeared under its lock"))?;
                Ok(ReceiptOutcome::Changed { before: *before, after })
            }
            (Some(_), false) => Ok(ReceiptOutcome::Unchanged),
            (None, _) if members.contains(&member) => Ok(ReceiptOutcome::Locked),
            (None, _) => Ok(ReceiptOutcome::NotMember),
        }
    };
    batch.iter().map(outcome).collect()
}

/// Returns the states that the updates change.
fn changes(batch: &[MemberUpdate], locked: &HashMap<Member, (ReadState, Seq)>) -> HashMap<Member, ReadState> {
    let change = |(conversation_id, user_id, update): &MemberUpdate| {
        let member = (*conversation_id, *user_id);
        let (before, last_seq) = locked.get(&member)?;
        let after = before.after(update, *last_seq);
        (after != *before).then_some((member, after))
    };
    batch.iter().filter_map(change).collect()
}

/// Writes states and commits. Returns the receipts of the members whose states they are.
async fn write(
    connection: &PgConnection,
    changes: &HashMap<Member, ReadState>,
) -> Result<HashMap<Member, MemberReceipts>> {
    let (conversations, users): (Vec<ConversationId>, Vec<UserId>) = changes.keys().copied().unzip();
    let delivered: Vec<Seq> = changes.values().map(|state| state.delivered_seq).collect();
    let read: Vec<Seq> = changes.values().map(|state| state.read_seq).collect();
    let marks: Vec<Option<Seq>> = changes.values().map(|state| state.unread_from_seq).collect();
    let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
    let (set, found, committed) = join3(
        connection.send_count(SET_STATES, &[&conversations, &users, &delivered, &read, &marks]),
        connection.send(MEMBER_RECEIPTS, &[&conversations, &users, &limits::UNREAD_MAX, &scanned]),
        connection.commit(),
    )
    .await;
    // The statements' results first: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    set?;
    let found = found?;
    committed?;
    by_member(&found, member_receipts)
}
