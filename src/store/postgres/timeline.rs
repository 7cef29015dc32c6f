//! The timeline of the database. PostgreSQL begins a new one with each promotion of a standby, and with each restore to a moment.

use std::sync::{Arc, Mutex, Once, PoisonError};

use tokio_postgres::{Client, Error as Failure, SimpleQueryMessage};

use super::errors::described;
use crate::store::HistoryGate;

/// The cluster, and the name of the log's newest file, whose first eight digits are the timeline. (The control file has the timeline only since
/// the first checkpoint on it.)
const TIMELINE: &str = "SELECT system_identifier, pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()";
/// Hexadecimal digits of the timeline in the name of a log file.
const TIMELINE_DIGITS: usize = 8;

/// A history of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The cluster: primaries and their standbys share it.
    system: String,
    number: u32,
}

impl Timeline {
    /// Asks a writable server. Returns `None` if it does not say: it is a kind of PostgreSQL without such a log, or the role may not ask.
    pub(super) async fn of(client: &Client) -> Result<Option<Self>, Failure> {
        static UNKNOWN: Once = Once::new();
        match client.simple_query(TIMELINE).await {
            Ok(answer) => Ok(answer.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Self::parse(row.get(0)?, row.get(1)?),
                _ => None,
            })),
            Err(failure) if failure.as_db_error().is_some() => {
                UNKNOWN.call_once(|| {
                    let failure = described(&failure);
                    tracing::warn!(
                        failure,
                        "PostgreSQL does not name its timeline; restart the servers after a failover that loses writes"
                    );
                });
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn parse(system: &str, log_file: &str) -> Option<Self> {
        let number = u32::from_str_radix(log_file.get(..TIMELINE_DIGITS)?, 16).ok()?;
        Some(Self { system: system.to_owned(), number })
    }
}

/// The timeline that this node has reached.
#[derive(Default)]
pub(super) struct Timelines {
    current: Mutex<Option<Timeline>>,
    gate: Arc<HistoryGate>,
}

impl Timelines {
    /// The gate that is closed when the timeline is another one.
    pub(super) fn gate(&self) -> &Arc<HistoryGate> {
        &self.gate
    }

    /// Admits a connection to a server on this timeline. Returns the gate's generation, to which the connection belongs.
    pub(super) fn admit(&self, seen: Option<Timeline>) -> Result<u64, String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*current, seen) {
            (_, None) => {}
            (None, seen) => *current = seen,
            (Some(current), Some(seen)) if *current == seen => {}
            (Some(current), Some(seen)) if current.system == seen.system && seen.number < current.number => {
                let (old, new) = (seen.number, current.number);
                return Err(format!(
                    "PostgreSQL: a primary of before, on timeline {old}; the database is on {new} by now"
                ));
            }
            (Some(_), seen) => {
                *current = seen;
                self.gate.close();
            }
        }
        if self.gate.is_closed() {
            return Err(
                "PostgreSQL: another server has taken over; the connections of its clients end first".to_owned()
            );
        }
        Ok(self.gate.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::{Timeline, Timelines};

    fn timeline(system: &str, number: u32) -> Option<Timeline> {
        Timeline::parse(system, &format!("{number:08X}0000000300000042"))
    }

    #[test]
    fn another_timeline_closes_the_gate_until_it_is_opened() {
        let timelines = Timelines::default();
        assert_eq!(timelines.admit(timeline("a", 9)), Ok(0));
        assert_eq!(timelines.admit(timeline("a", 9)), Ok(0));
        assert_eq!(timelines.admit(None), Ok(0), "a server that does not say");
        assert!(timelines.admit(timeline("a", 10)).is_err());
        assert!(timelines.admit(timeline("a", 10)).is_err(), "closed");
        timelines.gate().open();
        assert_eq!(timelines.admit(timeline("a", 10)), Ok(1));
        assert!(timelines.admit(timeline("a", 9)).is_err(), "the primary of before");
        assert_eq!(timelines.admit(timeline("a", 10)), Ok(1), "which closes nothing");
        assert!(timelines.admit(timeline("b", 1)).is_err(), "another cluster");
        timelines.gate().open();
        assert_eq!(timelines.admit(timeline("b", 1)), Ok(2));
    }
}
