//! Receipts.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures_util::future::{join, join3};
use tokio_postgres::Row;

use super::by_conversation::by_conversation;
use super::connection::PgConnection;
use super::rows::{self, Columns};
use super::{Postgres, bounded};
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

/// conversations, users. The members' receipts, without those whose row another transaction holds. To wait for it would let a send and this
/// wait for each other, each with a row that the other needs. The argument is the conversation of a row.
macro_rules! lock_receipts {
    ($conversation:literal) => {
        concat!(
            "SELECT mb.conversation_id, mb.user_id, ",
            member_receipts_columns!(),
            " FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
             JOIN members mb ON mb.conversation_id = ",
            $conversation,
            " AND mb.user_id = w.user_id JOIN counters k ON k.conversation_id = mb.conversation_id \
             FOR NO KEY UPDATE OF mb SKIP LOCKED"
        )
    };
}

const LOCK_RECEIPTS: &str = lock_receipts!("w.conversation_id");
/// The same, if all conversations are one.
const LOCK_RECEIPTS_OF_ONE: &str = lock_receipts!("($1::uuid[])[1]");
/// conversations, users. Returns those who are members.
const ARE_MEMBERS: &str = "SELECT mb.conversation_id, mb.user_id FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id";
/// conversations, users, delivered_seqs, read_seqs, unread_from_seqs
const SET_STATES: &str = "UPDATE members mb SET delivered_seq = w.delivered_seq, read_seq = w.read_seq, unread_from_seq = w.unread_from_seq \
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) \
         AS w (conversation_id, user_id, delivered_seq, read_seq, unread_from_seq) \
     WHERE mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id";
/// conversations, users, unread bound, messages that are scanned
const UNREAD_STATES: &str = concat!(
    "SELECT mb.conversation_id, mb.user_id, ",
    unread_state_columns!("$3", "$4"),
    " FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     JOIN counters k ON k.conversation_id = mb.conversation_id"
);

/// conversations, users. Each of them with each other member with whom they have a block.
const BLOCKED_MEMBERS: &str = concat!(
    "SELECT w.conversation_id, w.user_id, mb.user_id FROM unnest($1::uuid[], $2::uuid[]) AS w (conversation_id, user_id) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id <> w.user_id AND ",
    are_blocked!("w.user_id", "mb.user_id")
);

