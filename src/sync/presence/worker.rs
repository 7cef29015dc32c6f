//! The presence worker: announces changes, and keeps them while the store does not answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::diffs::{Diffs, Viewer, viewer_of};
use super::last_seen::LastSeen;
use super::size_change::SizeChange;
use super::{BlockedView, Presence, blocks_with, ignore_defect};
use crate::bus::Bus;
use crate::domain::user::Status;
use crate::domain::{ConversationId, Result, Timestamp, UserId};
use crate::journal::Backoff;
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;
use crate::sync::conversation_pages::ConversationPages;

/// Announces the changes of presence on this node.
pub struct Worker {
    pub(super) presence: Arc<Presence>,
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    last_seen: LastSeen,
}

/// Changes that are not announced yet. A user's status is read when it is announced. Bounded as [`super::Changes`] is.
#[derive(Default)]
struct DueChanges {
    users: HashSet<UserId>,
    sizes: HashMap<ConversationId, SizeChange>,
    blocks: HashMap<BlockedView, bool>,
}

impl DueChanges {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.sizes.is_empty() && self.blocks.is_empty()
    }
}

impl Worker {
    /// Returns a worker that announces changes over `bus`.
    pub fn new(presence: &Arc<Presence>, store: &Arc<dyn Store>, bus: &Arc<dyn Bus>) -> Self {
        Self {
            presence: Arc::clone(presence),
            store: Arc::clone(store),
            registry: Arc::clone(&presence.registry),
            bus: Arc::clone(bus),
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
        tokio::join!(announce, self.last_seen.run(announced.clone()));
    }

    async fn announce(&self, stop: &CancellationToken) {
        let (mut due, mut backoff) = (DueChanges::default(), Backoff::up_to(limits::RECONCILE_RETRY_PAUSE));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.take(&mut due);
                    return;
                }
                () = self.presence.changed.notified() => {
                    tokio::select! {
                        () = stop.cancelled() => continue,
                        () = sleep(limits::PRESENCE_DEBOUNCE) => {}
                    }
                    if self.take(&mut due) {
                        self.last_seen.settled().await;
                    }
                }
                () = backoff.pause(), if !due.is_empty() => {}
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
            diffs.publish(self.bus.as_ref());
            self.presence.set_due(due.users.clone());
        }
    }

    /// Adds the newest changes to those that are due. Returns true if users have gone offline.
    fn take(&self, due: &mut DueChanges) -> bool {
        let taken = self.presence.take();
        self.last_seen.record(&taken.disconnected, Timestamp::now());
        due.users.extend(taken.users);
        for (id, change) in taken.sizes {
            due.sizes.entry(id).or_default().merge(change);
        }
        for (view, is_shown) in taken.blocks {
            *due.blocks.entry(view).or_default() |= is_shown;
        }
        !taken.disconnected.is_empty()
    }

    /// Collects the diffs of all due changes. A change stays in `due` if the store does not answer.
    async fn collect(&self, due: &mut DueChanges, diffs: &mut Diffs) -> Result<()> {
        while let Some(&user_id) = due.users.iter().next() {
            ignore_defect(self.announce_user(user_id, diffs).await)?;
            due.users.remove(&user_id);
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

    /// Adds a user's status to the diffs of the viewers who may see it.
    async fn announce_user(&self, user_id: UserId, diffs: &mut Diffs) -> Result<()> {
        let status = self.presence.announced(user_id);
        let viewers = self.viewers_of(user_id).await?;
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
            for id in page.ids {
                let subscribers = self.registry.subscribers(id);
                viewers.extend(subscribers.iter().map(|subscription| viewer_of(&subscription.connection)));
            }
        }
        Ok(viewers)
    }
}
