//! Catch-up: a connection gets the events that it missed from the store, and then becomes live.
//!
//! Catch-up and live delivery are one mechanism. A connection gets pages from the store until it has all events that this node has
//! delivered. Then its subscription goes live at that number, under the lock that delivery takes (see [`crate::registry`]). So there is
//! no buffer to bound, and no event is missing or comes twice.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::subscriptions::{Subscribed, Subscriptions};
use crate::delivery::{Reader, event_details};
use crate::domain::{Code, ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::registry::Connection;
use crate::store::hide_deleted_names;
use crate::wire::client_frame::ResumePoint;
use crate::wire::close::Close;
use crate::wire::frames;

/// Returns a page size that shows if a conversation is small: a full page has more members than
/// [`limits::SMALL_CONVERSATION_MEMBERS_MAX`].
pub fn small_conversation_probe() -> usize {
    usize::try_from(limits::SMALL_CONVERSATION_MEMBERS_MAX).unwrap_or(0) + 1
}

/// Waits until the connection's send queue has room for a page. Closes the connection if there is no room within
/// [`limits::CATCH_UP_TIMEOUT`], because its client does not read.
pub async fn wait_for_capacity(connection: &Connection) {
    if timeout(limits::CATCH_UP_TIMEOUT, connection.send_queue.has_capacity()).await.is_err() {
        connection.send_queue.close(Close::SLOW_CONSUMER);
    }
}

impl Subscriptions {
    /// Sends the events after `after_seq` until the connection has all that this node has delivered, and makes its subscription live there.
    /// If it is live already, sends all events after `after_seq` again. Returns the number up to which all events were sent. Fails with
    /// `resync` if `after_seq` does not exist yet. Fails with `not_found` if the user is not in the conversation.
    pub async fn catch_up(&self, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) -> Result<Seq> {
        self.catch_up_after(connection, id, ResumePoint { seq: after_seq, id: None }).await
    }

    async fn catch_up_after(
        &self,
        connection: &Arc<Connection>,
        id: ConversationId,
        point: ResumePoint,
    ) -> Result<Seq> {
        let subscribed = self.subscribe_for_user(connection, &[id]).await?;
        self.catch_up_from(connection, &subscribed, id, point).await
    }

    /// Calls [`Subscriptions::subscribe`] with a permit.
    async fn subscribe_for_user(&self, connection: &Arc<Connection>, ids: &[ConversationId]) -> Result<Subscribed> {
        let _permit = self.store_permits.acquire_own(connection.user_id).await?;
        self.subscribe(connection, ids).await
    }

    async fn catch_up_from(
        &self,
        connection: &Arc<Connection>,
        subscribed: &Subscribed,
        id: ConversationId,
        point: ResumePoint,
    ) -> Result<Seq> {
        // Without a subscription, the user was removed since the number was read, or the connection has ended.
        let head = subscribed
            .heads
            .get(&id)
            .filter(|_| connection.is_subscribed(id))
            .ok_or_else(|| Error::not_found("conversation"));
        let caught_up = match head {
            Ok(head) => match self.check_point(connection.user_id, id, point, *head).await {
                Ok(()) => self.replay_until_live(connection, id, point.seq, *head).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if caught_up.is_err() && subscribed.new.contains(&id) {
            self.registry.unsubscribe_if_paused(connection, id);
        }
        caught_up
    }

    /// Fails with `resync` if the conversation has no such event (any more), because the numbers went back with a restored backup: a number that
    /// is too high, or one that was given again to another event.
    async fn check_point(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        point: ResumePoint,
        head: Seq,
    ) -> Result<()> {
        let ResumePoint { seq, id } = point;
        let resync = |reason: String| Err(Error::new(Code::Resync, format!("{reason}: reload the history.")));
        if seq > head {
            return resync(format!("The newest number is {head}"));
        }
        let Some(id) = id else { return Ok(()) };
        let _permit = self.store_permits.acquire_own(user_id).await?;
        let event = self.store.events(conversation_id, seq - 1, 1).await?.pop().filter(|event| event.seq == seq);
        if event.and_then(|event| event.message).is_some_and(|message| message.id == id) {
            return Ok(());
        }
        resync(format!("The event with number {seq} is another one"))
    }

    /// Like [`Subscriptions::catch_up`], in a task of its own, because the client may read slowly. Does nothing if the subscription is live. If it fails, the connection is closed
    /// and its client reconnects. If the user is not in the conversation, a paused subscription ends instead. `is_end_announced`: the client gets a frame about
    /// that from another task.
    pub fn catch_up_in_background(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        id: ConversationId,
        after_seq: Seq,
        is_end_announced: bool,
    ) {
        let (subscriptions, connection) = (Arc::clone(self), Arc::clone(connection));
        self.tasks.spawn(async move {
            if connection.live_from(id).is_some() {
                return;
            }
            let result = match subscriptions.catch_up(&connection, id, after_seq).await {
                Err(error) if error.code == Code::NotFound => {
                    subscriptions.end_paused(&connection, id, is_end_announced).await
                }
                result => result.map(drop),
            };
            if result.is_err() {
                connection.send_queue.close(Close::OVERLOADED);
            }
        });
    }

    /// Ends a paused subscription to a conversation that the user is not in. A comparison of the user's subscriptions does not find it from then on, and
    /// so announces no end of it.
    async fn end_paused(&self, connection: &Arc<Connection>, id: ConversationId, is_end_announced: bool) -> Result<()> {
        let permit = self.store_permits.acquire_own(connection.user_id).await?;
        let version = self.store.membership_version(connection.user_id).await?;
        drop(permit);
        if self.registry.unsubscribe_if_paused(connection, id) {
            if !is_end_announced {
                connection.send_queue.push(frames::conversation_removed(id, version));
            }
            // The user may be back, and a comparison meanwhile has taken the paused subscription for one that becomes live.
            self.repairs.request_user(connection.user_id);
        }
        Ok(())
    }

    /// Returns the newest number of a conversation if the user is a member. Both are read at one moment, so the user may receive all events
    /// up to it.
    async fn head_for(&self, user_id: UserId, id: ConversationId) -> Result<Seq> {
        let _permit = self.store_permits.acquire_own(user_id).await?;
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
        let (mut cursor, mut target) = (after_seq, head);
        let is_live = connection.live_from(id).is_some();
        loop {
            cursor = self.replay(connection, id, cursor, target).await?;
            if is_live || connection.send_queue.is_closing() {
                return Ok(cursor);
            }
            match self.registry.activate(connection, id, cursor) {
                // The subscription ended meanwhile, so it did not become live: the user was removed.
                Ok(()) if connection.live_from(id).is_none() => return Err(Error::not_found("conversation")),
                Ok(()) => return Ok(cursor),
                // The user may receive the events that came meanwhile only if they are still a member.
                Err(_) => target = self.head_for(connection.user_id, id).await?,
            }
            if target <= cursor {
                // Another node told a number that the store does not have, or not yet, as after a failover.
                sleep(limits::RECONCILE_RETRY_PAUSE).await;
            }
        }
    }

    /// Sends pages of events after `cursor` up to `target`. Returns the number up to which it sent them.
    ///
    /// A page is read when the connection has room for it, and sent at once. So a client that does not read keeps nothing in memory besides
    /// its send queue. The rest of a page that is larger than [`limits::CATCH_UP_QUEUED_BYTES_MAX`] is read again, as the beginning of the next
    /// one, which has no more events than this one had room for.
    async fn replay(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        mut cursor: Seq,
        target: Seq,
    ) -> Result<Seq> {
        let mut page_max = limits::CATCH_UP_PAGE;
        while cursor < target {
            wait_for_capacity(connection).await;
            if connection.send_queue.is_closing() {
                break;
            }
            let permit = self.store_permits.acquire(connection.user_id).await?;
            let limit = usize::try_from(target - cursor).unwrap_or(usize::MAX).min(page_max);
            let mut page = self.store.events(conversation_id, cursor, limit).await?;
            hide_deleted_names(&*self.store, page.iter_mut().filter_map(|event| event.message.as_mut())).await?;
            let (mut bytes, mut count) = (Vec::new(), 0);
            for event in page.iter().take_while(|event| event.seq <= target) {
                let reader = Reader { user_id: connection.user_id, presence: &*self.presence };
                let details = event_details(event, self.store.as_ref(), Some(reader)).await?;
                frames::write_event(&mut bytes, event, &details);
                (cursor, count) = (event.seq, count + 1);
                if bytes.len() >= limits::CATCH_UP_QUEUED_BYTES_MAX {
                    break;
                }
            }
            if count == 0 {
                return Ok(target);
            }
            page_max = if count < page.len() { count } else { (2 * page_max).min(limits::CATCH_UP_PAGE) };
            drop((page, permit));
            // The send queue is charged for the bytes, and would keep the rest of the vector too.
            bytes.shrink_to_fit();
            connection.send_queue.push(bytes.into());
        }
        Ok(cursor)
    }

    /// Answers a `resume` of one conversation: sends the missed events and then `resumed`.
    pub async fn resume(&self, connection: &Arc<Connection>, id: ConversationId, point: ResumePoint) -> Result<()> {
        let reached = self.catch_up_after(connection, id, point).await?;
        self.push_resumed(connection, id, reached, None).await
    }

    /// Answers a `resume` of several conversations. For each it sends the missed events and then `resumed`, or an error.
    pub async fn resume_all(
        &self,
        connection: &Arc<Connection>,
        points: HashMap<ConversationId, ResumePoint>,
        reference: Option<&str>,
    ) {
        let ids: Vec<ConversationId> = points.keys().copied().collect();
        let mut subscribed = self.subscribe_for_user(connection, &ids).await;
        for (id, point) in points {
            let resumed = async {
                let subscribed = subscribed.as_ref().map_err(Error::clone)?;
                let reached = self.catch_up_from(connection, subscribed, id, point).await?;
                self.push_resumed(connection, id, reached, reference).await
            };
            if let Err(error) = resumed.await {
                connection.send_queue.push(frames::error(&error, reference, Some(id)));
                // A store that did not answer for one conversation is not asked for the others, or 500 time-outs would add up.
                if error.code == Code::Unavailable {
                    subscribed = Err(error);
                }
            }
        }
    }

    async fn push_resumed(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        reached: Seq,
        reference: Option<&str>,
    ) -> Result<()> {
        let _permit = self.store_permits.acquire_own(connection.user_id).await?;
        let (reader_id, limit) = (connection.user_id, small_conversation_probe());
        let mut receipts = self.store.receipts(conversation_id, reader_id, limit).await?;
        if receipts.len() == small_conversation_probe() {
            receipts.clear();
        }
        connection.send_queue.push(frames::resumed(conversation_id, reached, &receipts, reference));
        Ok(())
    }
}
