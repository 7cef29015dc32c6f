//! Conversations.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::future::{join, join3, join4, join5};
use tokio_postgres::Row;

use super::blocks::BLOCKS_WITH;
use super::connection::{Params, PgConnection};
use super::contacts::{INSERT_CONTACTS, contact_from, users_with_contact};
use super::messages::outer_joined_message;
use super::rows::{self, Columns};
use super::users::user;
use super::{Postgres, bounded};
use crate::domain::conversation::{
    Conversation, ConversationKind, CreatedConversation, GroupName, NewConversation, Role,
};
use crate::domain::conversation_view::ConversationView;
use crate::domain::quotas::{Made, Quotas};
use crate::domain::rules::contact::{not_added, undecided};
use crate::domain::rules::may_delete;
use crate::domain::user::ContactFrom;
use crate::domain::{ConversationId, Error, Result, Timestamp, UserId};
use crate::limits;
use crate::store::conversations::{ActivityCursor, Conversations, LATEST, existing, id_taken, no_such_member};
use crate::store::queries::contacts::SWEEP_LEAVERS;
use crate::store::queries::conversations::next_deleted;
use crate::store::queries::conversations::{
    CONVERSATION, CONVERSATION_IDS, CONVERSATION_VIEW, CONVERSATION_VIEWS, DELETE_CONVERSATION, DELETED_CONVERSATION,
    EXISTING_CONVERSATION, INSERT_CONVERSATION, INSERT_DELETED, MEMBERLESS, SET_SWEPT, SMALL_CONVERSATIONS,
};
use crate::store::queries::heads::INSERT_COUNTER;
use crate::store::queries::messages::{SWEEP_CHANGES, SWEEP_MESSAGES};
use crate::store::queries::quotas::{CREATOR_QUOTAS, SET_NEW_THAT_DAY};
use crate::store::queries::row_limit;
use crate::store::queries::users::USER_WIDTH;

/// users. Like `LOCK_USERS`, without those who were deleted. The columns: id, and who may begin a conversation with the user.
const LOCK_LIVE_USERS: &str =
    "SELECT id, contact_from FROM users WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE";
/// users. Returns those that exist. All transactions lock users in one order, because two of them may raise the versions of the same
/// users.
pub(super) const LOCK_USERS: &str = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
/// users
const RAISE_MEMBERSHIP_VERSIONS: &str =
    "UPDATE users SET membership_version = membership_version + 1 WHERE id = ANY($1)";
/// conversation, users, roles, joined_at
const INSERT_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at) \
     SELECT $1, m.user_id, m.role, $4 FROM unnest($2::uuid[], $3::text[]) AS m (user_id, role)";
/// conversation, users. Returns those who are no members.
const NO_MEMBERS: &str = "SELECT w.id FROM unnest($2::uuid[]) AS w (id) \
     WHERE NOT EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = $1 AND mb.user_id = w.id) ORDER BY w.id";
/// conversation
const LOCK_COUNTER: &str = "SELECT 1 FROM counters WHERE conversation_id = $1 FOR UPDATE";
/// conversation
const ROLES: &str = "SELECT user_id, role FROM members WHERE conversation_id = $1";

/// Reads `conversation_columns!`.
pub(super) fn conversation(columns: &mut Columns<'_>) -> Result<Conversation> {
    Ok(Conversation {
        id: columns.next()?,
        kind: columns.parsed(ConversationKind::parse)?,
        name: columns.next::<Option<String>>()?.map(GroupName::from_trusted),
        creator_id: columns.next()?,
        created_at: columns.next()?,
        member_count: columns.next()?,
        last_seq: columns.next()?,
        active_at: columns.next()?,
    })
}

/// Reads the columns of [`CREATOR_QUOTAS`].
fn creator_quotas(columns: &mut Columns<'_>) -> Result<(Quotas, Made)> {
    let quotas = Quotas::from_stored(columns.next()?, columns.next()?);
    Ok((quotas, Made { day: columns.next()?, new_that_day: columns.next()?, conversations: columns.next()? }))
}

