//! Rounds: once a heartbeat, and at once when there is a hint, this node compares what it has delivered with what the store has.
//!
//! For what has nothing after it no hole would ever show: the last message, a "you were added", the end of a session. So the node
//! asks for the newest numbers of the conversations that somebody here listens to, for the membership versions of those who are
//! connected, and for their sessions; in pages, and by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Subscriptions;
use crate::delivery::{GapRepair, LocalInbox, RepairQueue, Repairs};
use crate::domain::{ConversationId, Error, Result, Seq, SessionId, UserId};
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;
use crate::wire::close::Close;
use crate::wire::frames;

/// Compares this node with the store.
pub struct Reconciler {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) inbox: Arc<LocalInbox>,
    pub(crate) gap_repair: Arc<GapRepair>,
    pub(crate) repair_queue: Arc<RepairQueue>,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

impl Reconciler {
    /// Goes its ticks until `stop`.
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

    /// Looks for what is repairs, each by itself, so that one that cannot be read holds up no other. Returns what could not be.
    async fn repair(&self, mut repairs: Repairs) -> Repairs {
        let mut failed = Repairs::default();
        let mut last = Ok(());
        if repairs.everything {
            last = self.compare(&mut repairs).await;
            failed.everything = last.is_err();
        }
        for id in repairs.conversations {
            if let Err(error) = self.gap_repair.backfill(id).await {
                failed.conversations.insert(id);
                last = Err(error);
            }
        }
        for id in repairs.users {
            if let Err(error) = self.resubscribe(id).await {
                failed.users.insert(id);
                last = Err(error);
            }
        }
        if let Err(error) = last {
            tracing::warn!(%error, "what this node missed could not all be read; it goes on asking");
        }
        failed
    }

    /// Compares all that somebody here listens to with the store, and adds what differs to what is repairs.
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
                    Some(_) => self.start_over(id),
                    None => repairs.users.extend(
                        self.registry.subscribers(id).iter().map(|subscription| subscription.connection.user_id),
                    ),
                }
            }
        }
        Ok(())
    }

    /// A conversation's numbers went back, by a restored backup: those who listen come back, and are told by `resync`.
    fn start_over(&self, id: ConversationId) {
        for subscription in self.registry.subscribers(id).iter() {
            subscription.connection.send_queue.close(Close::OVERLOADED);
        }
    }

    async fn compare_sessions(&self) -> Result<()> {
        for page in self.registry.sessions().chunks(limits::RECONCILE_PAGE) {
            let live: HashSet<SessionId> = self.store.live_sessions(page).await?.into_iter().collect();
            let ended: Vec<SessionId> = page.iter().copied().filter(|id| !live.contains(id)).collect();
            if !ended.is_empty() {
                self.inbox.end_sessions(&ended);
            }
        }
        Ok(())
    }

    /// Makes a user's connections hear what the store says they belong to.
    async fn resubscribe(&self, user_id: UserId) -> Result<()> {
        let Some((_, version)) = self.store.membership_versions(&[user_id]).await?.pop() else { return Ok(()) };
        let listed = self.store.heads(user_id, limits::SUBSCRIPTIONS_MAX).await?;
        let listed: HashSet<ConversationId> = listed.into_iter().map(|(id, _)| id).collect();
        let connections = self.registry.of_user(user_id).into_iter();
        for connection in connections.filter(|connection| connection.membership_version() <= version) {
            let seated = connection.conversations();
            for &id in seated.difference(&listed) {
                self.leave_if_gone(&connection, id, version).await?;
            }
            if !matches!(connection.scope, Scope::One(_)) {
                for &id in listed.difference(&seated) {
                    self.enter(&connection, id, version).await?;
                }
            }
            connection.set_membership_version(version);
        }
        Ok(())
    }

    /// Lets a connection hear a conversation that it was not told of, from the event on that brought its user in.
    async fn enter(&self, connection: &Arc<Connection>, id: ConversationId, version: i64) -> Result<()> {
        if !self.registry.subscribe(connection, id) {
            return Ok(());
        }
        // Asked with the seat: a removal from now on finds it.
        let found = async {
            let member = self.store.member(id, connection.user_id).await?;
            Ok::<_, Error>(self.store.conversation(id).await?.zip(member))
        };
        match found.await {
            Ok(Some((conversation, member))) => {
                let told = frames::conversation_lifecycle("conversation.created", &conversation, version);
                connection.send_queue.push(told);
                if connection.scope == Scope::All {
                    self.subscriptions.catch_up_in_background(connection, id, (member.joined_seq - 1).max(0));
                }
                Ok(())
            }
            nothing => {
                self.registry.unsubscribe_if_paused(connection, id);
                nothing.map(drop)
            }
        }
    }

    /// Takes the seat of somebody who is not in a conversation any more.
    async fn leave_if_gone(&self, connection: &Arc<Connection>, id: ConversationId, version: i64) -> Result<()> {
        // The event by which they went is theirs to hear, and takes their seat when it is delivered.
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
