//! Operations: validate input, authorise the caller, and call the journal or the store. Every function that a transport calls authorises.
//!
//! A write goes to the [`crate::journal`], which commits it and publishes its events on the bus. [`crate::delivery`] delivers them to the
//! connections. A read goes to the store.

pub mod accounts;
pub mod blocks;
mod connect;
mod context;
pub mod conversations;
pub mod deletions;
pub mod history;
pub mod leaving;
pub mod members;
pub mod messages;
pub mod notifications;
pub mod pins;
mod presence_view;
mod rate_limits;
pub mod reactions;
pub mod receipts;
pub mod registration;
pub mod reports;
pub mod saved;
pub mod search;
pub mod sessions;
mod typing;
mod user_settings;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::{Auth, SessionCache};
use crate::bus::{Bus, Inbox};
use crate::delivery::{GapRepair, LocalInbox, PresenceChanges, RepairQueue, supervised};
use crate::domain::command::{Outcome, Write};
use crate::domain::registration::RegistrationMode;
use crate::domain::user::Status;
use crate::domain::{Error, Result, UserId};
use crate::journal::{Journal, Reply, draining_error};
use crate::limits;
use crate::registry::{Connection, MemoryBudget, Registry};
use crate::store::{Store, StoreHealth};
use crate::sync::{
    EndedSessionsPoll, IndexQueue, IndexWorker, Presence, PresenceWorker, QueueingBus, ReceiptQueue, ReceiptsWorker,
    Reconciler, RemovalsPoll, Subscriptions, SweeperWake, UserPermits, close_on_replaced_history, run_sweeper,
    user_words,
};
pub use connect::{ConnectError, LiveConnection, PendingConnection};
pub use context::Context;
pub use rate_limits::RateLimits;

/// The configuration of the operations.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs tokens and tickets.
    pub secret: Vec<u8>,
    /// The lifetime of an access token.
    pub access_ttl: Duration,
    /// The lifetime of an unused refresh token.
    pub refresh_ttl: Duration,
    /// The callers that may register, unless an operator has set another mode in the store.
    pub registration: RegistrationMode,
    /// Lifts the rate limits and the counts per user, for load tests.
    pub unlimited: bool,
    /// The interval at which the node compares itself with the store, and at which connections get a heartbeat.
    pub heartbeat: Duration,
    /// The bounds of the memory of subscriptions.
    pub subscriptions: limits::MemoryBounds,
    /// The times of presence.
    pub presence: limits::PresenceTimes,
}

/// All parts of the node that operations use.
pub struct Chat {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    /// Checks tokens, sessions, tickets and passwords.
    pub auth: Auth,
    /// Subscribes connections to conversations.
    pub subscriptions: Arc<Subscriptions>,
    /// Permits to use the store for a user. Those of the node bound the pages that are read at a time.
    pub store_permits: Arc<UserPermits>,
    /// Wakes the sweeper after a conversation was deleted.
    sweeper: SweeperWake,
    journal: Journal,
    presence: Arc<Presence>,
    receipts: Arc<ReceiptQueue>,
    repair_queue: Arc<RepairQueue>,
    typing: typing::Typists,
    health: Arc<StoreHealth>,
    settings: Settings,
    /// Limits the rates of writes, logins and registrations.
    pub rate_limits: RateLimits,
    /// Owns the tasks of [`Chat::run_to_completion`].
    tasks: TaskTracker,
}

