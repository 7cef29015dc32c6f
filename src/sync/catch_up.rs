//! Catching up: a connection reads what it missed from the store, and then becomes live.
//!
//! Catching up and live are one mechanism: a connection reads pages from the store until it has all that this node has
//! delivered, and goes live at that number under the lock that delivery takes (see [`crate::registry`]). No buffer to
//! bound, nothing twice, nothing missing.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout;

use super::subscriptions::{Seated, Subscriptions};
use crate::delivery::event_details;
use crate::domain::{Code, ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::registry::Connection;
use crate::wire::close::Close;
use crate::wire::frames;

/// Members asked for where it matters whether there are more than [`limits::SMALL_CONVERSATION_MEMBERS_MAX`].
pub fn beyond_small() -> usize {
    usize::try_from(limits::SMALL_CONVERSATION_MEMBERS_MAX).unwrap_or(0) + 1
}

/// Pushes once there is room. A peer that takes nothing for so long does not read.
pub async fn push_with_backpressure(connection: &Connection, bytes: Bytes) {
    if bytes.is_empty() {
        return;
    }
    if timeout(limits::CATCH_UP_TIMEOUT, connection.send_queue.has_capacity()).await.is_err() {
        connection.send_queue.close(Close::SLOW_CONSUMER);
    }
    connection.send_queue.push(bytes);
}

impl Subscriptions {
    /// Sends everything after `after_seq` up to where live begins, and makes the connection live there. If it is live
    /// already, sends everything after `after_seq` again. Returns the number up to which all has been sent. `resync` if
    /// `after_seq` does not exist yet, `not_found` if the user is not in the conversation.
    pub async fn catch_up(&self, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) -> Result<Seq> {
        let seated = self.subscribe(connection, &[id]).await?;
        self.catch_up_from(connection, &seated, id, after_seq).await
    }

    async fn catch_up_from(
        &self,
        connection: &Arc<Connection>,
        seated: &Seated,
        id: ConversationId,
        after_seq: Seq,
    ) -> Result<Seq> {
        // Without a seat they were removed since the number was read, or the connection has ended.
        let head = seated
            .heads
            .get(&id)
            .filter(|_| connection.is_subscribed(id))
            .ok_or_else(|| Error::not_found("conversation"));
        let caught_up = match head {
            Ok(head) => self.replay_until_live(connection, id, after_seq, *head).await,
            Err(error) => Err(error),
        };
        if caught_up.is_err() && seated.is_new.contains(&id) {
            self.registry.unsubscribe_if_paused(connection, id);
        }
        caught_up
    }

    /// Like [`Subscriptions::catch_up`], in a task of its own, since the peer may read slowly. Whom it fails for comes back.
    pub fn catch_up_in_background(self: &Arc<Self>, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) {
        let (subscriptions, connection) = (Arc::clone(self), Arc::clone(connection));
        self.tasks.spawn(async move {
            match subscriptions.catch_up(&connection, id, after_seq).await {
                Err(error) if error.code == Code::NotFound => {
                    subscriptions.registry.unsubscribe_if_paused(&connection, id)
                }
                Err(_) => connection.send_queue.close(Close::OVERLOADED),
                Ok(_) => {}
            }
        });
    }

    /// The newest number, for members: all up to there is theirs to hear, since both are true at one moment.
    async fn head_for(&self, user_id: UserId, id: ConversationId) -> Result<Seq> {
        let head = self.store.heads_for(user_id, &[id]).await?.pop();
        head.map(|(_, head)| head).ok_or_else(|| Error::not_found("conversation"))
    }

    async fn replay_until_live(
        &self,
        connection: &Arc<Connection>,
        id: ConversationId,
        after_seq: Seq,
        head: Seq,
    ) -> Result<Seq> {
        if after_seq > head {
            return Err(Error::new(Code::Resync, format!("The newest number is {head}: start over from history.")));
        }
        let (mut cursor, mut target) = (after_seq, head);
        let is_live = connection.live_from(id).is_some();
        loop {
            cursor = self.replay(connection, id, cursor, target).await?;
            if is_live || connection.send_queue.is_closing() {
                return Ok(cursor);
            }
            match self.registry.activate(connection, id, cursor) {
                // Without a seat it did not: its user was removed meanwhile.
                Ok(()) if connection.live_from(id).is_none() => return Err(Error::not_found("conversation")),
                Ok(()) => return Ok(cursor),
                // What came meanwhile is theirs only if they are still in it.
                Err(_) => target = self.head_for(connection.user_id, id).await?,
            }
        }
    }

    /// Sends pages of events after `cursor` until `target` is reached; returns up to where.
    async fn replay(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        mut cursor: Seq,
        target: Seq,
    ) -> Result<Seq> {
        while cursor < target && !connection.send_queue.is_closing() {
            let limit = usize::try_from(target - cursor).unwrap_or(usize::MAX).min(limits::CATCH_UP_PAGE);
            let page = self.store.events(conversation_id, cursor, limit).await?;
            if page.is_empty() {
                return Ok(target);
            }
            let mut bytes = Vec::new();
            for event in &page {
                let details = event_details(event, self.store.as_ref(), &self.registry).await?;
                frames::write_event(&mut bytes, event, &details);
                cursor = event.seq;
                if bytes.len() >= limits::CATCH_UP_QUEUED_BYTES_MAX || cursor == target {
                    push_with_backpressure(connection, std::mem::take(&mut bytes).into()).await;
                }
            }
            push_with_backpressure(connection, bytes.into()).await;
        }
        Ok(cursor)
    }

    /// Answers a `resume` of one conversation.
    pub async fn resume(&self, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) -> Result<()> {
        let reached = self.catch_up(connection, id, after_seq).await?;
        self.tell_resumed(connection, id, reached, None).await
    }

    /// Answers a `resume` of many conversations: each by what was missed there and then `resumed`, or by an error.
    pub async fn resume_all(
        &self,
        connection: &Arc<Connection>,
        wanted: HashMap<ConversationId, Seq>,
        reference: Option<&str>,
    ) {
        let ids: Vec<ConversationId> = wanted.keys().copied().collect();
        let mut seated = self.subscribe(connection, &ids).await;
        for (id, after_seq) in wanted {
            let resumed = async {
                let seated = seated.as_ref().map_err(Error::clone)?;
                let reached = self.catch_up_from(connection, seated, id, after_seq).await?;
                self.tell_resumed(connection, id, reached, reference).await
            };
            if let Err(error) = resumed.await {
                connection.send_queue.push(frames::error(&error, reference, Some(id)));
                // A store that did not answer for one is not asked for the others: nobody waits for 500 time-outs.
                if error.code == Code::Unavailable {
                    seated = Err(error);
                }
            }
        }
    }

    async fn tell_resumed(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        reached: Seq,
        reference: Option<&str>,
    ) -> Result<()> {
        let mut members = self.store.members(conversation_id, None, beyond_small()).await?;
        if members.len() == beyond_small() {
            members.clear();
        }
        let receipts: Vec<_> = members.iter().map(|m| (m.user.id, m.delivered_seq, m.read_seq)).collect();
        connection.send_queue.push(frames::resumed(conversation_id, reached, &receipts, reference));
        Ok(())
    }
}
