//! The result of a run: counts, times and latencies.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::process::CpuTime;

/// Histograms record latencies in nanoseconds, from one microsecond to one minute, with three significant digits.
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 60_000_000_000;
const DIGITS: u8 = 3;

/// How often a run did something.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the other field's name says it")]
pub struct Count {
    /// The plural of the counted thing, such as `deliveries`.
    pub plural: &'static str,
    /// Its singular, such as `delivery`.
    pub singular: &'static str,
    pub count: u64,
}

/// The result of a run. A run with a missing, duplicate or reordered message has none.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// The counts of `messages` and `deliveries`, of `reactions`, `events` and `frames`, of `connections`, of `pages` or of `logins`.
    pub counts: Vec<Count>,
    /// From the first send or request to the last delivery or response.
    pub elapsed: Duration,
    /// The server's CPU time, if it can be read. The CPU time of its database is not included.
    pub server: Option<CpuTime>,
    /// The CPU time of this process.
    pub client: CpuTime,
    /// Latencies by name, in nanoseconds.
    pub latencies: Vec<(&'static str, Histogram<u64>)>,
}

#[allow(clippy::cast_precision_loss)] // rounded for people
impl RunResult {
    /// Returns the count of `plural`, or 0 when the run does not count it.
    pub fn count(&self, plural: &str) -> u64 {
        self.counts.iter().find(|count| count.plural == plural).map_or(0, |count| count.count)
    }

    /// Returns how many of `plural` there were in a second.
    pub fn rate(&self, plural: &str) -> f64 {
        self.count(plural) as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the part of `time` that falls to one of `plural`, in microseconds.
    pub fn micros_per(&self, time: Duration, plural: &str) -> f64 {
        time.as_secs_f64() * 1e6 / self.count(plural).max(1) as f64
    }

    /// Returns the client's share of the CPU time of client and server, from 0 to 1.
    pub fn client_share(&self) -> Option<f64> {
        let client = self.client.total().as_secs_f64();
        let all = client + self.server?.total().as_secs_f64();
        (all > 0.0).then(|| client / all)
    }

    /// Returns a quantile (from 0 to 1) of a latency.
    pub fn latency(&self, name: &str, quantile: f64) -> Option<Duration> {
        let (_, histogram) = self.latencies.iter().find(|(known, _)| *known == name)?;
        (!histogram.is_empty()).then(|| Duration::from_nanos(histogram.value_at_quantile(quantile)))
    }
}

/// Returns the median. Of an even number of values it is the upper of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Measures wall-clock time and CPU times from `start` to `stop`.
pub(super) struct Meter {
    pids: Vec<u32>,
    server: CpuTime,
    client: CpuTime,
    pub(super) started: Instant,
}

impl Meter {
    /// Starts to measure. `pids` are the processes of the server's nodes, if they are known.
    pub(super) fn start(pids: Vec<u32>) -> Result<Self, String> {
        let (server, client) = (CpuTime::of_all(&pids)?, CpuTime::of_this_process()?);
        Ok(Self { pids, server, client, started: Instant::now() })
    }

    /// Returns a result with the times, and without counts and latencies.
    pub(super) fn stop(self) -> Result<RunResult, String> {
        let elapsed = self.started.elapsed();
        let server = CpuTime::of_all(&self.pids)? - self.server;
        let server = (!self.pids.is_empty()).then_some(server);
        let client = CpuTime::of_this_process()? - self.client;
        Ok(RunResult { counts: Vec::new(), elapsed, server, client, latencies: Vec::new() })
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS).expect("bounds that are in order")
}