impl Chat {
    /// Starts the journal, presence and reconciling in `tasks`. They end after `stop`, when all admitted writes are committed. `join`
    /// connects this node's inbox to the bus.
    pub async fn start(
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
        settings: Settings,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>> {
        user_words::write_missing(&*store).await?;
        tasks.spawn(user_words::keep_current(Arc::clone(&store), settings.heartbeat, stop.clone()));
        let unlimited = settings.unlimited;
        let waiting = MemoryBudget::new(limits::WAITING, !unlimited);
        let registry = Arc::new(Registry::new(waiting, MemoryBudget::new(settings.subscriptions, !unlimited)));
        let calls_per_user = if unlimited { UserPermits::UNBOUNDED } else { limits::STORE_CALLS_PER_USER_MAX };
        let store_permits = Arc::new(UserPermits::new(limits::PAGES_CONCURRENT_MAX, calls_per_user));
        let (sessions, repair_queue) = (Arc::<SessionCache>::default(), Arc::<RepairQueue>::default());
        let cache = Arc::clone(&sessions);
        let invalidate = Box::new(move |ended: &[_]| cache.invalidate(ended));
        let presence = Arc::new(Presence::new(&registry, settings.presence));
        let (events, queue) = (Arc::clone(&presence) as _, Arc::clone(&repair_queue));
        let inbox = Arc::new(LocalInbox::new(Arc::clone(&registry), invalidate, events, queue));
        let gap_repair =
            Arc::new(GapRepair::new(&store, &registry, Arc::clone(&inbox) as _, Arc::clone(&repair_queue)));
        tasks.spawn(supervised(Arc::clone(&gap_repair).run(stop.clone())));
        let index_queue = Arc::<IndexQueue>::default();
        let bus = Arc::new(QueueingBus::new(join(Arc::clone(&inbox) as _), &index_queue)) as Arc<dyn Bus>;
        tasks.spawn(supervised(IndexWorker::new(&store, &index_queue).run(stop.clone())));
        tasks.spawn(PresenceWorker::new(&presence, &store, &bus, Arc::clone(&inbox) as _).run(stop.clone()));
        let receipts = Arc::new(ReceiptQueue::new(&registry));
        tasks.spawn(supervised(ReceiptsWorker::new(&receipts, &store, &bus).run(stop.clone())));
        let health = Arc::<StoreHealth>::default();
        let ping_store = Arc::clone(&store);
        let ping = move || {
            let store = Arc::clone(&ping_store);
            async move { store.ping().await }
        };
        tasks.spawn(Arc::clone(&health).run(ping, stop.clone()));
        let subscriptions =
            Arc::new(Subscriptions::new(&store, &registry, &presence, &store_permits, &repair_queue, tasks));
        tasks.spawn(supervised(EndedSessionsPoll::new(&store, &inbox).run(stop.clone())));
        tasks.spawn(supervised(RemovalsPoll::new(&store, &repair_queue).run(stop.clone())));
        let reconciler = Reconciler {
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            inbox,
            gap_repair: Arc::clone(&gap_repair),
            repair_queue: Arc::clone(&repair_queue),
            subscriptions: Arc::clone(&subscriptions),
            presence: Arc::clone(&presence),
        };
        tasks.spawn(supervised(reconciler.run(settings.heartbeat, stop.clone())));
        let (closed_store, closed_registry) = (Arc::clone(&store), Arc::clone(&registry));
        let closing = close_on_replaced_history(closed_store, closed_registry, Arc::clone(&bus), stop.clone());
        tasks.spawn(supervised(closing));
        let sweeper = SweeperWake::default();
        tasks.spawn(supervised(run_sweeper(Arc::clone(&store), Arc::clone(&sweeper), stop.clone())));
        let auth = Auth::new(Arc::clone(&store), &settings.secret, settings.access_ttl, sessions, unlimited).await?;
        let chat = Arc::new(Self {
            journal: Journal::start(&store, &bus, &gap_repair, &(index_queue as _), tasks, stop),
            auth,
            subscriptions,
            store_permits,
            sweeper,
            store,
            registry,
            bus,
            presence,
            receipts,
            repair_queue,
            typing: typing::Typists::default(),
            health,
            rate_limits: RateLimits::new(unlimited),
            settings,
            tasks: tasks.clone(),
        });
        tasks.spawn(supervised(Arc::clone(&chat).run_departures(stop.clone())));
        Ok(chat)
    }

    /// Waits until this node knows who is connected to the others, but not for longer than [`limits::PRESENCE_SETTLE_MAX`] after its start.
    pub async fn presence_settled(&self) {
        self.presence.settled().await;
    }

    /// Runs `work` in a task owned by the server, because a client that disconnects drops its request's future.
    async fn run_to_completion<T, Fut>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> Fut) -> Result<T>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.tasks.spawn(work(Arc::clone(self))).await.map_err(Error::internal)?
    }

    /// Submits a write to the journal, which calls `reply` with its outcome. The commit authorises it.
    pub async fn submit(&self, write: Write, reply: Reply) {
        self.journal.submit(write, reply).await;
    }

    /// Submits a write to the journal and waits for its outcome.
    pub async fn write(&self, write: Write) -> Result<Outcome> {
        let (sender, outcome) = oneshot::channel();
        // The caller may no longer wait by then; the write is committed all the same.
        self.submit(write, Box::new(move |outcome| drop(sender.send(outcome)))).await;
        // The journal replies to each write, unless the process ends at once: then the outcome is unknown.
        outcome.await.map_err(|_| draining_error())?
    }

    /// Runs `work` in a task owned by the server.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(work)
    }

    /// Returns true if the store can serve, or could within [`crate::limits::HEALTH_CACHE_TTL`].
    pub async fn is_store_healthy(&self) -> bool {
        self.health.is_healthy().await
    }

    /// Returns the store's kind.
    pub fn store_kind(&self) -> &'static str {
        self.store.kind()
    }

    /// Returns the number of other nodes that are alive. `None` if there can be none.
    pub fn peers(&self) -> Option<usize> {
        let others = self.bus.others();
        others.own.and(others.live).map(|live| live.len())
    }

    /// Returns the connections of this node.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Records that the user has left a connection, which stays open, or has come back to it.
    pub fn set_away(&self, connection: &Connection, is_away: bool) {
        if connection.set_away(is_away) {
            self.presence.away_changed(connection.user_id);
        }
    }

    /// Returns a user's presence.
    pub fn status(&self, user_id: UserId) -> Status {
        self.presence.status(user_id)
    }
}

/// Returns the error for a conversation that does not exist, and for one that the caller is not in, so that callers cannot distinguish
/// them.
fn no_conversation() -> Error {
    Error::not_found("conversation")
}
