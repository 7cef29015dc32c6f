//! The timeline of the database. PostgreSQL begins a new one with each promotion of a standby, and with each restore to a moment.

use std::sync::Once;

use tokio_postgres::{Client, Error as Failure, SimpleQueryMessage};

use super::errors::described;
use crate::store::History;

/// The cluster, and the name of the log's newest file, whose first eight digits are the timeline. (The control file has the timeline only since
/// the first checkpoint on it.)
const TIMELINE: &str = "SELECT system_identifier, pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()";
/// Hexadecimal digits of the timeline in the name of a log file.
const TIMELINE_DIGITS: usize = 8;

/// Asks a writable server. Returns `None` if it does not say: it is a kind of PostgreSQL without such a log, or the role may not ask.
pub(super) async fn timeline(client: &Client) -> Result<Option<History>, Failure> {
    static UNKNOWN: Once = Once::new();
    match client.simple_query(TIMELINE).await {
        Ok(answer) => Ok(answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => parse(row.get(0)?, row.get(1)?),
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

fn parse(cluster: &str, log_file: &str) -> Option<History> {
    let timeline = u32::from_str_radix(log_file.get(..TIMELINE_DIGITS)?, 16).ok()?;
    Some(History { cluster: cluster.parse().ok()?, timeline })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_timeline_stands_in_the_name_of_a_log_file() {
        let history = parse("7420", "0000001A0000000300000042").expect("a history");
        assert_eq!((history.cluster, history.timeline), (7_420, 26));
        for bad in ["", "0000001", "timeline"] {
            assert_eq!(parse("7420", bad), None, "{bad}");
        }
        assert_eq!(parse("", "0000001A0000000300000042"), None);
    }
}
