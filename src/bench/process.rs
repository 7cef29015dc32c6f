//! The CPU time and the memory of a process, read from `/proc`.

use std::fs;
use std::ops::Sub;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// CPU time that a process has used, in user mode and in the kernel.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the fields' names say it")]
pub struct CpuTime {
    pub user: Duration,
    pub system: Duration,
}

impl CpuTime {
    /// Reads the CPU time that a process has used by now.
    pub fn of(pid: u32) -> Result<Self, String> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    /// Reads the CPU time that these processes have used together by now.
    pub(super) fn of_all(pids: &[u32]) -> Result<Self, String> {
        pids.iter().try_fold(Self::default(), |sum, pid| {
            let one = Self::of(*pid)?;
            Ok(Self { user: sum.user + one.user, system: sum.system + one.system })
        })
    }

    /// Reads the CPU time that this process has used by now.
    pub fn of_this_process() -> Result<Self, String> {
        Self::read("/proc/self/stat")
    }

    /// Returns user and system time together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// Reads fields 14 and 15 of a `stat` file. They are in ticks of 10 ms on every Linux machine. The name, in parentheses, is
    /// skipped, because it may contain spaces.
    fn read(path: &str) -> Result<Self, String> {
        let stat = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        match ticks[..] {
            [user, system] => {
                Ok(Self { user: Duration::from_millis(user * 10), system: Duration::from_millis(system * 10) })
            }
            _ => Err(format!("{path} is not understood")),
        }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user.saturating_sub(earlier.user), system: self.system.saturating_sub(earlier.system) }
    }
}

/// Reads how many bytes of a process's memory are resident.
pub fn resident_bytes(pid: u32) -> Result<u64, String> {
    let rolled_up = format!("/proc/{pid}/smaps_rollup");
    let status = format!("/proc/{pid}/status");
    // `smaps_rollup` is exact but needs more rights. `status` may lag by some pages.
    for (path, name) in [(rolled_up, "Rss:"), (status, "VmRSS:")] {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        if let Some(kibibytes) = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()) {
            return Ok(kibibytes * 1024);
        }
    }
    Err(format!("/proc/{pid} does not tell the memory of the server"))
}

/// Waits until a process uses at most one tick of CPU time in half a second. It gives up after half a minute.
pub(super) async fn wait_until_idle(pid: u32) -> Result<(), String> {
    const POLL_INTERVAL: Duration = Duration::from_millis(500);
    const TICK: Duration = Duration::from_millis(10);
    const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
    let started = Instant::now();
    let mut before = CpuTime::of(pid)?;
    while started.elapsed() < IDLE_TIMEOUT {
        sleep(POLL_INTERVAL).await;
        let now = CpuTime::of(pid)?;
        if (now - before).total() <= TICK {
            break;
        }
        before = now;
    }
    Ok(())
}