/// Reads the columns of `conversation_view_select!`.
fn conversation_view(columns: &mut Columns<'_>) -> Result<ConversationView> {
    Ok(ConversationView {
        conversation: conversation(columns)?,
        role: columns.parsed(Role::parse)?,
        read_seq: columns.next()?,
        unread_count: columns.next()?,
        peer: columns.outer_joined(USER_WIDTH, user)?,
        last_message: outer_joined_message(columns)?,
    })
}

#[async_trait]
impl Conversations for Postgres {
    async fn create_conversation(&self, new: &NewConversation) -> Result<CreatedConversation> {
        bounded(async { Box::pin(create(&*self.connection().await?, new)).await }).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        self.one(CONVERSATION, &[&id], conversation).await
    }

    async fn conversation_view(&self, id: ConversationId, user_id: UserId) -> Result<Option<ConversationView>> {
        self.one(CONVERSATION_VIEW, &[&user_id, &limits::UNREAD_MAX, &id], conversation_view).await
    }

    async fn conversation_views(
        &self,
        user_id: UserId,
        after: Option<ActivityCursor>,
        limit: usize,
    ) -> Result<Vec<ConversationView>> {
        let (active_at, id) = after.unwrap_or(LATEST);
        let params: Params<'_> = &[&user_id, &limits::UNREAD_MAX, &active_at, &id, &row_limit(limit)];
        self.all(CONVERSATION_VIEWS, params, conversation_view).await
    }

    async fn conversation_ids(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        self.all(CONVERSATION_IDS, &[&user_id, &first, &row_limit(limit)], rows::value).await
    }

    async fn small_conversations(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        let params: Params<'_> = &[&user_id, &limits::SMALL_CONVERSATION_MEMBERS_MAX, &first, &row_limit(limit)];
        self.all(SMALL_CONVERSATIONS, params, rows::value).await
    }

    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
        bounded(async { Box::pin(delete(&*self.connection().await?, id, actor_id)).await }).await
    }

    async fn delete_memberless(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let found: Vec<ConversationId> = self.all(MEMBERLESS, &[&before, &row_limit(limit)], rows::value).await?;
        for id in &found {
            bounded(async { Box::pin(delete_memberless(&*self.connection().await?, *id)).await }).await?;
        }
        Ok(found.len())
    }

    async fn sweep_deleted(&self, limit: usize) -> Result<bool> {
        bounded(async { Box::pin(sweep(&*self.connection().await?, limit)).await }).await
    }
}

/// The next conversation to sweep, and the right to sweep it. Passes over one that another node sweeps: it would wait for the rows that the
/// other deletes, find none of them, and take that for the end.
const LOCK_NEXT_DELETED: &str = concat!(next_deleted!(), " FOR UPDATE SKIP LOCKED");

/// Deletes some of what is left of a deleted conversation, in one transaction. Returns true if there may be more.
async fn sweep(connection: &PgConnection, limit: usize) -> Result<bool> {
    connection.prepare(&[LOCK_NEXT_DELETED, SWEEP_MESSAGES, SWEEP_CHANGES, SWEEP_LEAVERS, SET_SWEPT]).await?;
    let (begun, next) = join(connection.begin(), connection.send(LOCK_NEXT_DELETED, &[])).await;
    begun?;
    let Some(id) = rows::first(&next?, rows::value::<ConversationId>)? else {
        connection.rollback().await?;
        return Ok(false);
    };
    let some: Params<'_> = &[&id, &row_limit(limit)];
    let (messages, changes, leavers) = join3(
        connection.send_count(SWEEP_MESSAGES, some),
        connection.send_count(SWEEP_CHANGES, some),
        connection.send_count(SWEEP_LEAVERS, some),
    )
    .await;
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if messages?.max(changes?).max(leavers?) < most {
        connection.send_count(SET_SWEPT, &[&id]).await?;
    }
    connection.commit().await?;
    Ok(true)
}

