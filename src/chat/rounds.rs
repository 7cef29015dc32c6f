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

use super::Chat;
use super::healing::Wanted;
use crate::domain::{ConversationId, Result, Seq, UserId};
use crate::limits;
use crate::registry::{Close, Connection, Scope};
use crate::wire::frames;

impl Chat {
    /// Goes its rounds until `stop`.
    pub async fn look_after(self: Arc<Self>, period: Duration, stop: CancellationToken) {
        let mut rounds = interval(period);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rounds.tick().await;
        loop {
            let wanted = tokio::select! {
                () = stop.cancelled() => return,
                wanted = self.hints.taken() => wanted,
                _ = rounds.tick() => Wanted { everything: true, ..Wanted::default() },
            };
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.look_for(&wanted) => looked,
            };
            if let Err(error) = looked {
                tracing::warn!(%error, "what this node missed could not be read; it will be, once the store answers");
                self.hints.again(wanted);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(limits::ROUND_PAUSE) => {}
                }
            }
        }
    }

    async fn look_for(self: &Arc<Self>, wanted: &Wanted) -> Result<()> {
        for id in &wanted.conversations {
            self.healer.fill(*id).await?;
        }
        for id in &wanted.users {
            self.ask_where_belongs(*id).await?;
        }
        if wanted.everything {
            self.compare_sessions().await?;
            self.compare_heads().await?;
            self.compare_versions().await?;
        }
        Ok(())
    }

    async fn compare_heads(self: &Arc<Self>) -> Result<()> {
        let delivered = self.registry.watermarks();
        for page in delivered.chunks(limits::ROUND_PAGE) {
            let ids: Vec<ConversationId> = page.iter().map(|(id, _)| *id).collect();
            let heads: HashMap<ConversationId, Seq> = self.store.heads_of(&ids).await?.into_iter().collect();
            for &(id, watermark) in page {
                match heads.get(&id) {
                    Some(&head) if head > watermark => self.healer.fill(id).await?,
                    Some(&head) if head == watermark => {}
                    // Its numbers went back, by a restored backup: those who listen start over, and are told by `resync`.
                    Some(_) => self.registry.seats(id).iter().for_each(|seat| {
                        seat.connection.outbox.close(Close::OVERLOADED);
                    }),
                    None => {
                        let users: HashSet<UserId> =
                            self.registry.seats(id).iter().map(|seat| seat.connection.user_id).collect();
                        for user_id in users {
                            self.ask_where_belongs(user_id).await?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn compare_versions(self: &Arc<Self>) -> Result<()> {
        for page in self.registry.users().chunks(limits::ROUND_PAGE) {
            for (user_id, version) in self.store.membership_versions(page).await? {
                let connections = self.registry.of_user(user_id);
                if connections.iter().any(|connection| connection.membership_version() < version) {
                    self.ask_where_belongs(user_id).await?;
                }
            }
        }
        Ok(())
    }

    async fn compare_sessions(&self) -> Result<()> {
        for page in self.registry.sessions().chunks(limits::ROUND_PAGE) {
            let ended = self.store.ended_sessions(page).await?;
            if !ended.is_empty() {
                self.delivery.end(&ended);
            }
        }
        Ok(())
    }

    /// Makes a user's connections hear what the store says they belong to.
    async fn ask_where_belongs(self: &Arc<Self>, user_id: UserId) -> Result<()> {
        let version = self.store.membership_version(user_id).await?;
        let listed = self.store.heads(user_id, limits::CONVERSATIONS_HEARD).await?;
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

    /// Lets a connection hear a conversation that it was not told of: all that its user has not read there.
    async fn enter(self: &Arc<Self>, connection: &Arc<Connection>, id: ConversationId, version: i64) -> Result<()> {
        let conversation = self.store.conversation(id).await?;
        let member = self.store.member(id, connection.user_id).await?;
        let (Some(conversation), Some(member)) = (conversation, member) else { return Ok(()) };
        if !self.registry.sit(connection, id) {
            return Ok(());
        }
        connection.outbox.push(frames::conversation_told("conversation.created", &conversation, version));
        if connection.scope == Scope::All {
            // What brought them in has the number up to which they count as having read.
            self.catch_up_aside(connection, id, (member.read_seq - 1).max(0));
        }
        Ok(())
    }

    /// Takes the seat of somebody who is not in a conversation any more.
    async fn leave_if_gone(&self, connection: &Arc<Connection>, id: ConversationId, version: i64) -> Result<()> {
        // The event by which they went is theirs to hear, and takes their seat when it is delivered.
        self.healer.fill(id).await?;
        if !connection.conversations().contains(&id) || self.store.member(id, connection.user_id).await?.is_some() {
            return Ok(());
        }
        self.registry.leave(connection, id);
        if connection.scope == Scope::One(id) {
            connection.outbox.close(Close::NOT_A_MEMBER);
        } else {
            connection.outbox.push(frames::conversation_gone(id, version));
        }
        Ok(())
    }
}
