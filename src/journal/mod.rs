//! The journal: where commands are batched, committed, delivered and acknowledged, in this order and in this one place.
//!
//! Natural batching: while one batch is under way, the next gathers. There are no timers, so that under light load a batch
//! is one command, and under heavy load batches grow by themselves. A conversation always uses the same lane, so its
//! batches follow one another, and the next one starts when the last is in every send_queue.

mod backoff;
mod batch;
mod lane;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::delivery::{GapRepair, supervised};
use crate::domain::command::{Outcome, Write};
use crate::domain::{Code, ConversationId, Error, Result};
use crate::limits;
use crate::store::Store;
pub use backoff::Backoff;
use batch::Job;
use lane::Lane;

/// Called once with what became of a command, after it was delivered.
pub type Reply = Box<dyn FnOnce(Result<Outcome>) + std::marker::Send>;

/// Where commands are admitted.
pub struct Journal {
    lanes: Vec<mpsc::Sender<Job>>,
}

impl Journal {
    /// Starts a lane for each batch that the store can commit at a time.
    pub fn start(
        store: &Arc<dyn Store>,
        bus: &Arc<dyn Bus>,
        gap_repair: &Arc<GapRepair>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let start_lane = |number| {
            let (sender, queue) = mpsc::channel(limits::JOURNAL_QUEUE_MAX);
            let (store, bus, gap_repair) = (Arc::clone(store), Arc::clone(bus), Arc::clone(gap_repair));
            let lane = Lane { number, store, bus, gap_repair };
            tasks.spawn(supervised(lane.run(queue, stop.clone())));
            sender
        };
        Self { lanes: (0..store.lanes()).map(start_lane).collect() }
    }

    /// Admits a command. Waits while its lane is full; `busy` if the lane does not move, `draining` if it has ended.
    pub async fn submit(&self, write: Write, reply: Reply) {
        let arrived = Instant::now();
        let lane = &self.lanes[lane_of(write.conversation_id(), self.lanes.len())];
        match timeout(limits::ADMISSION_TIMEOUT, lane.reserve()).await {
            Ok(Ok(place)) => place.send(Job::new(write, arrived, reply)),
            Ok(Err(_)) => reply(Err(draining_error())),
            Err(_) => {
                let busy = Error::new(Code::Busy, "The journal admits nothing at the moment.");
                reply(Err(busy.after(Duration::from_secs(1))));
            }
        }
    }
}

/// The answer to a command that arrives after the journal has stopped.
pub fn draining_error() -> Error {
    Error::new(Code::Draining, "The server is about to stop.")
}

fn lane_of(id: ConversationId, lanes: usize) -> usize {
    usize::try_from(id.0.as_u128() % lanes.max(1) as u128).unwrap_or(0)
}
