//! The printed report: a table for people, or one JSON object for programs.

mod numbers;
mod rows;
mod title;

use std::fmt::Write;
use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use super::idle::Memory;
use super::options::RunSettings;
use super::run_result::{RunResult, median};
use numbers::{counted, grouped};
use rows::{Row, rows};
pub(super) use title::title;

/// The quantiles of a latency, and their names.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
/// Widths of the table's columns, in characters.
const LABEL_WIDTH: usize = 34;
const UNIT_WIDTH: usize = 6;
const VALUE_WIDTH: usize = 14;

/// The results of a scenario, ready to be printed.
pub(super) struct Report {
    title: String,
    about: String,
    rows: Vec<Row>,
    latencies: Vec<(&'static str, Vec<f64>)>,
    /// A table of its own, for results that no row can show.
    body: String,
    notes: Vec<String>,
    object: Map<String, Value>,
}

impl Report {
    /// Builds the report of a scenario's runs. Without `settings` each run is as long as it takes.
    pub(super) fn from_runs(
        title: String,
        server: &str,
        settings: Option<&RunSettings>,
        results: &[RunResult],
    ) -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let runs = settings.map_or_else(String::new, |settings| {
            let runs = counted(settings.runs.get(), "run");
            format!("; {runs} of {:?} after {:?} of warm-up", settings.seconds, settings.warm_up)
        });
        let about = format!("{server}; client, server and database share {cores} cores{runs}");
        let names: Vec<&'static str> =
            results.first().map(|first| first.latencies.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
        let latencies = names.into_iter().map(|name| (name, percentiles(results, name))).collect();
        let mut notes = Vec::new();
        if server.contains("PostgreSQL") {
            notes.push("PostgreSQL's own CPU time is not in the server's.".to_owned());
        }
        if results.iter().any(|result| result.server.is_none()) {
            notes.push("The server's CPU time is not known; --pid names its process.".to_owned());
        }
        let mut report =
            Self { title, about, rows: rows(results), latencies, body: String::new(), notes, object: Map::new() };
        report.object.insert("missing".to_owned(), json!(0));
        report.object.insert("runs".to_owned(), results.iter().map(run_json).collect());
        report
    }

    /// Adds the limit that messages between nodes are compared with.
    pub(super) fn add_nats_limit(&mut self, micros: f64) {
        let label = "one NATS publish and receive, CPU";
        self.rows.push(Row::new("nats_us_per_message", label, "µs", 2, vec![micros]));
    }

    /// Builds the report of `idle`.
    #[allow(clippy::cast_precision_loss)] // rounded for people
    pub(super) fn from_memory(title: String, server: &str, memory: &Memory) -> Self {
        let mut states =
            vec![("before the first connection".to_owned(), memory.before), ("idle".to_owned(), memory.idle)];
        states.extend(memory.after.iter().map(|(after, bytes)| match after.as_secs() {
            0 => ("right after the burst".to_owned(), *bytes),
            seconds => (format!("{seconds} s after the burst"), *bytes),
        }));
        let mut body = format!(
            "\n{:LABEL_WIDTH$}{:>VALUE_WIDTH$}{:>22}\n",
            "memory of the server", "resident, MiB", "KiB a connection"
        );
        for (name, bytes) in &states {
            let resident = grouped(*bytes as f64 / 1024.0 / 1024.0, 1);
            let _ = writeln!(
                body,
                "{name:LABEL_WIDTH$}{resident:>VALUE_WIDTH$}{:>22}",
                grouped(memory.kib_per_connection(*bytes), 2)
            );
        }
        let (messages, deliveries) = (memory.burst.count("messages"), memory.burst.count("deliveries"));
        let note = format!(
            "The burst: {} messages, {} deliveries in {:.1} s; none missing.",
            grouped(messages as f64, 0),
            grouped(deliveries as f64, 0),
            memory.burst.elapsed.as_secs_f64()
        );
        let states = states.iter().map(|(name, bytes)| {
            json!({
                "when": name, "resident_bytes": bytes, "kib_per_connection": memory.kib_per_connection(*bytes),
            })
        });
        let object = json!({
            "missing": 0, "connections": memory.connections, "messages": messages, "deliveries": deliveries,
            "memory": states.collect::<Vec<_>>(),
        });
        let object = object.as_object().cloned().unwrap_or_default();
        Self {
            title,
            about: server.to_owned(),
            rows: Vec::new(),
            latencies: Vec::new(),
            body,
            notes: vec![note],
            object,
        }
    }

