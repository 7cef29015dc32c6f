//! Operations: what users do. Every function that a transport calls authorises.
//!
//! A write goes to the [`crate::journal`], which commits it and publishes what happened on the bus; [`crate::delivery`] takes it
//! from there to the connections. A read goes to the store.

mod connect;
mod context;
pub mod conversations;
pub mod history;
pub mod members;
pub mod messages;
mod rate_limits;
pub mod sessions;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Auth, SessionCache};
use crate::bus::{Bus, Inbox};
use crate::delivery::{GapRepair, LocalInbox, RepairQueue, supervised};
use crate::domain::command::{Outcome, Write};
use crate::domain::user::Status;
use crate::domain::{Error, Result, UserId};
use crate::journal::{Journal, Reply, draining_error};
use crate::registry::Registry;
use crate::store::{Store, StoreHealth};
use crate::sync::{Presence, PresenceWorker, Reconciler, Subscriptions};
pub use connect::{Live, Refusal};
pub use context::Context;
pub use rate_limits::RateLimits;

/// What the operations need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs tokens.
    pub secret: Vec<u8>,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long an unused refresh token lives.
    pub refresh_ttl: Duration,
    /// Lifts the rates and counts per user (load tests).
    pub unlimited: bool,
    /// How often a node compares itself with the store, and connections get a heartbeat.
    pub heartbeat: Duration,
}

/// Everything that users can do, in one handle.
pub struct Chat {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    /// Tokens, sessions, tickets and passwords.
    pub auth: Auth,
    /// Where connections hear events.
    pub subscriptions: Arc<Subscriptions>,
    journal: Journal,
    presence: Arc<Presence>,
    health: Arc<StoreHealth>,
    settings: Settings,
    /// What clients may do how often.
    pub rate_limits: RateLimits,
    /// Owns the tasks of [`Chat::run_to_completion`].
    tasks: TaskTracker,
}

impl Chat {
    /// Starts the journal, presence and reconciling in `tasks`; they end after `stop`, with all that was admitted committed. `join`
    /// gives this node's inbox to the bus.
    pub async fn start(
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
        settings: Settings,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>> {
        let (registry, sessions, repair_queue) =
            (Arc::<Registry>::default(), Arc::<SessionCache>::default(), Arc::<RepairQueue>::default());
        let cache = Arc::clone(&sessions);
        let forget = Box::new(move |ended: &[_]| cache.invalidate(ended));
        let presence = Arc::new(Presence::new(&registry));
        let noted = Arc::clone(&presence);
        let members_changed = Box::new(move |id, growth| noted.members_changed(id, growth));
        let inbox =
            Arc::new(LocalInbox::new(Arc::clone(&registry), forget, members_changed, Arc::clone(&repair_queue)));
        let gap_repair =
            Arc::new(GapRepair::new(&store, &registry, Arc::clone(&inbox) as _, Arc::clone(&repair_queue)));
        let bus = join(Arc::clone(&inbox) as _);
        tasks.spawn(PresenceWorker::new(&presence, &store, &bus).run(stop.clone()));
        let health = Arc::<StoreHealth>::default();
        let asked = Arc::clone(&store);
        let ping = move || {
            let store = Arc::clone(&asked);
            async move { store.ping().await }
        };
        tasks.spawn(Arc::clone(&health).run(ping, stop.clone()));
        let subscriptions = Arc::new(Subscriptions::new(&store, &registry, tasks));
        let reconciler = Reconciler {
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            inbox,
            gap_repair: Arc::clone(&gap_repair),
            repair_queue,
            subscriptions: Arc::clone(&subscriptions),
        };
        tasks.spawn(supervised(reconciler.run(settings.heartbeat, stop.clone())));
        let auth =
            Auth::new(Arc::clone(&store), &settings.secret, settings.access_ttl, sessions, settings.unlimited).await?;
        Ok(Arc::new(Self {
            journal: Journal::start(&store, &bus, &gap_repair, tasks, stop),
            auth,
            subscriptions,
            store,
            registry,
            bus,
            presence,
            health,
            rate_limits: RateLimits::new(settings.unlimited),
            settings,
            tasks: tasks.clone(),
        }))
    }

    /// Runs `work` in a task owned by the server, because a client that disconnects drops its request's future.
    async fn run_to_completion<T, Fut>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> Fut) -> Result<T>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.tasks.spawn(work(Arc::clone(self))).await.map_err(Error::internal)?
    }

    /// Hands a write to the journal, which calls `reply` when it is done. The commit authorises it.
    pub async fn submit(&self, write: Write, reply: Reply) {
        self.journal.submit(write, reply).await;
    }

    /// Hands a write to the journal and waits until it is done.
    pub async fn write(&self, write: Write) -> Result<Outcome> {
        let (sender, outcome) = oneshot::channel();
        // The caller may be gone by then; the write is committed all the same.
        self.submit(write, Box::new(move |done| drop(sender.send(done)))).await;
        // Each write is answered, unless the process leaves at once: then its outcome is unknown.
        outcome.await.map_err(|_| draining_error())?
    }

    /// Runs `work` in a task owned by the server.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(work)
    }

    /// Returns true if the store can serve, or could a moment ago.
    pub async fn store_is_well(&self) -> bool {
        self.health.is_healthy().await
    }

    /// Returns the store's kind.
    pub fn store_kind(&self) -> &'static str {
        self.store.kind()
    }

    /// The connections of this node.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Returns a user's presence.
    pub fn status(&self, user_id: UserId) -> Status {
        self.registry.status(user_id)
    }
}

/// A conversation that does not exist, or that the caller is not in: the two cannot be told apart.
fn no_conversation() -> Error {
    Error::not_found("conversation")
}
