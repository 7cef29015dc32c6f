//! What connections cost the server in memory: idle, and after a burst.

use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use tokio::time::sleep_until;

use super::client_pool::{Crowd, Drive, Hears, Place};
use super::environment::Environment;
use super::options::Idle;
use super::population::Population;
use super::process::{quiet, resident};
use super::run_result::Figures;

/// What connections cost.
#[derive(Clone, Debug)]
pub struct Memory {
    /// How many there are.
    pub connections: usize,
    /// Resident bytes of the server before the first of them.
    pub before: u64,
    /// Resident bytes when all are there and nothing happens.
    pub idle: u64,
    /// The burst: messages and deliveries.
    pub burst: Figures,
    /// Resident bytes so long after the burst.
    pub after: Vec<(Duration, u64)>,
}

#[allow(clippy::cast_precision_loss)] // figures for people
impl Memory {
    /// KiB for each connection, of so many resident bytes.
    pub fn each(&self, resident: u64) -> f64 {
        resident.saturating_sub(self.before) as f64 / 1024.0 / self.connections as f64
    }
}

impl Idle {
    /// Who has to be there.
    pub(super) fn population(&self) -> Population {
        let (connections, members) = (self.connections.get(), self.room.get());
        let rooms = (0..connections).step_by(members).map(|first| (first..connections.min(first + members)).collect());
        Population::new(connections, rooms.collect())
    }
}

/// Opens a connection for each member, waits, lets each room's first member send a burst, and waits again. Needs the server's
/// process, and a server that has just started. Wants a runtime of one thread.
pub async fn idle(environment: &Environment, options: &Idle) -> Result<Memory, String> {
    let pid = environment.pid.ok_or("the server's memory is not known; --pid names its process")?;
    let play = async {
        quiet(pid).await?;
        let before = resident(pid)?;
        let crowd = Crowd::gather(environment, Hears::One).await?;
        quiet(pid).await?;
        let idle = resident(pid)?;
        let senders: Vec<Place> = (0..environment.rooms.len()).map(|room| (room, 0)).collect();
        let burst = crowd.run(&senders, Drive::Each(options.burst.get().into(), 4)).await?;
        let ended = Instant::now();
        let mut after = vec![(Duration::ZERO, resident(pid)?)];
        for seconds in &options.after {
            let moment = Duration::from_secs((*seconds).into());
            sleep_until((ended + moment).into()).await;
            after.push((moment, resident(pid)?));
        }
        crowd.check()?;
        Ok(Memory { connections: crowd.len(), before, idle, burst, after })
    };
    LocalSet::new().run_until(play).await
}
