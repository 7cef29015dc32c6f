//! Conversations.

use std::iter;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::blocks::blocks_with;
use super::contacts::{insert_contact, users_with_contact};
use super::members::member;
use super::mentions::{SWEEP_MENTIONS, SWEEP_MENTIONS_OF_ALL};
use super::messages::outer_joined_message;
use super::quotes::add_quotes;
use super::reactions::SWEEP_REACTIONS;
use super::receipts::notifications;
use super::rows::{Columns, pair, value};
use super::saved::SWEEP_SAVED;
use super::sql::{all, one, run, sql};
use super::users::user;
use crate::domain::conversation::{Conversation, CreatedConversation, GroupName, NewConversation, Role};
use crate::domain::conversation_view::ConversationView;
use crate::domain::quotas::{Made, Quotas};
use crate::domain::rules::contact::{not_added, undecided};
use crate::domain::rules::may_delete;
use crate::domain::{ConversationId, Result, Timestamp, UserId};
use crate::limits;
use crate::store::conversations::{ActivityCursor, Conversations, LATEST, existing, id_taken, no_such_member};
use crate::store::queries::contacts::{CONTACT_FROM, SWEEP_LEAVERS};
use crate::store::queries::conversations::next_deleted;
use crate::store::queries::conversations::{
    CONVERSATION, CONVERSATION_IDS, CONVERSATION_VIEW, CONVERSATION_VIEWS, DELETE_CONVERSATION, DELETED_CONVERSATION,
    EXISTING_CONVERSATION, INSERT_CONVERSATION, INSERT_DELETED, MEMBERLESS, SET_SWEPT, SMALL_CONVERSATIONS,
};
use crate::store::queries::heads::INSERT_COUNTER;
use crate::store::queries::members::{INSERT_MEMBER, MEMBER, RAISE_MEMBERSHIP_VERSION};
use crate::store::queries::messages::{SWEEP_CHANGES, SWEEP_MESSAGES};
use crate::store::queries::pins::SWEEP_PINS;
use crate::store::queries::quotas::{CREATOR_QUOTAS, SET_NEW_THAT_DAY};
use crate::store::queries::row_limit;
use crate::store::queries::users::USER_WIDTH;

/// conversation
const MEMBER_IDS: &str = "SELECT user_id FROM members WHERE conversation_id = ?1";

/// Reads `conversation_columns!`.
pub(super) fn conversation(columns: &mut Columns<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: columns.next()?,
        kind: columns.next()?,
        name: columns.next::<Option<_>>()?.map(GroupName::from_trusted),
        creator_id: columns.next()?,
        created_at: columns.next()?,
        member_count: columns.next()?,
        last_seq: columns.next()?,
        active_at: columns.next()?,
    })
}

/// Reads the columns of [`CREATOR_QUOTAS`].
fn creator_quotas(columns: &mut Columns<'_>) -> rusqlite::Result<(Quotas, Made)> {
    let quotas = Quotas::from_stored(columns.next()?, columns.next()?);
    Ok((quotas, Made { day: columns.next()?, new_that_day: columns.next()?, conversations: columns.next()? }))
}

/// Reads the columns of `conversation_view_select!`.
fn conversation_view(columns: &mut Columns<'_>) -> rusqlite::Result<ConversationView> {
    Ok(ConversationView {
        conversation: conversation(columns)?,
        role: columns.next()?,
        read_seq: columns.next()?,
        unread_from_seq: columns.next()?,
        unread_count: columns.next()?,
        mention_count: columns.next()?,
        rows_counted: columns.next()?,
        notifications: notifications(columns)?,
        peer: columns.outer_joined(USER_WIDTH, user)?,
        last_message: outer_joined_message(columns)?,
    })
}

#[async_trait]
impl Conversations for Sqlite {
    async fn create_conversation(&self, new: &NewConversation) -> Result<CreatedConversation> {
        let new = new.clone();
        self.write(move |db| create(db, &new)).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        self.read(move |db| one(db, sql!(CONVERSATION), params![id], conversation)).await
    }

