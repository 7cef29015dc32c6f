//! The presence worker: announces changes, and keeps them while the store does not answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::diffs::{Diffs, Viewer, viewer_of};
use super::last_seen::LastSeen;
use super::size_change::SizeChange;
use super::{BlockedView, Presence, blocks_with, ignore_defect};
use crate::bus::local::Local;
use crate::bus::{Bus, Envelope, Inbox, PresenceChange};
use crate::domain::user::Status;
use crate::domain::{ConversationId, Result, UserId};
use crate::journal::Backoff;
use crate::limits;
use crate::registry::{Connection, Registry, Scope};
use crate::store::Store;
use crate::sync::conversation_pages::ConversationPages;
use crate::sync::small_conversation_probe;

/// Announces changes of presence to the viewers on this node, and tells other nodes of this node's users.
pub struct Worker {
    pub(super) presence: Arc<Presence>,
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    /// Delivers to the viewers on this node. Each node finds its own.
    viewers: Local,
    last_seen: LastSeen,
}

/// Changes that are not announced yet. A user's status is read when it is announced. Bounded as [`super::Changes`] is.
#[derive(Default)]
struct DueChanges {
    /// The users, with their small conversations if those are known.
    users: HashMap<UserId, Option<Vec<ConversationId>>>,
    sizes: HashMap<ConversationId, SizeChange>,
    blocks: HashMap<BlockedView, bool>,
    restated: HashSet<UserId>,
}

impl DueChanges {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.sizes.is_empty() && self.blocks.is_empty() && self.restated.is_empty()
    }
}

impl Worker {
    /// Returns a worker that announces changes by `inbox`, and tells other nodes by `bus`.
    pub fn new(presence: &Arc<Presence>, store: &Arc<dyn Store>, bus: &Arc<dyn Bus>, inbox: Arc<dyn Inbox>) -> Self {
        if let Some(own_id) = bus.others().own {
            presence.state().own_id = own_id;
        }
        Self {
            presence: Arc::clone(presence),
            store: Arc::clone(store),
            registry: Arc::clone(&presence.registry),
            bus: Arc::clone(bus),
            viewers: Local::new(inbox),
            last_seen: LastSeen::new(store),
        }
    }

