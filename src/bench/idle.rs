//! The scenario that measures the memory of connections: idle, and after a burst of messages.

use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use tokio::time::sleep_until;

use super::client_pool::{ClientPool, Endpoint, LoadModel, RoomMember};
use super::environment::Environment;
use super::options::Idle;
use super::population::Population;
use super::process::{resident_bytes, wait_until_idle};
use super::run_result::RunResult;

/// Sends of a sender in flight during the burst.
const BURST_WINDOW: u64 = 4;

/// The server's memory with and without connections.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the other field's name says it")]
pub struct Memory {
    pub connections: usize,
    /// Resident bytes before the first connection.
    pub before: u64,
    /// Resident bytes when all connections are open and idle.
    pub idle: u64,
    /// The messages and deliveries of the burst.
    pub burst: RunResult,
    /// Times since the end of the burst, and the resident bytes then.
    pub after: Vec<(Duration, u64)>,
}

#[allow(clippy::cast_precision_loss)] // rounded for people
impl Memory {
    /// Returns the growth from `before` to `resident`, in KiB for each connection.
    pub fn kib_per_connection(&self, resident: u64) -> f64 {
        resident.saturating_sub(self.before) as f64 / 1024.0 / self.connections as f64
    }
}

impl Idle {
    /// The users and rooms that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let (connections, members) = (self.connections.get(), self.room.get());
        let rooms = (0..connections).step_by(members).map(|first| (first..connections.min(first + members)).collect());
        Population::new(connections, rooms.collect())
    }
}

/// Opens a connection for each member, lets the first member of each room send a burst, and measures the memory before and after.
///
/// The scenario needs the server's process, a server that has just started, and a single-threaded runtime.
pub async fn idle(environment: &Environment, options: &Idle) -> Result<Memory, String> {
    let pid = environment.pid.ok_or("the server's memory is not known; --pid names its process")?;
    let scenario = async {
        wait_until_idle(pid).await?;
        let before = resident_bytes(pid)?;
        let pool = ClientPool::connect(environment, Endpoint::OneConversation).await?;
        wait_until_idle(pid).await?;
        let idle = resident_bytes(pid)?;
        let senders: Vec<RoomMember> = (0..environment.rooms.len()).map(|room| (room, 0)).collect();
        let burst =
            pool.run(&senders, LoadModel::Burst { messages: options.burst.get().into(), window: BURST_WINDOW }).await?;
        let ended = Instant::now();
        let mut after = vec![(Duration::ZERO, resident_bytes(pid)?)];
        for seconds in &options.after {
            let moment = Duration::from_secs((*seconds).into());
            sleep_until((ended + moment).into()).await;
            after.push((moment, resident_bytes(pid)?));
        }
        pool.check()?;
        Ok(Memory { connections: pool.len(), before, idle, burst, after })
    };
    LocalSet::new().run_until(scenario).await
}
