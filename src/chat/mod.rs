//! The verbs: what people do. Every function that a door calls authorises.
//!
//! A write goes to the [`journal`], which commits it and publishes what happened on the bus; [`delivery`] takes it from
//! there to the connections. A read goes to the store.

mod accounts;
mod beliefs;
mod checkup;
mod conversations;
mod delivery;
mod healing;
pub mod journal;
mod live;
mod messages;
mod parcels;
mod password;
mod presence;
mod rounds;
mod seal;
mod subject;
mod tickets;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::{Bus, Inbox};
use crate::domain::bucket::Buckets;
use crate::domain::user::Status;
use crate::domain::{Error, Result, UserId};
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;
pub use accounts::{LoggedIn, ProfileChange};
use beliefs::Beliefs;
use checkup::Checkup;
pub use conversations::NewGroup;
use delivery::Delivery;
pub use healing::{Healer, Hints};
use journal::Journal;
pub use live::{Live, Refusal};
pub use messages::{Draft, HistoryPage, Position, revision};
use password::Passwords;
use presence::Presence;
pub use tokens::Tokens;

/// What the verbs need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What tokens are signed with.
    pub secret: Vec<u8>,
    /// How long an access token lives.
    pub access_ttl: Duration,
    /// How long an unused refresh token lives.
    pub refresh_ttl: Duration,
    /// Whether the rates and counts per user are lifted (load tests).
    pub unlimited: bool,
    /// How often a node compares itself with the store, and connections are told what is new.
    pub heartbeat: Duration,
}

/// Everything that people can do, in one handle.
pub struct Chat {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    beliefs: Arc<Beliefs>,
    delivery: Arc<Delivery>,
    healer: Arc<Healer>,
    hints: Arc<Hints>,
    journal: Journal,
    passwords: Passwords,
    tokens: Tokens,
    presence: Arc<Presence>,
    checkup: Arc<Checkup>,
    settings: Settings,
    /// How often each user may write, unless that is lifted.
    writes: Option<Buckets<UserId>>,
    /// Owns what must come to its end even if whoever asked for it has left.
    tasks: TaskTracker,
}

impl Chat {
    /// Starts the journal, the presence task and the rounds in `tasks`; they end, with all that was admitted committed, after
    /// `stop`. `join` gives this node's inbox to the bus that it is to hear.
    pub async fn start(
        store: Arc<dyn Store>,
        join: impl FnOnce(Arc<dyn Inbox>) -> Arc<dyn Bus>,
        settings: Settings,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>> {
        let (registry, beliefs, hints) =
            (Arc::<Registry>::default(), Arc::<Beliefs>::default(), Arc::<Hints>::default());
        let delivery = Arc::new(Delivery::new(Arc::clone(&registry), Arc::clone(&beliefs), Arc::clone(&hints)));
        let inbox: Arc<dyn Inbox> = Arc::clone(&delivery) as _;
        let healer = Arc::new(Healer::new(&store, &registry, Arc::clone(&inbox), Arc::clone(&hints)));
        let bus = join(inbox);
        let presence = Arc::new(Presence::default());
        tasks.spawn(presence::run(Arc::clone(&presence), Arc::clone(&store), Arc::clone(&registry), stop.clone()));
        let checkup = Arc::<Checkup>::default();
        let asked = Arc::clone(&store);
        let ping = move || {
            let store = Arc::clone(&asked);
            async move { store.ping().await }
        };
        tasks.spawn(Arc::clone(&checkup).run(ping, stop.clone()));
        let heartbeat = settings.heartbeat;
        let chat = Arc::new(Self {
            journal: Journal::start(&store, &bus, &healer, tasks, stop),
            passwords: Passwords::new().await?,
            tokens: Tokens::new(&settings.secret, settings.access_ttl),
            store,
            registry,
            bus,
            beliefs,
            presence,
            checkup,
            writes: (!settings.unlimited).then(|| Buckets::new(limits::WRITES)),
            settings,
            tasks: tasks.clone(),
            delivery,
            healer,
            hints,
        });
        tasks.spawn(Arc::clone(&chat).look_after(heartbeat, stop.clone()));
        Ok(chat)
    }

    /// Does what must come to its end once it has begun: a request's future is dropped when its client leaves, and then
    /// something would be stored that nobody is told.
    async fn to_the_end<T, Fut>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> Fut) -> Result<T>
    where
        T: Send + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.tasks.spawn(work(Arc::clone(self))).await.map_err(Error::internal)?
    }

    /// Whether the store can serve, or could a moment ago.
    pub async fn store_is_well(&self) -> bool {
        self.checkup.is_well().await
    }

    /// What the store is.
    pub fn store_kind(&self) -> &'static str {
        self.store.kind()
    }

    /// The connections of this node.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Whether somebody is there.
    pub fn status(&self, user_id: UserId) -> Status {
        self.registry.status(user_id)
    }
}

/// For whoever asks about a conversation that they are not in: it might as well not exist.
fn no_conversation() -> Error {
    Error::not_found("conversation")
}