/// Reads `member_receipts_columns!`: the receipts, and the newest number.
fn member_receipts(columns: &mut Columns<'_>) -> Result<(MemberReceipts, Seq)> {
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
pub(super) fn notifications(columns: &mut Columns<'_>) -> Result<Notifications> {
    Ok(Notifications::from_trusted(columns.next()?, columns.next()?))
}

/// Reads the columns of [`UNREAD_STATES`].
fn unread_state(columns: &mut Columns<'_>) -> Result<(MemberId, UnreadState)> {
    let member = rows::pair(columns)?;
    let state = UnreadState {
        read_seq: columns.next()?,
        unread_from_seq: columns.next()?,
        last_seq: columns.next()?,
        unread_count: columns.next()?,
        mention_count: columns.next()?,
        notifications: notifications(columns)?,
    };
    Ok((member, state))
}

/// Reads the rows of [`LOCK_RECEIPTS`].
fn locked_receipts(found: &[Row]) -> Result<HashMap<MemberId, (MemberReceipts, Seq)>> {
    let row = |row| {
        let mut columns = Columns::of(row);
        Ok((rows::pair(&mut columns)?, member_receipts(&mut columns)?))
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
        bounded(async {
            let connection = &*self.connection().await?;
            if !connection.is_distributed() {
                return Box::pin(update(connection, LOCK_RECEIPTS, batch)).await;
            }
            let mut outcomes = vec![ReceiptOutcome::Locked; batch.len()];
            for places in by_conversation(batch.iter().map(|(id, ..)| *id)) {
                let part: Vec<MemberUpdate> = places.iter().map(|place| batch[*place]).collect();
                let updated = Box::pin(update(connection, LOCK_RECEIPTS_OF_ONE, &part)).await?;
                places.iter().zip(updated).for_each(|(place, outcome)| outcomes[*place] = outcome);
            }
            Ok(outcomes)
        })
        .await
    }

    async fn unread_states(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UnreadState)>> {
        let (conversations, users): (Vec<ConversationId>, Vec<UserId>) = members.iter().copied().unzip();
        let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
        self.all(UNREAD_STATES, &[&conversations, &users, &limits::UNREAD_MAX, &scanned], unread_state).await
    }

    async fn blocked_members(&self, members: &[MemberId]) -> Result<Vec<(MemberId, UserId)>> {
        let (conversations, users): (Vec<ConversationId>, Vec<UserId>) = members.iter().copied().unzip();
        self.all(BLOCKED_MEMBERS, &[&conversations, &users], |columns| Ok((rows::pair(columns)?, columns.next()?)))
            .await
    }
}

/// One transaction in two round trips, with the decision between them.
async fn update(
    connection: &PgConnection,
    lock_receipts: &'static str,
    batch: &[MemberUpdate],
) -> Result<Vec<ReceiptOutcome>> {
    connection.prepare(&[lock_receipts, ARE_MEMBERS, SET_STATES]).await?;
    let (conversations, users): (Vec<ConversationId>, Vec<UserId>) =
        batch.iter().map(|(conversation_id, user_id, _)| (*conversation_id, *user_id)).unzip();
    let (begun, locked, members) = join3(
        connection.begin(),
        connection.send(lock_receipts, &[&conversations, &users]),
        connection.send(ARE_MEMBERS, &[&conversations, &users]),
    )
    .await;
    begun?;
    let locked = locked_receipts(&locked?)?;
    let members: HashSet<MemberId> = rows::all(&members?, rows::pair)?.into_iter().collect();
    let changes = changes(batch, &locked);
    if changes.is_empty() {
        connection.rollback().await?;
    } else {
        write(connection, &changes).await?;
    }
    let outcome = |(conversation_id, user_id, _): &MemberUpdate| {
        let member = (*conversation_id, *user_id);
        match (locked.get(&member), changes.get(&member)) {
            (Some((receipts, _)), Some(state)) => {
                let after = MemberReceipts { state: *state, ..*receipts };
                ReceiptOutcome::Changed { before: receipts.state, after }
            }
            (Some(_), None) => ReceiptOutcome::Unchanged,
            (None, _) if members.contains(&member) => ReceiptOutcome::Locked,
            (None, _) => ReceiptOutcome::NotMember,
        }
    };
    Ok(batch.iter().map(outcome).collect())
}

/// Returns the states that the updates change.
fn changes(batch: &[MemberUpdate], locked: &HashMap<MemberId, (MemberReceipts, Seq)>) -> HashMap<MemberId, ReadState> {
    let change = |(conversation_id, user_id, update): &MemberUpdate| {
        let member = (*conversation_id, *user_id);
        let (receipts, last_seq) = locked.get(&member)?;
        let after = receipts.state.after(update, *last_seq);
        (after != receipts.state).then_some((member, after))
    };
    batch.iter().filter_map(change).collect()
}

/// Writes states and commits.
async fn write(connection: &PgConnection, changes: &HashMap<MemberId, ReadState>) -> Result<()> {
    let (conversations, users): (Vec<ConversationId>, Vec<UserId>) = changes.keys().copied().unzip();
    let delivered: Vec<Seq> = changes.values().map(|state| state.delivered_seq).collect();
    let read: Vec<Seq> = changes.values().map(|state| state.read_seq).collect();
    let marks: Vec<Option<Seq>> = changes.values().map(|state| state.unread_from_seq).collect();
    let (set, committed) = join(
        connection.send_count(SET_STATES, &[&conversations, &users, &delivered, &read, &marks]),
        connection.commit(),
    )
    .await;
    // The statement's result first: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    set?;
    committed
}
