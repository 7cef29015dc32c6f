//! Conversations.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join, join_all, join3, join4, join5};

use super::connection::{Params, PgConnection};
use super::counters::LOCK_COUNTER;
use super::mentions::{SWEEP_MENTIONS, SWEEP_MENTIONS_OF_ALL};
use super::messages::outer_joined_message;
use super::quotes::add_quotes;
use super::reactions::SWEEP_REACTIONS;
use super::receipts::notifications;
use super::rows::{self, Columns};
use super::saved::{SWEEP_SAVED, SWEEP_SAVED_OF_ALL};
use super::user_conversations::{
    CONVERSATION_IDS_OF_USER, CONVERSATIONS_OF_PAGE_AMONG, DELETE_MEMBERSHIPS, SMALL_CONVERSATIONS_AMONG, few,
};
use super::user_states::add_last_seen;
use super::users::{RAISE_MEMBERSHIP_VERSIONS, user};
use super::{Postgres, bounded, new_conversations, user_locks, user_states};
use crate::domain::conversation::{
    Conversation, ConversationKind, CreatedConversation, GroupName, NewConversation, Role,
};
use crate::domain::conversation_view::ConversationView;
use crate::domain::rules::may_delete;
use crate::domain::{ConversationId, Result, Timestamp, UserId};
use crate::limits;
use crate::store::conversations::{ActivityCursor, Conversations, LATEST};
use crate::store::queries::contacts::SWEEP_LEAVERS;
use crate::store::queries::conversations::next_deleted;
use crate::store::queries::conversations::{
    CONVERSATION, CONVERSATION_IDS, CONVERSATION_VIEW, CONVERSATION_VIEW_ON_SHARD, CONVERSATION_VIEWS,
    CONVERSATIONS_OF_PAGE, DELETE_CONVERSATION, INSERT_DELETED, MEMBERLESS, SET_SWEPT, SMALL_CONVERSATIONS,
};
use crate::store::queries::messages::{SWEEP_CHANGES, SWEEP_MESSAGES};
use crate::store::queries::pins::SWEEP_PINS;
use crate::store::queries::row_limit;
use crate::store::queries::users::USER_WIDTH;

/// users, largest member_count, limit of each. PostgreSQL looks each user up by the index of members, because of the LIMIT.
const SMALL_CONVERSATIONS_OF: &str = "SELECT w.user_id, s.conversation_id FROM unnest($1::uuid[]) AS w (user_id) \
     CROSS JOIN LATERAL (SELECT mb.conversation_id FROM members mb \
         JOIN counters k ON k.conversation_id = mb.conversation_id AND k.member_count <= $2 \
         WHERE mb.user_id = w.user_id ORDER BY mb.conversation_id LIMIT $3) s ORDER BY w.user_id, s.conversation_id";
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

