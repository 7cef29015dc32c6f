//! Receipts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::Columns;
use super::sql::{all, one, run, sql};
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

/// conversation, user
const STATE: &str = concat!(
    "SELECT ",
    read_state_columns!(),
    " FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.conversation_id = ?1 AND mb.user_id = ?2"
);
/// conversation, user, delivered_seq, read_seq, unread_from_seq
const SET_STATE: &str = "UPDATE members SET delivered_seq = ?3, read_seq = ?4, unread_from_seq = ?5 \
     WHERE conversation_id = ?1 AND user_id = ?2";
/// conversation, user, unread bound, messages that are scanned
pub(super) const MEMBER_RECEIPTS: &str = concat!(
    "SELECT ",
    member_receipts_columns!("$3", "$4"),
    " FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.conversation_id = $1 AND mb.user_id = $2"
);

/// Reads `read_state_columns!`: the state, and the newest number.
fn read_state(columns: &mut Columns<'_>) -> rusqlite::Result<(ReadState, Seq)> {
    let state =
        ReadState { delivered_seq: columns.next()?, read_seq: columns.next()?, unread_from_seq: columns.next()? };
    Ok((state, columns.next()?))
}

/// Reads `notify_level` and `notify_until`.
pub(super) fn notifications(columns: &mut Columns<'_>) -> rusqlite::Result<Notifications> {
    Ok(Notifications::from_trusted(columns.text()?, columns.next()?))
}

/// Reads `member_receipts_columns!`.
pub(super) fn member_receipts(columns: &mut Columns<'_>) -> rusqlite::Result<MemberReceipts> {
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

/// Reads the columns of [`RECEIPTS`].
fn receipt(columns: &mut Columns<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt { user_id: columns.next()?, delivered_seq: columns.next()?, read_seq: columns.next()? })
}

#[async_trait]
impl Receipts for Sqlite {
    async fn receipts(&self, id: ConversationId, reader_id: UserId, limit: usize) -> Result<Vec<Receipt>> {
        self.read(move |db| all(db, sql!(RECEIPTS), params![id, reader_id, row_limit(limit)], receipt)).await
    }

    async fn update_receipts(&self, batch: &[MemberUpdate]) -> Result<Vec<ReceiptOutcome>> {
        let batch = batch.to_vec();
        self.write(move |db| batch.iter().map(|update| update_one(db, update)).collect()).await
    }
}

fn update_one(db: &Connection, (conversation_id, user_id, update): &MemberUpdate) -> Result<ReceiptOutcome> {
    let Some((before, last_seq)) = one(db, STATE, params![conversation_id, user_id], read_state)? else {
        return Ok(ReceiptOutcome::NotMember);
    };
    let state = before.after(update, last_seq);
    if state == before {
        return Ok(ReceiptOutcome::Unchanged);
    }
    let ReadState { delivered_seq, read_seq, unread_from_seq } = state;
    run(db, SET_STATE, params![conversation_id, user_id, delivered_seq, read_seq, unread_from_seq])?;
    let params = params![conversation_id, user_id, limits::UNREAD_MAX, row_limit(limits::UNREAD_SCANNED_MAX)];
    let after = one(db, sql!(MEMBER_RECEIPTS), params, member_receipts)?;
    let after = after.ok_or_else(|| Error::internal("SQLite: a member disappeared in a transaction"))?;
    Ok(ReceiptOutcome::Changed { before, after })
}
