//! Limits the log lines of refusals: a flood of one kind is counted, not repeated.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::info;

use crate::limits;

/// A kind of refusal: one status or close code, for clients of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    status: u16,
    /// `None` for all networks that came while [`limits::REFUSAL_KINDS_MAX`] others were counted.
    network: Option<IpAddr>,
}

/// The refusals of the last [`limits::LOG_THROTTLE`].
#[derive(Default)]
pub struct RefusalLog(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    of_kind: HashMap<Kind, Count>,
    /// The time at which the first of the counts ends.
    first_end: Option<Instant>,
}

struct Count {
    refusals: u64,
    end: Instant,
}

/// Refusals that were not logged.
#[derive(Debug, PartialEq, Eq)]
struct Unlogged {
    kind: Kind,
    refusals: u64,
}

impl RefusalLog {
    /// Counts a refusal. Returns true if it is to be logged, because few of its kind came before it.
    pub fn admit(&self, status: u16, network: IpAddr) -> bool {
        self.report_ended();
        self.counts().admit(status, network, Instant::now())
    }

    /// Logs how many refusals were not logged, of each kind whose time is over.
    pub fn report_ended(&self) {
        let now = Instant::now();
        let ended = self.counts().take_ended(now);
        ended.iter().for_each(report);
    }

    /// Logs how many refusals were not logged, before the server stops.
    pub fn report_all(&self) {
        let all = std::mem::take(&mut *self.counts()).of_kind;
        unlogged(all).iter().for_each(report);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn admit(&mut self, status: u16, network: IpAddr, now: Instant) -> bool {
        let mut kind = Kind { status, network: Some(network) };
        if self.of_kind.len() >= limits::REFUSAL_KINDS_MAX && !self.of_kind.contains_key(&kind) {
            kind.network = None;
        }
        let end = now + limits::LOG_THROTTLE;
        let count = self.of_kind.entry(kind).or_insert(Count { refusals: 0, end });
        count.refusals += 1;
        let is_few = count.refusals <= limits::REFUSALS_LOGGED;
        self.first_end.get_or_insert(end);
        is_few
    }

    fn take_ended(&mut self, now: Instant) -> Vec<Unlogged> {
        if self.first_end.is_none_or(|end| now < end) {
            return Vec::new();
        }
        let ended = self.of_kind.extract_if(|_, count| count.end <= now).collect::<Vec<_>>();
        self.first_end = self.of_kind.values().map(|count| count.end).min();
        unlogged(ended)
    }
}

fn unlogged(counts: impl IntoIterator<Item = (Kind, Count)>) -> Vec<Unlogged> {
    let beyond = |count: Count| count.refusals.saturating_sub(limits::REFUSALS_LOGGED);
    let all = counts.into_iter().map(|(kind, count)| Unlogged { kind, refusals: beyond(count) });
    all.filter(|unlogged| unlogged.refusals > 0).collect()
}

fn report(Unlogged { kind: Kind { status, network }, refusals }: &Unlogged) {
    let network: &dyn fmt::Display = network.as_ref().map_or(&"many", |network| network);
    info!(status, %network, refusals, "further refusals, not logged one by one");
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Counts, Kind, Unlogged};
    use crate::limits;

    fn network(number: usize) -> IpAddr {
        Ipv4Addr::from(u32::try_from(number).expect("a small number")).into()
    }

    #[test]
    fn a_flood_is_counted() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        let logged = (0..100_000).filter(|_| counts.admit(404, network(1), now)).count();
        assert_eq!(logged as u64, limits::REFUSALS_LOGGED);
        assert!(counts.admit(404, network(2), now) && counts.admit(401, network(1), now), "other kinds are logged");
        assert_eq!(counts.take_ended(now + limits::LOG_THROTTLE / 2), []);
        let kind = Kind { status: 404, network: Some(network(1)) };
        let unlogged = [Unlogged { kind, refusals: 100_000 - limits::REFUSALS_LOGGED }];
        assert_eq!(counts.take_ended(now + limits::LOG_THROTTLE), unlogged);
        assert!(counts.of_kind.is_empty() && counts.first_end.is_none());
        assert!(counts.admit(404, network(1), now + limits::LOG_THROTTLE), "and it is logged again");
    }

    #[test]
    fn counts_end_one_by_one() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        for _ in 0..=limits::REFUSALS_LOGGED {
            counts.admit(404, network(1), now);
            counts.admit(400, network(1), later);
        }
        let status = |ended: Vec<Unlogged>| ended.iter().map(|unlogged| unlogged.kind.status).collect::<Vec<_>>();
        assert_eq!(status(counts.take_ended(now + limits::LOG_THROTTLE)), [404]);
        assert_eq!(status(counts.take_ended(later + limits::LOG_THROTTLE)), [400]);
    }

    #[test]
    fn many_networks_are_counted_together() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        let floods = 10 * limits::REFUSAL_KINDS_MAX;
        let logged = (0..floods).filter(|number| counts.admit(404, network(*number), now)).count();
        assert_eq!(logged as u64, limits::REFUSAL_KINDS_MAX as u64 + limits::REFUSALS_LOGGED);
        assert_eq!(counts.of_kind.len(), limits::REFUSAL_KINDS_MAX + 1);
    }
}