/// Reads the columns of `conversation_view_select!`.
fn conversation_view(columns: &mut Columns<'_>) -> Result<ConversationView> {
    Ok(ConversationView {
        conversation: conversation(columns)?,
        role: columns.parsed(Role::parse)?,
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

impl Postgres {
    /// Returns conversations as a user sees them. One round trip, and one more if a last message is an answer.
    async fn views(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<ConversationView>> {
        bounded(async {
            let connection = self.connection().await?;
            let mut views = rows::all(&connection.rows(sql, params).await?, conversation_view)?;
            add_quotes(&connection, views.iter_mut().filter_map(|view| view.last_message.as_mut()).collect()).await?;
            add_last_seen(&connection, &mut views).await?;
            Ok(views)
        })
        .await
    }

    /// Returns a page of conversations. The second round trip reads each on its own shard, without one that the user has left meanwhile.
    async fn views_on_shards(
        &self,
        user_id: UserId,
        (active_at, before): ActivityCursor,
        limit: usize,
    ) -> Result<Vec<ConversationView>> {
        bounded(async {
            let connection = &*self.connection().await?;
            let limit = row_limit(limit);
            let page = match few(connection, user_id).await? {
                Some(few) => {
                    let page: Params<'_> = &[&user_id, &active_at, &before, &limit, &few];
                    connection.rows(CONVERSATIONS_OF_PAGE_AMONG, page).await?
                }
                None => connection.rows(CONVERSATIONS_OF_PAGE, &[&user_id, &active_at, &before, &limit]).await?,
            };
            let ids: Vec<ConversationId> = rows::all(&page, rows::value)?;
            connection.prepare(&[CONVERSATION_VIEW_ON_SHARD]).await?;
            let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
            let found = ids.iter().map(|id| async move {
                connection.send(CONVERSATION_VIEW_ON_SHARD, &[&user_id, &limits::UNREAD_MAX, &scanned, id]).await
            });
            let mut views = Vec::with_capacity(ids.len());
            for found in join_all(found).await {
                views.extend(rows::first(&found?, conversation_view)?);
            }
            for view in &mut views {
                add_quotes(connection, view.last_message.iter_mut().collect()).await?;
            }
            add_last_seen(connection, &mut views).await?;
            Ok(views)
        })
        .await
    }
}

#[async_trait]
impl Conversations for Postgres {
    async fn create_conversation(&self, new: &NewConversation) -> Result<CreatedConversation> {
        bounded(async { Box::pin(new_conversations::create(&*self.connection().await?, new)).await }).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        self.one(CONVERSATION, &[&id], conversation).await
    }

    async fn conversation_view(&self, id: ConversationId, user_id: UserId) -> Result<Option<ConversationView>> {
        let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
        let sql = self.form(CONVERSATION_VIEW, CONVERSATION_VIEW_ON_SHARD);
        let views = self.views(sql, &[&user_id, &limits::UNREAD_MAX, &scanned, &id]).await;
        views.map(|mut views| views.pop())
    }

    async fn conversation_views(
        &self,
        user_id: UserId,
        after: Option<ActivityCursor>,
        limit: usize,
    ) -> Result<Vec<ConversationView>> {
        let (active_at, id) = after.unwrap_or(LATEST);
        if self.connector.is_distributed {
            return self.views_on_shards(user_id, (active_at, id), limit).await;
        }
        let scanned = row_limit(limits::UNREAD_SCANNED_MAX);
        let params: Params<'_> = &[&user_id, &limits::UNREAD_MAX, &scanned, &active_at, &id, &row_limit(limit)];
        self.views(CONVERSATION_VIEWS, params).await
    }

    async fn conversation_ids(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        let sql = self.form(CONVERSATION_IDS, CONVERSATION_IDS_OF_USER);
        self.all(sql, &[&user_id, &first, &row_limit(limit)], rows::value).await
    }

    async fn small_conversations(
        &self,
        user_id: UserId,
        first: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        bounded(async {
            let connection = &*self.connection().await?;
            let limit = row_limit(limit);
            let small = &limits::SMALL_CONVERSATION_MEMBERS_MAX;
            if connection.is_distributed()
                && let Some(few) = few(connection, user_id).await?
            {
                let params: Params<'_> = &[small, &first, &limit, &few];
                return rows::all(&connection.rows(SMALL_CONVERSATIONS_AMONG, params).await?, rows::value);
            }
            let params: Params<'_> = &[&user_id, small, &first, &limit];
            rows::all(&connection.rows(SMALL_CONVERSATIONS, params).await?, rows::value)
        })
        .await
    }

    async fn small_conversations_of(&self, user_ids: &[UserId], limit: usize) -> Result<Vec<(UserId, ConversationId)>> {
        if self.connector.is_distributed {
            // One user after the other, each by the shard that has their conversations.
            let mut found = Vec::new();
            for user_id in user_ids {
                let ids = self.small_conversations(*user_id, ConversationId::FIRST, limit).await?;
                found.extend(ids.into_iter().map(|id| (*user_id, id)));
            }
            return Ok(found);
        }
        let params: Params<'_> = &[&user_ids, &limits::SMALL_CONVERSATION_MEMBERS_MAX, &row_limit(limit)];
        self.all(SMALL_CONVERSATIONS_OF, params, rows::pair).await
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
    connection.prepare(&[LOCK_NEXT_DELETED, SWEEP_MESSAGES, SWEEP_CHANGES, SWEEP_REACTIONS, SWEEP_LEAVERS]).await?;
    let sweep_saved = connection.form(SWEEP_SAVED, SWEEP_SAVED_OF_ALL);
    connection.prepare(&[SWEEP_PINS, SWEEP_MENTIONS, SWEEP_MENTIONS_OF_ALL, sweep_saved, SET_SWEPT]).await?;
    let (begun, next) = join(connection.begin(), connection.send(LOCK_NEXT_DELETED, &[])).await;
    begun?;
    let Some(id) = rows::first(&next?, rows::value::<ConversationId>)? else {
        connection.rollback().await?;
        return Ok(false);
    };
    let some: Params<'_> = &[&id, &row_limit(limit)];
    let (messages, changes, reactions, leavers, (pins, mentions, mentions_of_all, saved)) = Box::pin(join5(
        connection.send_count(SWEEP_MESSAGES, some),
        connection.send_count(SWEEP_CHANGES, some),
        connection.send_count(SWEEP_REACTIONS, some),
        connection.send_count(SWEEP_LEAVERS, some),
        join4(
            connection.send_count(SWEEP_PINS, &[&id]),
            connection.send_count(SWEEP_MENTIONS, some),
            connection.send_count(SWEEP_MENTIONS_OF_ALL, some),
            connection.send_count(sweep_saved, some),
        ),
    ))
    .await;
    pins?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let swept = [messages?, changes?, reactions?, leavers?, mentions?, mentions_of_all?, saved?];
    if swept.into_iter().all(|rows| rows < most) {
        connection.send_count(SET_SWEPT, &[&id]).await?;
    }
    connection.commit().await?;
    Ok(true)
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

/// Deletes a conversation. One transaction in two round trips, with the decision between them.
async fn delete(connection: &PgConnection, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
    let raise_versions = connection.form(RAISE_MEMBERSHIP_VERSIONS, user_states::RAISE_MEMBERSHIP_VERSIONS);
    user_locks::prepare(connection).await?;
    connection.prepare(&[LOCK_COUNTER, ROLES, raise_versions]).await?;
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
    let is_distributed = connection.is_distributed();
    if is_distributed {
        connection.prepare(&[DELETE_MEMBERSHIPS]).await?;
    }
    let memberships: Params<'_> = &[&users, &id];
    let (written, committed) = join(
        join5(
            user_locks::lock(connection, &users),
            connection.send_count(DELETE_CONVERSATION, &[&id]),
            connection.send_count(INSERT_DELETED, &[&id]),
            connection.send_count(raise_versions, &[&users]),
            OptionFuture::from(is_distributed.then(|| connection.send_count(DELETE_MEMBERSHIPS, memberships))),
        ),
        connection.commit(),
    )
    .await;
    let (locked, deleted, remembered, raised, listed) = written;
    listed.transpose()?;
    locked?;
    raised?;
    deleted?;
    remembered?;
    committed?;
    Ok(users)
}