    /// Returns the table for people.
    pub(super) fn table(&self) -> String {
        let mut out = format!("{}\n{}\n", self.title, self.about);
        if !self.rows.is_empty() {
            let _ = write!(out, "\n{:LABEL_WIDTH$}{:UNIT_WIDTH$}", "", "");
            for name in ["median", "least", "most"] {
                let _ = write!(out, "{name:>VALUE_WIDTH$}");
            }
            out.push('\n');
        }
        for row in self.rows.iter().filter(|row| !row.json_only) {
            let _ = write!(out, "{:LABEL_WIDTH$}{:>UNIT_WIDTH$}", row.label, row.unit);
            for value in row.summary() {
                let _ = write!(out, "{:>VALUE_WIDTH$}", grouped(value, row.decimals));
            }
            let _ = writeln!(out, "{}", row.note);
        }
        if !self.latencies.is_empty() {
            let _ = write!(out, "\n{:LABEL_WIDTH$}", "latency, ms");
            for (name, _) in QUANTILES {
                let _ = write!(out, "{name:>VALUE_WIDTH$}");
            }
            out.push('\n');
        }
        for (name, values) in &self.latencies {
            let _ = write!(out, "{:LABEL_WIDTH$}", latency_label(name));
            for value in values {
                let _ = write!(out, "{:>VALUE_WIDTH$}", grouped(*value, 3));
            }
            out.push('\n');
        }
        out.push_str(&self.body);
        for (number, note) in self.notes.iter().enumerate() {
            let _ = writeln!(out, "{}{note}", if number == 0 { "\n" } else { "" });
        }
        out
    }

    /// Returns the JSON object for programs.
    pub(super) fn json(&self) -> String {
        let mut object = self.object.clone();
        object.insert("scenario".to_owned(), json!(self.title));
        object.insert("about".to_owned(), json!(self.about));
        object.insert("notes".to_owned(), json!(self.notes));
        for (index, name) in ["median", "least", "most"].into_iter().enumerate() {
            let values: Map<String, Value> =
                self.rows.iter().map(|row| (row.key.clone(), json!(row.summary()[index]))).collect();
            object.insert(name.to_owned(), values.into());
        }
        let latencies: Map<String, Value> = self
            .latencies
            .iter()
            .map(|(name, values)| {
                let quantiles: Map<String, Value> = QUANTILES
                    .iter()
                    .zip(values)
                    .map(|((quantile, _), value)| ((*quantile).to_owned(), json!(value)))
                    .collect();
                ((*name).to_owned(), quantiles.into())
            })
            .collect();
        object.insert("latency_ms".to_owned(), latencies.into());
        format!("{}\n", Value::from(object))
    }
}

fn run_json(result: &RunResult) -> Value {
    let mut object: Map<String, Value> =
        result.counts.iter().map(|count| (count.plural.to_owned(), json!(count.count))).collect();
    object.insert("seconds".to_owned(), json!(result.elapsed.as_secs_f64()));
    object.into()
}

/// Returns the quantiles of a latency in milliseconds: the median of all runs, and for the maximum the maximum of all runs.
fn percentiles(results: &[RunResult], name: &str) -> Vec<f64> {
    let over_runs = |(_, quantile): &(&str, f64)| {
        let values = results.iter().filter_map(|result| result.latency(name, *quantile));
        let values: Vec<f64> = values.map(|latency| latency.as_secs_f64() * 1e3).collect();
        if *quantile < 1.0 { median(values) } else { values.into_iter().fold(0.0, f64::max) }
    };
    QUANTILES.iter().map(over_runs).collect()
}

fn latency_label(name: &str) -> &str {
    match name {
        "acknowledgement" => "send to acknowledgement",
        "delivery" => "send to delivery to the others",
        "lateness" => "how late the client sent",
        "edit" => "edit to acknowledgement",
        "reaction" => "storm's begin to a reaction's answer",
        "bystander" => "bystander's send to its return",
        other => other,
    }
}
