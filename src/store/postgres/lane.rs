//! A lane: the link that commits one share of the journal's batches.

use tokio::sync::{Mutex, MutexGuard};

use super::connect::{Connector, Purpose};
use super::link::Link;
use crate::domain::{Error, Result};

/// A link that is made when it is needed, and made anew when it was lost.
#[derive(Default)]
pub(super) struct Lane(Mutex<Option<Link>>);

/// The right to use a lane, and its link. Unless it is [kept](Leased::keep) the link is dropped: whoever gave up in the middle, by
/// a failure or a time-out, leaves it in a state that nobody knows.
pub(super) struct Leased<'a> {
    slot: MutexGuard<'a, Option<Link>>,
    pub(super) link: Link,
}

impl Lane {
    /// Waits for the lane, and makes its link if there is none.
    pub(super) async fn lease(&self, connector: &Connector) -> Result<Leased<'_>> {
        let mut slot = self.0.lock().await;
        let link = match slot.take().filter(Link::is_usable) {
            Some(link) => link,
            None => connector.connect(Purpose::Journal).await.map_err(Error::unavailable)?,
        };
        Ok(Leased { slot, link })
    }
}

impl Leased<'_> {
    /// Gives the link back, if nothing is left open on it.
    pub(super) fn keep(mut self) {
        if self.link.is_usable() {
            *self.slot = Some(self.link);
        }
    }
}
