//! Reconciling: this node compares its state with the store, once per heartbeat interval and when a repair is requested.
//!
//! A lost event leaves a gap only if another event follows it. Nothing may follow the last message, an added member or the end of a
//! session. So the node reads the newest numbers of the conversations that have subscribers here, the membership versions of the
//! connected users, and their sessions. It reads them in pages and by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Subscriptions;
use super::conversation_pages::{ConversationPage, ConversationPages};
use crate::delivery::{GapRepair, LocalInbox, RepairQueue, Repairs};
use crate::domain::{ConversationId, Error, Result, Seq, SessionId, Timestamp, UserId};
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;
use crate::wire::close::Close;
use crate::wire::frames;

/// Compares this node's state with the store and repairs the differences.
pub struct Reconciler {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) inbox: Arc<LocalInbox>,
    pub(crate) gap_repair: Arc<GapRepair>,
    pub(crate) repair_queue: Arc<RepairQueue>,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

impl Reconciler {
    /// Reconciles everything once per `period`, and makes requested repairs in between, until `stop`.
    pub async fn run(self, period: Duration, stop: CancellationToken) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            let repairs = tokio::select! {
                () = stop.cancelled() => return,
                repairs = self.repair_queue.take() => repairs,
                _ = ticks.tick() => Repairs { everything: true, ..Repairs::default() },
            };
            let failed = tokio::select! {
                () = stop.cancelled() => return,
                failed = self.repair(repairs) => failed,
            };
            if !failed.is_empty() {
                self.repair_queue.retry(failed);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(limits::RECONCILE_RETRY_PAUSE) => {}
                }
            }
        }
    }

    /// Makes repairs, each by itself, so that one that fails does not delay the others. Returns the repairs that failed.
    async fn repair(&self, mut repairs: Repairs) -> Repairs {
        let mut failed = Repairs::default();
        let mut result = Ok(());
        if repairs.everything {
            result = self.compare(&mut repairs).await;
            failed.everything = result.is_err();
        }
        for id in repairs.conversations {
            if let Err(error) = self.gap_repair.backfill(id).await {
                failed.conversations.insert(id);
                result = Err(error);
            }
        }
        for id in repairs.users {
            if let Err(error) = self.resubscribe(id).await {
                failed.users.insert(id);
                result = Err(error);
            }
        }
        if let Err(error) = result {
            tracing::warn!(%error, "some missed events could not be read from the store; the node tries again");
        }
        failed
    }

    /// Compares sessions, conversations and memberships with the store, and adds the differences to `repairs`.
    async fn compare(&self, repairs: &mut Repairs) -> Result<()> {
        self.compare_sessions().await?;
        self.compare_heads(repairs).await?;
        for page in self.registry.users().chunks(limits::RECONCILE_PAGE) {
            for (user_id, version) in self.store.membership_versions(page).await? {
                let connections = self.registry.of_user(user_id);
                if connections.iter().any(|connection| connection.membership_version() < version) {
                    repairs.users.insert(user_id);
                }
            }
        }
        Ok(())
    }

    async fn compare_heads(&self, repairs: &mut Repairs) -> Result<()> {
        for page in self.registry.watermarks().chunks(limits::RECONCILE_PAGE) {
            let ids: Vec<ConversationId> = page.iter().map(|(id, _)| *id).collect();
            let heads: HashMap<ConversationId, Seq> = self.store.heads_of(&ids).await?.into_iter().collect();
            for &(id, watermark) in page {
                match heads.get(&id) {
                    Some(&head) if head > watermark => _ = repairs.conversations.insert(id),
                    Some(&head) if head == watermark => {}
                    Some(_) => self.close_subscribers(id),
                    None => repairs.users.extend(
                        self.registry.subscribers(id).iter().map(|subscription| subscription.connection.user_id),
                    ),
                }
            }
        }
        Ok(())
    }

    /// Closes the subscribers of a conversation whose numbers went back, because a backup was restored. Their clients reconnect, and the
    /// error `resync` makes them reload the history.
    fn close_subscribers(&self, id: ConversationId) {
        for subscription in self.registry.subscribers(id).iter() {
            subscription.connection.send_queue.close(Close::OVERLOADED);
        }
    }

    async fn compare_sessions(&self) -> Result<()> {
        for page in self.registry.sessions().chunks(limits::RECONCILE_PAGE) {
            let live: HashSet<SessionId> =
                self.store.live_sessions(page, Timestamp::now()).await?.into_iter().collect();
            let ended: Vec<SessionId> = page.iter().copied().filter(|id| !live.contains(id)).collect();
            if !ended.is_empty() {
                self.inbox.end_sessions(&ended);
            }
        }
        Ok(())
    }

    /// Subscribes a user's connections to the conversations that the user is in, and to no others.
    async fn resubscribe(&self, user_id: UserId) -> Result<()> {
        let Some((_, version)) = self.store.membership_versions(&[user_id]).await?.pop() else { return Ok(()) };
        let mut connections = self.registry.of_user(user_id);
        connections.retain(|connection| connection.membership_version() <= version);
        let mut pages = ConversationPages::of(user_id);
        while let Some(page) = pages.next(&*self.store).await? {
            for connection in &connections {
                self.resubscribe_page(connection, &page, version).await?;
            }
        }
        for connection in connections {
            connection.set_membership_version(version);
        }
        Ok(())
    }

    /// Subscribes a connection to the conversations of this page, and to no others of its range.
    async fn resubscribe_page(
        &self,
        connection: &Arc<Connection>,
        page: &ConversationPage,
        version: i64,
    ) -> Result<()> {
        let subscribed = connection.conversations_in(&page.range);
        for &id in subscribed.iter().filter(|id| page.ids.binary_search(id).is_err()) {
            self.unsubscribe_if_removed(connection, id, version).await?;
        }
        if !matches!(connection.scope, Scope::One(_)) {
            for &id in page.ids.iter().filter(|id| subscribed.binary_search(id).is_err()) {
                self.subscribe_new(connection, id, version).await?;
            }
        }
        Ok(())
    }

    /// Subscribes a connection to a conversation that it does not know. Sends `conversation.created`. If the scope is [`Scope::All`], it also
    /// sends the events from the one that added its user, and makes the subscription live.
    async fn subscribe_new(&self, connection: &Arc<Connection>, id: ConversationId, version: i64) -> Result<()> {
        if !self.registry.subscribe(connection, id) {
            return Ok(());
        }
        // Membership is checked while the subscription exists, so that a removal from now on ends it.
        let load = async {
            let member = self.store.member(id, connection.user_id).await?;
            Ok::<_, Error>(self.store.conversation(id).await?.zip(member))
        };
        match load.await {
            Ok(Some((conversation, member))) => {
                let frame = frames::conversation_lifecycle("conversation.created", &conversation, version);
                connection.send_queue.push(frame);
                if connection.scope == Scope::All {
                    self.subscriptions.catch_up_in_background(connection, id, (member.joined_seq - 1).max(0));
                }
                Ok(())
            }
            not_loaded => {
                self.registry.unsubscribe_if_paused(connection, id);
                not_loaded.map(drop)
            }
        }
    }

    /// Ends a connection's subscription to a conversation that its user is no longer in.
    async fn unsubscribe_if_removed(
        &self,
        connection: &Arc<Connection>,
        id: ConversationId,
        version: i64,
    ) -> Result<()> {
        // The user receives the event of their own removal, and its delivery ends the subscription.
        self.gap_repair.backfill(id).await?;
        if !connection.is_subscribed(id) || self.store.member(id, connection.user_id).await?.is_some() {
            return Ok(());
        }
        self.registry.unsubscribe(connection, id);
        if connection.scope == Scope::One(id) {
            connection.send_queue.close(Close::NOT_A_MEMBER);
        } else {
            connection.send_queue.push(frames::conversation_removed(id, version));
        }
        Ok(())
    }
}
