//! The verbs: what people do. Every function that a door calls authorises.
//!
//! A write goes to the [`journal`], which commits it and publishes what happened on the bus; [`delivery`] takes it from
//! there to the connections. A read goes to the store.

mod accounts;
mod beliefs;
mod conversations;
mod delivery;
pub mod journal;
mod live;
mod messages;
mod password;
mod presence;
mod subject;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::local::Local;
use crate::bus::{Bus, Inbox};
use crate::domain::bucket::Buckets;
use crate::domain::user::Status;
use crate::domain::{Error, Result, UserId};
use crate::limits;
use crate::registry::Registry;
use crate::store::Store;
pub use accounts::{LoggedIn, ProfileChange};
use beliefs::Beliefs;
pub use conversations::NewGroup;
use delivery::Delivery;
use journal::Journal;
pub use live::{Live, Refusal};
pub use messages::{Draft, HistoryPage, Position};
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
}

/// Everything that people can do, in one handle.
pub struct Chat {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    beliefs: Arc<Beliefs>,
    journal: Journal,
    passwords: Passwords,
    tokens: Tokens,
    presence: Arc<Presence>,
    settings: Settings,
    /// How often each user may write, unless that is lifted.
    writes: Option<Buckets<UserId>>,
    /// Owns what must come to its end even if whoever asked for it has left.
    tasks: TaskTracker,
}

impl Chat {
    /// Starts the journal and the presence task in `tasks`; both end, with all that was admitted committed, after `stop`.
    pub async fn start(
        store: Arc<dyn Store>,
        settings: Settings,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let (registry, beliefs) = (Arc::new(Registry::default()), Arc::new(Beliefs::default()));
        let inbox: Arc<dyn Inbox> = Arc::new(Delivery::new(Arc::clone(&registry), Arc::clone(&beliefs)));
        let bus: Arc<dyn Bus> = Arc::new(Local::new(inbox));
        let presence = Arc::new(Presence::default());
        tasks.spawn(presence::run(Arc::clone(&presence), Arc::clone(&store), Arc::clone(&registry), stop.clone()));
        Ok(Self {
            journal: Journal::start(&store, &bus, &registry, tasks, stop),
            passwords: Passwords::new().await?,
            tokens: Tokens::new(&settings.secret, settings.access_ttl),
            store,
            registry,
            bus,
            beliefs,
            presence,
            writes: (!settings.unlimited).then(|| Buckets::new(limits::WRITES)),
            settings,
            tasks: tasks.clone(),
        })
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

    /// Whether the store can serve.
    pub async fn ping(&self) -> Result<()> {
        self.store.ping().await
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
