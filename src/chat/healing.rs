//! Healing: what this node did not hear of is read from the store.
//!
//! The bus is a hint and the table is the truth. Three things tell that something is missing: an event that leaves a hole, a command
//! whose first try was committed without our knowing, and the store's own numbers, which every node compares with its own once a
//! heartbeat and whenever the bus comes back (see [`super::rounds`]).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::journal::encode;
use super::parcels::parcel_of;
use crate::bus::{Inbox, Parcel};
use crate::domain::event::Event;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;

/// What is to be looked for soon. Bounded by what is connected here.
#[derive(Default)]
pub struct Hints {
    wanted: Mutex<Wanted>,
    news: Notify,
}

/// What somebody gave a hint of.
#[derive(Default)]
pub(super) struct Wanted {
    /// Events of these are missing.
    pub(super) conversations: HashSet<ConversationId>,
    /// These may belong elsewhere than this node thinks.
    pub(super) users: HashSet<UserId>,
    /// Anything may be missing.
    pub(super) everything: bool,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        !self.everything && self.conversations.is_empty() && self.users.is_empty()
    }
}

impl Hints {
    pub(super) fn conversation(&self, id: ConversationId) {
        self.add(|wanted| _ = wanted.conversations.insert(id));
    }

    pub(super) fn user(&self, id: UserId) {
        self.add(|wanted| _ = wanted.users.insert(id));
    }

    pub(super) fn everything(&self) {
        self.add(|wanted| wanted.everything = true);
    }

    /// Waits for a hint, and takes all that were given.
    pub(super) async fn taken(&self) -> Wanted {
        self.news.notified().await;
        std::mem::take(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What could not be looked for is wanted still.
    pub(super) fn again(&self, wanted: Wanted) {
        self.add(|again| {
            again.conversations.extend(wanted.conversations);
            again.users.extend(wanted.users);
            again.everything |= wanted.everything;
        });
    }

    fn add(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_one();
    }
}

/// Fills holes.
pub struct Healer {
    store: Arc<dyn Store>,
    pub(super) registry: Arc<Registry>,
    inbox: Arc<dyn Inbox>,
    hints: Arc<Hints>,
}

impl Healer {
    /// Fills the holes of a registry from a store, through the inbox that everything goes through.
    pub fn new(store: &Arc<dyn Store>, registry: &Arc<Registry>, inbox: Arc<dyn Inbox>, hints: Arc<Hints>) -> Self {
        Self { store: Arc::clone(store), registry: Arc::clone(registry), inbox, hints }
    }

    /// Delivers everything that the store has and this node has not delivered.
    pub(super) async fn fill(&self, id: ConversationId) -> Result<()> {
        while let Some(watermark) = self.registry.watermark(id) {
            let page = self.store.events(id, watermark, limits::CATCH_UP_PAGE).await?;
            let (mut next, mut plain) = (watermark + 1, Vec::new());
            for event in &page {
                if event.seq > next {
                    // The table is damaged. Better to go on without a number than to be silent for good.
                    tracing::error!(conversation_id = %id, from = next, to = event.seq - 1, "numbers are missing in the store");
                    self.hand_over(&mut plain);
                    self.registry.step_over(id, event.seq - 1);
                }
                next = event.seq + 1;
                if event.message.note.is_none() {
                    plain.push(event);
                } else {
                    self.hand_over(&mut plain);
                    self.inbox.hear(parcel_of(event, self.store.as_ref(), &self.registry).await);
                }
            }
            self.hand_over(&mut plain);
            if page.len() < limits::CATCH_UP_PAGE {
                break;
            }
        }
        Ok(())
    }

    /// Delivers events that follow one another, in one write for each recipient.
    fn hand_over(&self, events: &mut Vec<&Event>) {
        if !events.is_empty() {
            self.inbox.hear(Parcel::Numbered(encode(events.drain(..))));
        }
    }

    /// Somebody has to look for what may have happened here, and need not wait for it.
    pub(super) fn hint(&self, id: ConversationId) {
        self.hints.conversation(id);
    }

    /// Anything may have happened.
    pub(super) fn hint_of_everything(&self) {
        self.hints.everything();
    }

    /// Like [`Healer::fill`], for somebody who cannot wait for long: what takes longer is left for later, and named.
    pub(super) async fn fill_now(&self, mut ids: HashSet<ConversationId>) -> HashSet<ConversationId> {
        let filling = async {
            while let Some(&id) = ids.iter().next() {
                self.fill(id).await?;
                ids.remove(&id);
            }
            Ok::<_, Error>(())
        };
        // What failed, and what was not begun, stays in `ids`.
        let _ = timeout(limits::FILL_TIMEOUT, filling).await;
        for id in &ids {
            self.hints.conversation(*id);
        }
        ids
    }
}
