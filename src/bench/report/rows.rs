//! The rows of the table: one value of each run, and the median, the least and the most of them.

use super::numbers::grouped;
use crate::bench::process::CpuTime;
use crate::bench::run_result::{RunResult, median};

/// One value of each run.
pub(super) struct Row {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) unit: &'static str,
    pub(super) decimals: usize,
    pub(super) values: Vec<f64>,
    /// Follows the values in the table.
    pub(super) note: String,
    /// The row is in the JSON object but not in the table.
    pub(super) json_only: bool,
}

impl Row {
    pub(super) fn new(key: &str, label: &str, unit: &'static str, decimals: usize, values: Vec<f64>) -> Self {
        Self {
            key: key.to_owned(),
            label: label.to_owned(),
            unit,
            decimals,
            values,
            note: String::new(),
            json_only: false,
        }
    }

    /// Returns median, least and most.
    pub(super) fn summary(&self) -> [f64; 3] {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [median(self.values.clone()), least, most]
    }
}

/// Returns the rows of a scenario's runs.
pub(super) fn rows(results: &[RunResult]) -> Vec<Row> {
    let each = |value: &dyn Fn(&RunResult) -> f64| results.iter().map(value).collect::<Vec<f64>>();
    let mut rows = Vec::new();
    let counts = results.first().map(|first| first.counts.clone()).unwrap_or_default();
    for count in &counts {
        let values = each(&|result| result.rate(count.plural));
        rows.push(Row::new(&format!("{}_per_second", count.plural), count.plural, "/s", 0, values));
    }
    let server: Option<Vec<_>> = results.iter().map(|result| result.server).collect();
    for count in counts.iter().filter(|_| server.is_some()) {
        let server_micros = |part: fn(CpuTime) -> std::time::Duration| {
            each(&|result| result.micros_per(part(result.server.unwrap_or_default()), count.plural))
        };
        let label = format!("server CPU per {}", count.singular);
        let mut row =
            Row::new(&format!("server_us_per_{}", count.singular), &label, "µs", 2, server_micros(CpuTime::total));
        let (user, system) = (median(server_micros(|cpu| cpu.user)), median(server_micros(|cpu| cpu.system)));
        row.note = format!("   = {} user + {} system", grouped(user, 2), grouped(system, 2));
        rows.push(row);
        for (part, value) in [("user", server_micros(|cpu| cpu.user)), ("system", server_micros(|cpu| cpu.system))] {
            let key = format!("server_{part}_us_per_{}", count.singular);
            rows.push(Row { json_only: true, ..Row::new(&key, "", "µs", 2, value) });
        }
    }
    if let Some(count) = counts.last() {
        let values = each(&|result| result.micros_per(result.client.total(), count.plural));
        let label = format!("client CPU per {}", count.singular);
        rows.push(Row::new(&format!("client_us_per_{}", count.singular), &label, "µs", 2, values));
    }
    let shares: Option<Vec<f64>> = results.iter().map(|result| Some(100.0 * result.client_share()?)).collect();
    if let Some(shares) = shares {
        rows.push(Row::new("client_share_percent", "client's share of both's CPU", "%", 1, shares));
    }
    // Of a storm the numbers themselves say more than how many came in a second.
    for count in counts.iter().filter(|_| counts.iter().any(|count| count.plural == "events")) {
        rows.push(Row::new(
            count.plural,
            &format!("{} of a storm", count.plural),
            "",
            0,
            each(&|result| {
                #[allow(clippy::cast_precision_loss)] // rounded for people
                let value = result.count(count.plural) as f64;
                value
            }),
        ));
    }
    if counts.iter().any(|count| count.plural == "deliveries") {
        // Always 0: a run with a failed check has no result.
        rows.push(Row::new("missing", "missing, doubled, out of order", "", 0, each(&|_| 0.0)));
    }
    rows
}
