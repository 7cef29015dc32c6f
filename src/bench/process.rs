//! What the kernel knows of a process: its CPU time and its memory.

use std::fs;
use std::ops::Sub;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// CPU time that a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In user mode.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

impl Cpu {
    /// Until now, by a process.
    pub fn of(pid: u32) -> Result<Self, String> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    /// Until now, by this one.
    pub fn of_this_process() -> Result<Self, String> {
        Self::read("/proc/self/stat")
    }

    /// Both together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// Fields 14 and 15, after the name in brackets, in ticks of 10 ms, which is what Linux tells user space on every machine.
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

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user.saturating_sub(earlier.user), system: self.system.saturating_sub(earlier.system) }
    }
}

/// Bytes of a process's memory that are resident.
pub fn resident_bytes(pid: u32) -> Result<u64, String> {
    let rolled_up = format!("/proc/{pid}/smaps_rollup");
    let status = format!("/proc/{pid}/status");
    // The first counts pages, the second may be some behind; it takes rights that not everybody has.
    for (path, name) in [(rolled_up, "Rss:"), (status, "VmRSS:")] {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        if let Some(kibibytes) = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()) {
            return Ok(kibibytes * 1024);
        }
    }
    Err(format!("/proc/{pid} does not tell the memory of the server"))
}

/// Waits until a process does next to nothing: at most a tick in half a second. After half a minute it is believed to be as quiet
/// as it gets.
pub(super) async fn wait_until_idle(pid: u32) -> Result<(), String> {
    const GLANCE: Duration = Duration::from_millis(500);
    const TICK: Duration = Duration::from_millis(10);
    const PATIENCE: Duration = Duration::from_secs(30);
    let begun = Instant::now();
    let mut before = Cpu::of(pid)?;
    while begun.elapsed() < PATIENCE {
        sleep(GLANCE).await;
        let now = Cpu::of(pid)?;
        if (now - before).total() <= TICK {
            break;
        }
        before = now;
    }
    Ok(())
}
