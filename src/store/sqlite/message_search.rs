//! Searches messages.

use std::time::Instant;

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::message_index::{self, CURSOR};
use super::message_scan::find;
use super::messages::message;
use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use crate::domain::conversation::{GroupName, direct_key};
use crate::domain::event::Event;
use crate::domain::message_search::{FoundMessages, IndexPosition, IndexStep, IndexVersion, MessagePosition, Search};
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::limits;
use crate::store::queries::heads::HEAD;
use crate::store::queries::message_search::{
    DIRECT_CONVERSATION, FORGET_INDEX_VERSION, GROUP_NAMES, INDEX_POSITIONS, INDEX_VERSIONS, SET_INDEX_VERSION,
};
use crate::store::queries::messages::message_columns;
use crate::store::queries::row_limit;
use crate::store::{MessageSearch, Messages};

/// conversation, seq
const MESSAGE_AT: &str =
    concat!("SELECT ", message_columns!(), " FROM messages m WHERE m.conversation_id = ?1 AND m.seq = ?2");

fn index_version(columns: &mut Columns<'_>) -> rusqlite::Result<IndexVersion> {
    Ok(IndexVersion { version: columns.next()?, is_complete: columns.next()?, used_at: columns.next()? })
}

/// Reads the columns of [`INDEX_POSITIONS`].
fn index_position(columns: &mut Columns<'_>) -> rusqlite::Result<IndexPosition> {
    Ok(IndexPosition { conversation_id: columns.next()?, head: columns.next()?, indexed: columns.next()? })
}

fn group_name(columns: &mut Columns<'_>) -> rusqlite::Result<(ConversationId, GroupName)> {
    Ok((columns.next()?, GroupName::from_trusted(columns.next()?)))
}

#[async_trait]
impl MessageSearch for Sqlite {
    async fn index_versions(&self) -> Result<Vec<IndexVersion>> {
        self.read(|db| all(db, INDEX_VERSIONS, [], index_version)).await
    }

    async fn set_index_version(&self, index: IndexVersion) -> Result<()> {
        let IndexVersion { version, is_complete, used_at } = index;
        self.write(move |db| run(db, sql!(SET_INDEX_VERSION), params![version, is_complete, used_at]).map(drop)).await
    }

    async fn forget_index_version(&self, version: i64) -> Result<()> {
        self.write(move |db| run(db, sql!(FORGET_INDEX_VERSION), params![version]).map(drop)).await
    }

    async fn index_positions_of(&self, version: i64, ids: &[ConversationId]) -> Result<Vec<IndexPosition>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let position = |conversation_id| {
                Ok(IndexPosition {
                    conversation_id,
                    head: one(db, sql!(HEAD), params![conversation_id], value)?,
                    indexed: one(db, CURSOR, params![version, conversation_id], value)?,
                })
            };
            ids.into_iter().map(position).collect()
        })
        .await
    }

    async fn index_positions(&self, version: i64, first: ConversationId, limit: usize) -> Result<Vec<IndexPosition>> {
        let params = (version, first, row_limit(limit));
        self.read(move |db| all(db, sql!(INDEX_POSITIONS), params, index_position)).await
    }

    async fn events_to_index(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.events(id, after, limit).await
    }

    async fn index_messages(&self, version: i64, steps: Vec<IndexStep>) -> Result<Vec<ConversationId>> {
        self.write(move |db| message_index::index_messages(db, version, steps)).await
    }

    async fn sweep_index(&self, version: i64, id: ConversationId, limit: usize) -> Result<bool> {
        self.write(move |db| message_index::sweep(db, version, id, limit)).await
    }

    async fn search_messages(&self, version: i64, search: &Search) -> Result<FoundMessages> {
        let search = search.clone();
        self.readers
            .run(move |db| {
                let deadline = Instant::now() + limits::SEARCH_DEADLINE;
                let (positions, next) = find(db, version, &search, deadline)?;
                let mut messages = Vec::with_capacity(positions.len());
                for MessagePosition { conversation_id, seq, .. } in positions {
                    messages.extend(one(db, MESSAGE_AT, params![conversation_id, seq], message)?);
                }
                Ok(FoundMessages { messages, next })
            })
            .await
    }

    async fn group_names(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, GroupName)>> {
        self.read(move |db| all(db, sql!(GROUP_NAMES), params![user_id, row_limit(limit)], group_name)).await
    }

    async fn direct_conversation(&self, one_id: UserId, other_id: UserId) -> Result<Option<ConversationId>> {
        let key = direct_key(one_id, other_id);
        self.read(move |db| one(db, sql!(DIRECT_CONVERSATION), params![key], value)).await
    }
}
