//! Presence: who is there, told to those who share a conversation with them.
//!
//! Derived from live connections, gathered for a moment, told only if it changed: a page reload is not an absence.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::user::Status;
use crate::domain::{ConnectionId, Result, Timestamp, UserId};
use crate::limits;
use crate::registry::{Connection, Registry};
use crate::store::Store;
use crate::wire::frames;

/// Users whose connections came or went since the last time it was told; bounded by the number of users.
#[derive(Default)]
pub struct Presence {
    stirred: Mutex<HashSet<UserId>>,
    news: Notify,
}

impl Presence {
    /// A connection of this user came or went.
    pub fn stir(&self, user_id: UserId) {
        self.stirred.lock().unwrap_or_else(PoisonError::into_inner).insert(user_id);
        self.news.notify_one();
    }

    fn take(&self) -> HashSet<UserId> {
        std::mem::take(&mut self.stirred.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells changes of presence until `stop`.
pub async fn run(presence: Arc<Presence>, store: Arc<dyn Store>, registry: Arc<Registry>, stop: CancellationToken) {
    let mut online = HashSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = presence.news.notified() => {}
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(limits::PRESENCE_DEBOUNCE) => {}
        }
        let changed: Vec<(UserId, Status)> = presence
            .take()
            .into_iter()
            .filter_map(|user_id| {
                let status = registry.status(user_id);
                let news = match status {
                    Status::Online => online.insert(user_id),
                    Status::Offline => online.remove(&user_id),
                };
                news.then_some((user_id, status))
            })
            .collect();
        // Presence is ephemeral: what the store cannot tell now is not told.
        if let Err(error) = tell(&changed, store.as_ref(), &registry).await {
            tracing::debug!(%error, "presence not told");
        }
    }
}

async fn tell(changed: &[(UserId, Status)], store: &dyn Store, registry: &Registry) -> Result<()> {
    let gone: Vec<UserId> =
        changed.iter().filter(|(_, status)| *status == Status::Offline).map(|(id, _)| *id).collect();
    if !gone.is_empty() {
        store.set_last_seen(&gone, Timestamp::now()).await?;
    }
    let mut diffs: HashMap<ConnectionId, Diff> = HashMap::new();
    for &(user_id, status) in changed {
        for conversation_id in store.small_conversations(user_id, limits::CONVERSATIONS_HEARD).await? {
            for seat in registry.seats(conversation_id).iter().filter(|seat| seat.connection.user_id != user_id) {
                let diff = diffs.entry(seat.connection.id).or_insert_with(|| Diff::new(&seat.connection));
                diff.note(user_id, status);
            }
        }
    }
    for diff in diffs.into_values() {
        let of = |wanted| diff.users.iter().filter(|(_, status)| **status == wanted).map(|(id, _)| *id).collect();
        let (online, offline): (Vec<_>, Vec<_>) = (of(Status::Online), of(Status::Offline));
        diff.connection.outbox.push_ephemeral(frames::presence_diff(&online, &offline));
    }
    Ok(())
}

/// What one connection is told.
struct Diff {
    connection: Arc<Connection>,
    users: HashMap<UserId, Status>,
}

impl Diff {
    fn new(connection: &Arc<Connection>) -> Self {
        Self { connection: Arc::clone(connection), users: HashMap::new() }
    }

    fn note(&mut self, user_id: UserId, status: Status) {
        self.users.insert(user_id, status);
    }
}