    /// Announces changes until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let announced = CancellationToken::new();
        let announce = async {
            self.announce(&stop).await;
            announced.cancel();
        };
        let exchange = self.presence.exchange(&self.bus, &stop);
        tokio::join!(announce, exchange, self.last_seen.run(announced.clone()));
    }

    async fn announce(&self, stop: &CancellationToken) {
        let (mut due, mut backoff) = (DueChanges::default(), Backoff::up_to(limits::RECONCILE_RETRY_PAUSE));
        loop {
            let wake = self.presence.next_wake();
            let is_retry = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.last_seen.record(self.presence.take_ends());
                    return;
                }
                () = self.presence.changed.notified() => false,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => false,
                () = backoff.pause(), if !due.is_empty() => true,
            };
            let is_due = self.presence.is_due(Instant::now());
            let untold = self.presence.untold(is_due);
            if is_due && self.take(&mut due) {
                tokio::select! {
                    () = stop.cancelled() => continue,
                    () = self.last_seen.settled() => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => continue,
                () = self.tell(untold, &mut due) => {}
            }
            if !is_due && !is_retry {
                continue;
            }
            let mut diffs = Diffs::default();
            let collected = tokio::select! {
                () = stop.cancelled() => continue,
                collected = self.collect(&mut due, &mut diffs) => collected,
            };
            match collected {
                Ok(()) => _ = backoff.reset(),
                Err(error) => tracing::debug!(%error, users = due.users.len(), "presence is not announced yet"),
            }
            // Diffs that are complete do not wait for the others.
            diffs.publish(&self.viewers);
            self.presence.set_due(due.users.keys().copied().collect());
        }
    }

    /// Tells the other nodes the new statuses of these users. Names the conversations whose members see it, so that not every node has to
    /// ask the store. If the store does not answer, the others ask it later.
    async fn tell(&self, users: Vec<UserId>, due: &mut DueChanges) {
        let mut asks_store = !self.bus.others().is_alone();
        for users in users.chunks(limits::PRESENCE_TOLD_AT_ONCE) {
            let mut conversations = HashMap::new();
            if asks_store {
                match self.conversations_to_tell(users).await {
                    Ok(found) => conversations = found,
                    Err(_) => asks_store = false,
                }
            }
            // Users do not wait for the question about the next ones.
            self.tell_with(users, conversations, due);
        }
    }

    /// Tells the other nodes the new statuses of these users, with the conversations of those of whom they are known.
    fn tell_with(
        &self,
        users: &[UserId],
        mut conversations: HashMap<UserId, Vec<ConversationId>>,
        due: &mut DueChanges,
    ) {
        let is_alone = self.bus.others().is_alone();
        let publish = |changes| {
            if let Some(news) = self.presence.tell(changes).filter(|_| !is_alone) {
                self.bus.publish(Envelope::Presence(news));
            }
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for &user_id in users {
            let conversations = conversations.remove(&user_id);
            if let Some(known) = due.users.get_mut(&user_id) {
                known.clone_from(&conversations);
            }
            let ids = conversations.as_ref().map_or(0, |ids| size_of_val(&ids[..]));
            bytes += size_of::<PresenceChange>() + ids;
            if bytes > limits::PRESENCE_PART_BYTES {
                publish(std::mem::take(&mut batch));
                bytes = size_of::<PresenceChange>() + ids;
            }
            batch.push((user_id, conversations));
        }
        publish(batch);
    }

    /// Tells the other nodes of users who arrived meanwhile. To announce all users of a node takes seconds.
    async fn tell_arrivals(&self, due: &mut DueChanges) {
        let arrived = self.presence.untold(false);
        if !arrived.is_empty() {
            self.tell(arrived, due).await;
        }
    }

    /// Returns the small conversations of those of these users who have few enough to name.
    async fn conversations_to_tell(&self, users: &[UserId]) -> Result<HashMap<UserId, Vec<ConversationId>>> {
        let limit = limits::PRESENCE_CONVERSATIONS_TOLD_MAX;
        let mut conversations: HashMap<UserId, Vec<ConversationId>> =
            users.iter().map(|user_id| (*user_id, Vec::new())).collect();
        for (user_id, id) in self.store.small_conversations_of(users, limit + 1).await? {
            conversations.entry(user_id).or_default().push(id);
        }
        conversations.retain(|_, ids| ids.len() <= limit);
        Ok(conversations)
    }

    /// Adds the newest changes to those that are due. Returns true if users have gone offline.
    fn take(&self, due: &mut DueChanges) -> bool {
        let taken = self.presence.take();
        let are_gone = !taken.disconnected.is_empty();
        self.last_seen.record(taken.disconnected);
        due.users.extend(taken.users);
        due.restated.extend(taken.restated);
        for (id, change) in taken.sizes {
            due.sizes.entry(id).or_default().merge(change);
        }
        for (view, is_shown) in taken.blocks {
            *due.blocks.entry(view).or_default() |= is_shown;
        }
        are_gone
    }

    /// Collects the diffs of all due changes. A change stays in `due` if the store does not answer.
    async fn collect(&self, due: &mut DueChanges, diffs: &mut Diffs) -> Result<()> {
        let looked_up = due.users.values().filter(|conversations| conversations.is_none()).count();
        // A state asks the store two or three times: for the users, and for the blocks with them.
        if looked_up > limits::PRESENCE_LOOKED_UP_MAX && looked_up > 2 * self.registry.count() {
            ignore_defect(self.send_states(self.registry.all(), due).await)?;
            due.users.retain(|_, conversations| conversations.is_some());
            due.restated.clear();
        }
        while let Some(&user_id) = due.restated.iter().next() {
            ignore_defect(self.send_states(self.registry.of_user(user_id), due).await)?;
            due.restated.remove(&user_id);
        }
        while let Some((&user_id, conversations)) = due.users.iter().next() {
            ignore_defect(self.announce_user(user_id, conversations.as_deref(), diffs).await)?;
            due.users.remove(&user_id);
            self.tell_arrivals(due).await;
        }
        while let Some((&view, &is_shown)) = due.blocks.iter().next() {
            ignore_defect(self.announce_block(view, is_shown, diffs).await)?;
            due.blocks.remove(&view);
        }
        while let Some((&id, &change)) = due.sizes.iter().next() {
            ignore_defect(self.correct(id, change, diffs).await)?;
            due.sizes.remove(&id);
        }
        Ok(())
    }

    /// Sends each of these connections a new state.
    async fn send_states(&self, connections: Vec<Arc<Connection>>, due: &mut DueChanges) -> Result<()> {
        let store = self.store.as_ref();
        for connection in connections {
            self.tell_arrivals(due).await;
            match connection.scope {
                Scope::One(id) => {
                    let members = store.members(id, None, small_conversation_probe()).await?;
                    let members: Vec<UserId> = members.iter().map(|member| member.user.id).collect();
                    self.presence.enqueue_members(&connection, id, &members, store).await?;
                }
                Scope::All | Scope::Held => {
                    let users = store.co_members(connection.user_id, limits::PRESENCE_CO_MEMBERS_MAX).await?;
                    self.presence.enqueue_co_members(&connection, &users, store).await?;
                }
            }
        }
        Ok(())
    }

    /// Adds a user's status to the diffs of the viewers who may see it.
    async fn announce_user(
        &self,
        user_id: UserId,
        conversations: Option<&[ConversationId]>,
        diffs: &mut Diffs,
    ) -> Result<()> {
        let status = self.presence.announced(user_id);
        let viewers = match conversations {
            Some(ids) => self.viewers_in(ids).collect(),
            None => self.viewers_of(user_id).await?,
        };
        let viewer_ids: HashSet<UserId> = viewers.iter().map(|(viewer_id, _)| *viewer_id).collect();
        let viewer_ids: Vec<UserId> = viewer_ids.into_iter().filter(|id| *id != user_id).collect();
        let hidden_from = blocks_with(self.store.as_ref(), user_id, &viewer_ids).await?;
        for viewer in viewers.into_iter().filter(|(viewer_id, _)| !hidden_from.contains(viewer_id)) {
            diffs.note(viewer, user_id, status);
        }
        Ok(())
    }

    /// Hides a user from a viewer as offline, or shows the user again. A viewer to whom the user was not shown when the block was made is told
    /// nothing, because the user may have come online since.
    async fn announce_block(&self, (viewer_id, user_id): BlockedView, is_shown: bool, diffs: &mut Diffs) -> Result<()> {
        if self.registry.of_user(viewer_id).is_empty() {
            return Ok(());
        }
        let is_hidden = !blocks_with(self.store.as_ref(), viewer_id, &[user_id]).await?.is_empty();
        let status = if is_hidden { Status::Offline } else { self.presence.announced(user_id) };
        if status == Status::Offline && !is_shown {
            return Ok(());
        }
        let viewers = self.viewers_of(user_id).await?;
        for viewer in viewers.into_iter().filter(|(id, _)| *id == viewer_id) {
            diffs.note(viewer, user_id, status);
        }
        Ok(())
    }

    /// Returns the viewers on this node who are in a small conversation with a user.
    ///
    /// Reads the pages one after the other, and users too. A user in 10,000 conversations takes 0.1 s (PostgreSQL, a debug build on a busy
    /// machine), by which the presence of others is announced later. Nothing else waits for it, and reading at once would take readers from
    /// requests.
    async fn viewers_of(&self, user_id: UserId) -> Result<HashSet<Viewer>> {
        let mut viewers = HashSet::new();
        let mut pages = ConversationPages::of(user_id);
        while let Some(page) = pages.next_small(&*self.store).await? {
            viewers.extend(self.viewers_in(&page.ids));
        }
        Ok(viewers)
    }

    /// Returns the viewers on this node who are in these conversations.
    fn viewers_in(&self, ids: &[ConversationId]) -> impl Iterator<Item = Viewer> {
        ids.iter().flat_map(|id| {
            let subscribers = self.registry.subscribers(*id);
            subscribers.iter().map(|subscription| viewer_of(&subscription.connection)).collect::<Vec<Viewer>>()
        })
    }
}
