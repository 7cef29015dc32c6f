//! Reconciling: this node compares its state with the store, once per heartbeat interval and when a repair is requested.
//!
//! A lost event leaves a gap only if another event follows it. Nothing may follow the last message, an added member or the end of a
//! session. So the node reads the newest numbers of the conversations that have subscribers here, the membership versions of the
//! connected users, and their sessions. It reads them in pages and by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::conversation_pages::{ConversationPage, ConversationPages};
use super::{Presence, Subscriptions};
use crate::delivery::{Failed, GapRepair, LocalInbox, RepairQueue};
use crate::domain::user::UserVersions;
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
    pub(crate) presence: Arc<Presence>,
}

impl Reconciler {
    /// Compares everything once per `period` and when it is requested, and users as they are requested, until `stop`.
    pub async fn run(self, period: Duration, stop: CancellationToken) {
        let resubscriptions = self.repair_queue.users.serve(|users| self.resubscribe_all(users));
        stop.run_until_cancelled(join(self.run_comparisons(period), resubscriptions)).await;
    }

    async fn run_comparisons(&self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                () = self.repair_queue.everything_requested() => {}
                _ = ticks.tick() => {}
            }
            while let Err(error) = self.compare().await {
                tracing::warn!(%error, "the node could not compare itself with the store; it tries again");
                sleep(limits::RECONCILE_RETRY_PAUSE).await;
            }
            // Requests meanwhile go into the next one, so that a node that loses much does not load the database of all.
            sleep(limits::COMPARISON_PAUSE).await;
        }
    }

    /// Compares sessions, conversations and memberships with the store, and requests the repair of the differences.
    async fn compare(&self) -> Result<()> {
        self.compare_sessions().await?;
        self.compare_heads().await?;
        for page in self.registry.users().chunks(limits::RECONCILE_PAGE) {
            self.compare_versions(page).await?;
            self.compare_settings(page).await?;
        }
        Ok(())
    }

    /// Compares the memberships of users, and the blocks that hide their presence or show it.
    async fn compare_versions(&self, users: &[UserId]) -> Result<()> {
        let connections = users.iter().flat_map(|id| self.registry.of_user(*id));
        let before: Vec<_> = connections.map(|connection| (connection.blocks_version(), connection)).collect();
        let versions = self.store.versions(users).await?;
        let versions: HashMap<UserId, UserVersions> =
            versions.into_iter().map(|versions| (versions.user_id, versions)).collect();
        for (before, connection) in before {
            let user_id = connection.user_id;
            let Some(versions) = versions.get(&user_id) else { continue };
            if connection.membership_version() < versions.memberships {
                self.repair_queue.request_user(user_id);
            }
            if connection.correct_blocks_version(before, versions.blocks) {
                self.presence.blocks_missed(user_id);
            }
        }
        Ok(())
    }

    /// Compares which users send read receipts: the bus may have lost that one has switched them on or off.
    async fn compare_settings(&self, users: &[UserId]) -> Result<()> {
        let connections = users.iter().flat_map(|id| self.registry.of_user(*id));
        let before: Vec<_> = connections.map(|connection| (connection.sends_receipts(), connection)).collect();
        let silent: HashSet<UserId> = self.store.silent_readers(users).await?.into_iter().collect();
        for (before, connection) in before {
            connection.correct_sends_receipts(before, !silent.contains(&connection.user_id));
        }
        Ok(())
    }

    async fn compare_heads(&self) -> Result<()> {
        for page in self.registry.watermarks().chunks(limits::RECONCILE_PAGE) {
            let ids: Vec<ConversationId> = page.iter().map(|(id, _)| *id).collect();
            let heads: HashMap<ConversationId, Seq> = self.store.heads_of(&ids).await?.into_iter().collect();
            for &(id, watermark) in page {
                match heads.get(&id) {
                    Some(&head) if head > watermark => self.repair_queue.request_conversation(id),
                    Some(&head) if head == watermark => {}
                    Some(_) => self.close_subscribers(id),
                    None => {
                        for subscription in self.registry.subscribers(id).iter() {
                            self.repair_queue.request_user(subscription.connection.user_id);
                        }
                    }
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
            let ended: Vec<SessionId> = page.iter().map(|key| key.id).filter(|id| !live.contains(id)).collect();
            if !ended.is_empty() {
                self.inbox.end_sessions(&ended);
            }
        }
        Ok(())
    }

    /// Subscribes the connections of users, some users at a time.
    async fn resubscribe_all(&self, users: HashSet<UserId>) -> Failed<UserId> {
        let mut failed: Failed<UserId> = None;
        let users: Vec<UserId> = users.into_iter().collect();
        for some in users.chunks(limits::DETAILS_AT_ONCE_MAX) {
            let results = join_all(some.iter().map(|id| self.resubscribe(*id))).await;
            for (id, result) in some.iter().zip(results) {
                if let Err(error) = result {
                    failed.get_or_insert_with(|| (HashSet::new(), error)).0.insert(*id);
                }
            }
        }
        failed
    }

    /// Subscribes a user's connections to the conversations that the user is in, and to no others.
    async fn resubscribe(&self, user_id: UserId) -> Result<()> {
        let Some(UserVersions { memberships: version, .. }) = self.store.versions(&[user_id]).await?.pop() else {
            return Ok(());
        };
        let mut connections = self.registry.of_user(user_id);
        connections.retain(|connection| !connection.put_off_repair() && connection.membership_version() <= version);
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
                    let after_seq = (member.joined_seq - 1).max(0);
                    self.subscriptions.catch_up_in_background(connection, id, after_seq, false);
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
        if !self.registry.unsubscribe(connection, id) {
            return Ok(());
        }
        if connection.scope == Scope::One(id) {
            connection.send_queue.close(Close::NOT_A_MEMBER);
        } else {
            connection.send_queue.push(frames::conversation_removed(id, version));
        }
        Ok(())
    }
}