/// Creates a conversation, or returns the existing one: the pair's direct conversation, or the one that an earlier try created. One
/// transaction in three round trips, or four if it depends on somebody's contacts.
async fn create(connection: &PgConnection, new: &NewConversation) -> Result<CreatedConversation> {
    let mut users = vec![new.creator_id];
    users.extend(&new.other_ids);
    let (id, at) = (&new.id, &new.created_at);
    let (kind, name) = (new.kind.as_str(), new.name.as_ref().map(GroupName::as_str));
    let direct_key = new.direct_key();

    connection.prepare(&[LOCK_LIVE_USERS, DELETED_CONVERSATION, INSERT_CONVERSATION, EXISTING_CONVERSATION]).await?;
    connection
        .prepare(&[INSERT_COUNTER, INSERT_MEMBERS, RAISE_MEMBERSHIP_VERSIONS, INSERT_CONTACTS, BLOCKS_WITH])
        .await?;
    // The pair's key before the users: a transaction that waits for another transaction's key then holds no lock that the other needs.
    // The deleted ids last. Each statement sees what was committed before it, and a deletion may be committed between any two of them: a
    // conversation that is found no more is found among the deleted.
    let (begun, inserted, (existing_users, blocked), found, deleted) = join5(
        connection.begin(),
        connection.send_count(INSERT_CONVERSATION, &[id, &kind, &name, &new.creator_id, at, &direct_key]),
        join(
            connection.send(LOCK_LIVE_USERS, &[&users]),
            connection.send(BLOCKS_WITH, &[&new.creator_id, &new.other_ids]),
        ),
        connection.send(EXISTING_CONVERSATION, &[id, &direct_key]),
        connection.send(DELETED_CONVERSATION, &[id]),
    )
    .await;
    begun?;
    let (inserted, existing_users, blocked, found, deleted) = (inserted?, existing_users?, blocked?, found?, deleted?);
    if !deleted.is_empty() {
        connection.rollback().await?;
        return Err(id_taken());
    }
    if inserted == 0 {
        connection.rollback().await?;
        // The pair's conversation may have been deleted in between. Then a retry creates it.
        let found = rows::first(&found, rows::pair)?
            .ok_or_else(|| Error::unavailable("the conversation was deleted while it was created"))?;
        let id = existing(new, found)?;
        let not_added = rows::all(&connection.rows(NO_MEMBERS, &[&id, &new.other_ids]).await?, rows::value)?;
        return Ok(CreatedConversation { id, is_new: false, not_added });
    }
    let not_added = match refusing(connection, new, &existing_users, &blocked).await {
        Ok(not_added) => not_added,
        Err(refusal) => {
            connection.rollback().await?;
            return Err(refusal);
        }
    };
    let others = new.others_without(&not_added);
    users.truncate(1);
    users.extend(&others);
    let mut roles = vec![Role::Member.as_str(); users.len()];
    roles[0] = new.creator_role().as_str();
    let members = i64::try_from(users.len()).unwrap_or(i64::MAX);
    let new_that_day = match check_quotas(connection, new, &others).await {
        Ok(new_that_day) => new_that_day,
        Err(refusal) => {
            connection.rollback().await?;
            return Err(refusal);
        }
    };
    if let Some((day, number)) = new_that_day {
        connection.send_count(SET_NEW_THAT_DAY, &[&new.creator_id, &day, &number]).await?;
    }
    let (counted, members_inserted, raised, contacts_inserted, committed) = join5(
        connection.send_count(INSERT_COUNTER, &[id, &members, at]),
        connection.send_count(INSERT_MEMBERS, &[id, &users, &roles, at]),
        connection.send_count(RAISE_MEMBERSHIP_VERSIONS, &[&users]),
        connection.send_count(INSERT_CONTACTS, &[&new.creator_id, &others]),
        connection.commit(),
    )
    .await;
    counted?;
    members_inserted?;
    raised?;
    contacts_inserted?;
    committed?;
    Ok(CreatedConversation { id: new.id, is_new: true, not_added })
}