    async fn conversation_view(&self, id: ConversationId, user_id: UserId) -> Result<Option<ConversationView>> {
        self.read(move |db| {
            let params = params![user_id, limits::UNREAD_MAX, row_limit(limits::UNREAD_SCANNED_MAX), id];
            let mut view = one(db, sql!(CONVERSATION_VIEW), params, conversation_view)?;
            add_quotes(db, view.iter_mut().filter_map(|view| view.last_message.as_mut()))?;
            Ok(view)
        })
        .await
    }

    async fn conversation_views(
        &self,
        user_id: UserId,
        after: Option<ActivityCursor>,
        limit: usize,
    ) -> Result<Vec<ConversationView>> {
        let (active_at, id) = after.unwrap_or(LATEST);
        self.read(move |db| {
            let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
            let params = params![user_id, limits::UNREAD_MAX, scanned, active_at, id, row_limit(limit)];
            let mut views = all(db, sql!(CONVERSATION_VIEWS), params, conversation_view)?;
            add_quotes(db, views.iter_mut().filter_map(|view| view.last_message.as_mut()))?;
            Ok(views)
        })
        .await
    }

    async fn conversation_ids(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        self.read(move |db| all(db, sql!(CONVERSATION_IDS), params![user_id, first, row_limit(limit)], value)).await
    }

    async fn small_conversations(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        self.read(move |db| {
            let params = params![user_id, limits::SMALL_CONVERSATION_MEMBERS_MAX, first, row_limit(limit)];
            all(db, sql!(SMALL_CONVERSATIONS), params, value)
        })
        .await
    }

    async fn small_conversations_of(&self, user_ids: &[UserId], limit: usize) -> Result<Vec<(UserId, ConversationId)>> {
        let (user_ids, largest) = (user_ids.to_vec(), limits::SMALL_CONVERSATION_MEMBERS_MAX);
        self.read(move |db| {
            let mut found = Vec::new();
            for user_id in user_ids {
                let params = params![user_id, largest, ConversationId::FIRST, row_limit(limit)];
                let ids: Vec<ConversationId> = all(db, sql!(SMALL_CONVERSATIONS), params, value)?;
                found.extend(ids.into_iter().map(|id| (user_id, id)));
            }
            Ok(found)
        })
        .await
    }

    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
        self.write(move |db| delete(db, id, actor_id)).await
    }

    async fn delete_memberless(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let params = (before, row_limit(limit));
        let found: Vec<ConversationId> = self.read(move |db| all(db, sql!(MEMBERLESS), params, value)).await?;
        for &id in &found {
            // One at a time, so that other writes have their turn. Nobody can join it meanwhile.
            self.write(move |db| {
                run(db, sql!(DELETE_CONVERSATION), params![id])?;
                run(db, sql!(INSERT_DELETED), params![id])
            })
            .await?;
        }
        Ok(found.len())
    }

    async fn sweep_deleted(&self, limit: usize) -> Result<bool> {
        if self.read(|db| one(db, next_deleted!(), [], value::<ConversationId>)).await?.is_none() {
            return Ok(false);
        }
        self.write(move |db| sweep(db, limit)).await
    }
}

