//! What a run came to.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::process::Cpu;

/// Latencies are told in nanoseconds from one microsecond to a minute, to three digits.
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// Something that a run counted.
#[derive(Clone, Debug)]
pub struct Count {
    /// In the plural: `deliveries`.
    pub many: &'static str,
    /// In the singular: `delivery`.
    pub one: &'static str,
    /// How many.
    pub count: u64,
}

/// What a run came to. With anything missing, doubled or out of order there are none.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What was counted: `messages` and `deliveries`; `connections`; `pages`; `logins`.
    pub counts: Vec<Count>,
    /// From the first beginning to the last end.
    pub elapsed: Duration,
    /// The server's CPU time meanwhile, if it can be read; its database's is not in it.
    pub server: Option<Cpu>,
    /// This process's.
    pub client: Cpu,
    /// How long things took, in nanoseconds, each with its name.
    pub latencies: Vec<(&'static str, Histogram<u64>)>,
}

#[allow(clippy::cast_precision_loss)] // figures for people
impl Figures {
    /// How many of these there were; 0 of what was not counted.
    pub fn count(&self, many: &str) -> u64 {
        self.counts.iter().find(|count| count.many == many).map_or(0, |count| count.count)
    }

    /// How many of these there were a second.
    pub fn rate(&self, many: &str) -> f64 {
        self.count(many) as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of this time for each of these.
    pub fn micros(&self, time: Duration, many: &str) -> f64 {
        time.as_secs_f64() * 1e6 / self.count(many).max(1) as f64
    }

    /// The client's part of all CPU time that server and client used, from 0 to 1.
    pub fn client_share(&self) -> Option<f64> {
        let client = self.client.total().as_secs_f64();
        let all = client + self.server?.total().as_secs_f64();
        (all > 0.0).then(|| client / all)
    }

    /// The latency that this part (from 0 to 1) of all does not exceed.
    pub fn latency(&self, name: &str, part: f64) -> Option<Duration> {
        let (_, histogram) = self.latencies.iter().find(|(known, _)| *known == name)?;
        (!histogram.is_empty()).then(|| Duration::from_nanos(histogram.value_at_quantile(part)))
    }
}

/// The one in the middle; of an even number, the upper of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What happens between two moments: the clock and the CPU times.
pub(super) struct Meter {
    pid: Option<u32>,
    server: Option<Cpu>,
    client: Cpu,
    pub(super) started: Instant,
}

impl Meter {
    /// Begins; the server is this process.
    pub(super) fn start(pid: Option<u32>) -> Result<Self, String> {
        let (server, client) = (pid.map(Cpu::of).transpose()?, Cpu::of_this_process()?);
        Ok(Self { pid, server, client, started: Instant::now() })
    }

    /// Ends, with what was counted.
    pub(super) fn stop(self) -> Result<Figures, String> {
        let elapsed = self.started.elapsed();
        let server = self.pid.map(Cpu::of).transpose()?.zip(self.server).map(|(now, before)| now - before);
        let client = Cpu::of_this_process()? - self.client;
        Ok(Figures { counts: Vec::new(), elapsed, server, client, latencies: Vec::new() })
    }
}

/// A duration as histograms have it.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An empty histogram.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS).expect("bounds that are in order")
}