/// Returns the members who are left out because they refuse. `locked` has the rows of [`LOCK_LIVE_USERS`], and `blocked` those of
/// [`BLOCKS_WITH`]. Fails if one does not exist, or refuses a direct conversation.
async fn refusing(
    connection: &PgConnection,
    new: &NewConversation,
    locked: &[Row],
    blocked: &[Row],
) -> Result<Vec<UserId>> {
    let locked: HashMap<UserId, ContactFrom> =
        rows::all(locked, |columns| Ok((columns.next()?, contact_from(columns)?)))?.into_iter().collect();
    let setting = |id: &UserId| locked.get(id).map(|setting| (*id, *setting)).ok_or_else(|| no_such_member(*id));
    setting(&new.creator_id)?;
    let asked: Vec<(UserId, ContactFrom)> = new.other_ids.iter().map(setting).collect::<Result<_>>()?;
    let undecided = undecided(&asked);
    let with_contact = if undecided.is_empty() {
        Vec::new()
    } else {
        users_with_contact(connection, &undecided, new.creator_id).await?
    };
    let blocked: Vec<UserId> = rows::all(blocked, rows::value)?;
    not_added(new.kind, &asked, &with_contact, &blocked)
}

/// Deletes a group without members. Another node may have deleted it meanwhile.
async fn delete_memberless(connection: &PgConnection, id: ConversationId) -> Result<()> {
    connection.prepare(&[LOCK_COUNTER, DELETE_CONVERSATION, INSERT_DELETED]).await?;
    let (begun, locked, deleted) = join3(
        connection.begin(),
        connection.send(LOCK_COUNTER, &[&id]),
        connection.send_count(DELETE_CONVERSATION, &[&id]),
    )
    .await;
    begun?;
    locked?;
    if deleted? == 0 {
        return connection.rollback().await;
    }
    connection.send_count(INSERT_DELETED, &[&id]).await?;
    connection.commit().await
}

/// Checks the creator's quotas, whose row is locked. Returns the day and the number of that day to keep, if the conversation counts for it.
async fn check_quotas(
    connection: &PgConnection,
    new: &NewConversation,
    others: &[UserId],
) -> Result<Option<(i64, i64)>> {
    if !new.has_quotas {
        return Ok(None);
    }
    connection.prepare(&[CREATOR_QUOTAS, SET_NEW_THAT_DAY]).await?;
    // The new conversation is counted too.
    let counted = limits::QUOTA_MAX + 1;
    let (creator, knowing) = join(
        connection.send(CREATOR_QUOTAS, &[&new.creator_id, &counted]),
        users_with_contact(connection, others, new.creator_id),
    )
    .await;
    let (quotas, made) = rows::first(&creator?, creator_quotas)?.ok_or_else(|| no_such_member(new.creator_id))?;
    let made = Made { conversations: made.conversations - 1, ..made };
    quotas.check(made, !knowing?.is_empty(), new.created_at)
}

/// Deletes a conversation. One transaction in two round trips, with the decision between them.
async fn delete(connection: &PgConnection, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
    connection.prepare(&[LOCK_COUNTER, ROLES, LOCK_USERS, RAISE_MEMBERSHIP_VERSIONS]).await?;
    connection.prepare(&[DELETE_CONVERSATION, INSERT_DELETED]).await?;
    let (begun, locked, members) =
        join3(connection.begin(), connection.send(LOCK_COUNTER, &[&id]), connection.send(ROLES, &[&id])).await;
    begun?;
    locked?;
    let mut users = Vec::new();
    let mut role = None;
    for row in &members? {
        let mut columns = Columns::of(row);
        let user_id: UserId = columns.next()?;
        if user_id == actor_id {
            role = Some(columns.parsed(Role::parse)?);
        }
        users.push(user_id);
    }
    if let Err(refusal) = may_delete(role) {
        connection.rollback().await?;
        return Err(refusal);
    }
    let (written, committed) = join(
        join4(
            connection.send(LOCK_USERS, &[&users]),
            connection.send_count(RAISE_MEMBERSHIP_VERSIONS, &[&users]),
            connection.send_count(DELETE_CONVERSATION, &[&id]),
            connection.send_count(INSERT_DELETED, &[&id]),
        ),
        connection.commit(),
    )
    .await;
    let (locked, raised, deleted, remembered) = written;
    locked?;
    raised?;
    deleted?;
    remembered?;
    committed?;
    Ok(users)
}