/// Creates a conversation, or returns the existing one: the pair's direct conversation, or the one that an earlier try created.
fn create(db: &Connection, new: &NewConversation) -> Result<CreatedConversation> {
    let direct_key = new.direct_key();
    if let Some(found) = one(db, sql!(EXISTING_CONVERSATION), params![new.id, direct_key], pair)? {
        let id = existing(new, found)?;
        return Ok(CreatedConversation { id, is_new: false, not_added: no_members(db, id, &new.other_ids)? });
    }
    if one(db, sql!(DELETED_CONVERSATION), params![new.id], value::<ConversationId>)?.is_some() {
        return Err(id_taken());
    }
    let mut asked = Vec::with_capacity(new.other_ids.len());
    for &id in &new.other_ids {
        let contact_from = one(db, sql!(CONTACT_FROM), params![id], value)?.ok_or_else(|| no_such_member(id))?;
        asked.push((id, contact_from));
    }
    let with_contact = users_with_contact(db, &undecided(&asked), new.creator_id)?;
    let blocked = blocks_with(db, new.creator_id, &new.other_ids)?;
    let not_added = not_added(new.kind, &asked, &with_contact, &blocked)?;
    let others = new.others_without(&not_added);
    if let Some((day, number)) = check_quotas(db, new, &others)? {
        run(db, sql!(SET_NEW_THAT_DAY), params![new.creator_id, day, number])?;
    }
    let name = new.name.as_ref().map(GroupName::as_str);
    let row = params![new.id, new.kind, name, new.creator_id, new.created_at, direct_key];
    run(db, sql!(INSERT_CONVERSATION), row)?;
    // `limits::INITIAL_MEMBERS_MAX` bounds the number, so that it always fits.
    let member_count = i64::try_from(others.len()).unwrap_or(i64::MAX).saturating_add(1);
    run(db, sql!(INSERT_COUNTER), params![new.id, member_count, new.created_at])?;
    let members = others.iter().map(|id| (*id, Role::Member));
    for (user_id, role) in iter::once((new.creator_id, new.creator_role())).chain(members) {
        run(db, sql!(INSERT_MEMBER), params![new.id, user_id, role, new.created_at, 0])?;
        run(db, sql!(RAISE_MEMBERSHIP_VERSION), params![user_id])?;
    }
    for &user_id in &others {
        insert_contact(db, new.creator_id, user_id)?;
    }
    Ok(CreatedConversation { id: new.id, is_new: true, not_added })
}

/// Returns those of these users who are no members.
fn no_members(db: &Connection, id: ConversationId, user_ids: &[UserId]) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    for &user_id in user_ids {
        if one(db, sql!(MEMBER), params![id, user_id], member)?.is_none() {
            found.push(user_id);
        }
    }
    Ok(found)
}

/// Checks the creator's quotas. Returns the day and the number of that day to keep, if the conversation counts for it.
fn check_quotas(db: &Connection, new: &NewConversation, others: &[UserId]) -> Result<Option<(i64, i64)>> {
    if !new.has_quotas {
        return Ok(None);
    }
    let creator = one(db, sql!(CREATOR_QUOTAS), params![new.creator_id, limits::QUOTA_MAX], creator_quotas)?;
    let (quotas, made) = creator.ok_or_else(|| no_such_member(new.creator_id))?;
    let is_asked_for = !users_with_contact(db, others, new.creator_id)?.is_empty();
    quotas.check(made, is_asked_for, new.created_at)
}

/// Deletes a conversation and all in it. Returns its former members.
fn delete(db: &Connection, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
    let actor = one(db, sql!(MEMBER), params![id, actor_id], member)?;
    may_delete(actor.map(|actor| actor.role))?;
    let members = all(db, MEMBER_IDS, params![id], value)?;
    for user_id in &members {
        run(db, sql!(RAISE_MEMBERSHIP_VERSION), params![user_id])?;
    }
    run(db, sql!(DELETE_CONVERSATION), params![id])?;
    run(db, sql!(INSERT_DELETED), params![id])?;
    Ok(members)
}

/// Deletes some of what is left of a deleted conversation. Returns true if there may be more.
fn sweep(db: &Connection, limit: usize) -> Result<bool> {
    let Some(id) = one(db, next_deleted!(), [], value::<ConversationId>)? else { return Ok(false) };
    let messages = run(db, sql!(SWEEP_MESSAGES), params![id, row_limit(limit)])?;
    let changes = run(db, sql!(SWEEP_CHANGES), params![id, row_limit(limit)])?;
    let reactions = run(db, SWEEP_REACTIONS, params![id, row_limit(limit)])?;
    run(db, sql!(SWEEP_PINS), params![id])?;
    let leavers = run(db, sql!(SWEEP_LEAVERS), params![id, row_limit(limit)])?;
    let mentions = run(db, SWEEP_MENTIONS, params![id, row_limit(limit)])?;
    let mentions_of_all = run(db, SWEEP_MENTIONS_OF_ALL, params![id, row_limit(limit)])?;
    let saved = run(db, SWEEP_SAVED, params![id, row_limit(limit)])?;
    if [messages, changes, reactions, leavers, mentions, mentions_of_all, saved].into_iter().all(|rows| rows < limit) {
        run(db, sql!(SET_SWEPT), params![id])?;
    }
    Ok(true)
}
