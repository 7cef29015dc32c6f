//! Receipts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use crate::domain::notifications::Notifications;
use crate::domain::receipt::{MemberReceipts, ReadState, Receipt, ReceiptOutcome, UnreadState};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::blocks::{are_blocked, has_blocks};
use crate::store::queries::receipts::{RECEIPTS, member_receipts_columns, unread_state_columns};
use crate::store::queries::row_limit;
use crate::store::queries::unread::{mention_count, unread_after, unread_count};
use crate::store::queries::user_settings::sends_receipts;
use crate::store::{MemberId, MemberUpdate, Receipts};

/// conversation, user
const MEMBER_RECEIPTS: &str = concat!(
    "SELECT ",
    member_receipts_columns!(),
    " FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.conversation_id = ?1 AND mb.user_id = ?2"
);
/// conversation, user, delivered_seq, read_seq, unread_from_seq
const SET_STATE: &str = "UPDATE members SET delivered_seq = ?3, read_seq = ?4, unread_from_seq = ?5 \
     WHERE conversation_id = ?1 AND user_id = ?2";
/// conversation, user, unread bound, messages that are scanned
const UNREAD_STATE: &str = concat!(
    "SELECT ",
    unread_state_columns!("$3", "$4"),
    " FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.conversation_id = $1 AND mb.user_id = $2"
);

/// conversation, user. The other members with whom the user has a block.
const BLOCKED_MEMBERS: &str = concat!(
    "SELECT mb.user_id FROM members mb WHERE mb.conversation_id = ?1 AND mb.user_id <> ?2 AND ",
    are_blocked!("?2", "mb.user_id")
);

/// Reads `member_receipts_columns!`: the receipts, and the newest number.
fn member_receipts(columns: &mut Columns<'_>) -> rusqlite::Result<(MemberReceipts, Seq)> {
    let state =
        ReadState { delivered_seq: columns.next()?, read_seq: columns.next()?, unread_from_seq: columns.next()? };
    let receipts = MemberReceipts {
        state,
        member_count: columns.next()?,
        sends_receipts: columns.next()?,
        has_blocks: columns.next()?,
    };
    Ok((receipts, columns.next()?))
}

/// Reads `notify_level` and `notify_until`.
pub(super) fn notifications(columns: &mut Columns<'_>) -> rusqlite::Result<Notifications> {
    Ok(Notifications::from_trusted(columns.text()?, columns.next()?))
}

/// Reads `unread_state_columns!`.
fn unread_state(columns: &mut Columns<'_>) -> rusqlite::Result<UnreadState> {
    Ok(UnreadState {
        read_seq: columns.next()?,
        unread_from_seq: columns.next()?,
        last_seq: columns.next()?,
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

    async fn unread_states(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UnreadState)>> {
        let members = members.to_vec();
        self.read(move |db| {
            let mut found = Vec::with_capacity(members.len());
            for member in members {
                let (conversation_id, user_id) = member;
                let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
                let params = params![conversation_id, user_id, limits::UNREAD_MAX, scanned];
                found.extend(one(db, sql!(UNREAD_STATE), params, unread_state)?.map(|state| (member, state)));
            }
            Ok(found)
        })
        .await
    }

    async fn blocked_members(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UserId)>> {
        let members = members.to_vec();
        self.read(move |db| {
            let mut found = Vec::new();
            for member in members {
                let (conversation_id, user_id) = member;
                let others: Vec<UserId> = all(db, BLOCKED_MEMBERS, params![conversation_id, user_id], value)?;
                found.extend(others.into_iter().map(|other| (member, other)));
            }
            Ok(found)
        })
        .await
    }
}

fn update_one(db: &Connection, (conversation_id, user_id, update): &MemberUpdate) -> Result<ReceiptOutcome> {
    let found = one(db, MEMBER_RECEIPTS, params![conversation_id, user_id], member_receipts)?;
    let Some((receipts, last_seq)) = found else { return Ok(ReceiptOutcome::NotMember) };
    let (before, state) = (receipts.state, receipts.state.after(update, last_seq));
    if state == before {
        return Ok(ReceiptOutcome::Unchanged);
    }
    let ReadState { delivered_seq, read_seq, unread_from_seq } = state;
    run(db, SET_STATE, params![conversation_id, user_id, delivered_seq, read_seq, unread_from_seq])?;
    Ok(ReceiptOutcome::Changed { before, after: MemberReceipts { state, ..receipts } })
}
