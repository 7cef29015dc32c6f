//! The printed report: a table for people, or one JSON object for programs.

use std::fmt::Write;
use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use super::idle::Memory;
use super::options::{Load, RunSettings, Scenario};
use super::run_result::{RunResult, median};

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

/// One value of each run.
struct Row {
    key: String,
    label: String,
    unit: &'static str,
    decimals: usize,
    values: Vec<f64>,
    /// Follows the values in the table.
    note: String,
    /// The row is in the JSON object but not in the table.
    json_only: bool,
}

impl Row {
    fn new(key: &str, label: &str, unit: &'static str, decimals: usize, values: Vec<f64>) -> Self {
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
    fn summary(&self) -> [f64; 3] {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [median(self.values.clone()), least, most]
    }
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

fn rows(results: &[RunResult]) -> Vec<Row> {
    let each = |value: &dyn Fn(&RunResult) -> f64| results.iter().map(value).collect::<Vec<f64>>();
    let mut rows = Vec::new();
    let counts = results.first().map(|first| first.counts.clone()).unwrap_or_default();
    for count in &counts {
        let values = each(&|result| result.rate(count.plural));
        rows.push(Row::new(&format!("{}_per_second", count.plural), count.plural, "/s", 0, values));
    }
    let server: Option<Vec<_>> = results.iter().map(|result| result.server).collect();
    for count in counts.iter().filter(|_| server.is_some()) {
        let server_micros = |part: fn(super::CpuTime) -> std::time::Duration| {
            each(&|result| result.micros_per(part(result.server.unwrap_or_default()), count.plural))
        };
        let label = format!("server CPU per {}", count.singular);
        let mut row = Row::new(
            &format!("server_us_per_{}", count.singular),
            &label,
            "µs",
            2,
            server_micros(super::CpuTime::total),
        );
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

/// Describes the scenario and its parameters in a sentence.
pub(super) fn title(scenario: &Scenario) -> String {
    match scenario {
        Scenario::Fanout(options) => format!(
            "one room of {}, {}, {}",
            counted(options.members.get(), "member"),
            counted(options.publishers.get(), "publisher"),
            describe_load(&options.load)
        ),
        Scenario::Pairs(options) => {
            let users = options.users.map(|users| format!(", shared by {} on /ws", counted(users.get(), "user")));
            format!(
                "{} of two{}, all send, {}",
                counted(options.conversations.get(), "conversation"),
                users.unwrap_or_default(),
                describe_load(&options.load)
            )
        }
        Scenario::Rooms(options) => format!(
            "{} of {} drawn from {} on /ws, {}, {}",
            counted(options.rooms.get(), "room"),
            counted(options.members.get(), "member"),
            counted(options.users.get(), "user"),
            counted(options.publishers.get(), "publisher"),
            describe_load(&options.load)
        ),
        Scenario::Crowd(options) => format!(
            "one group of {}, each with {}; {} one after another",
            counted(options.members.get(), "member"),
            counted(options.connections.get(), "connection"),
            counted(options.messages.get(), "message")
        ),
        Scenario::Listen(options) => format!("listening on {}", options.address),
        Scenario::Edits(options) => format!(
            "{} of two, {}, each with {} under way (closed loop), beside a bystander's {} messages/s (open loop)",
            counted(options.conversations.get(), "conversation"),
            counted(options.editors(), "editor"),
            options.window,
            grouped(options.rate.get().into(), 0)
        ),
        Scenario::Reactions(options) => {
            format!("one room of {}, who all react to one message at once", counted(options.members.get(), "member"))
        }
        Scenario::Idle(options) => format!(
            "{} in rooms of {}, idle and after a burst",
            counted(options.connections.get(), "connection"),
            options.room
        ),
        Scenario::Connect(options) => {
            format!("connections to /ws/{{id}}, {} at a time, until {} are open", options.at_once, options.connections)
        }
        Scenario::History(options) => format!(
            "pages of {} from a conversation of {}, over {}",
            options.limit,
            counted(options.messages.get(), "message"),
            counted(options.connections.get(), "connection")
        ),
        Scenario::Login(options) => {
            let beside = options.beside.map(|rate| format!(", beside {} messages/s", grouped(rate.get().into(), 0)));
            format!("logins, {} at a time{}", options.at_once, beside.unwrap_or_default())
        }
    }
}

fn describe_load(load: &Load) -> String {
    match load.rate {
        Some(rate) => format!("{} messages/s in all (open loop)", grouped(rate.get().into(), 0)),
        None => format!("each with {} under way (closed loop)", load.window),
    }
}

/// Returns a count with its noun, such as `2 runs`.
#[allow(clippy::cast_precision_loss)] // rounded for people
fn counted(count: usize, singular: &str) -> String {
    format!("{} {singular}{}", grouped(count as f64, 0), if count == 1 { "" } else { "s" })
}

/// Formats a number with `decimals`, and with commas between the thousands.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn commas_separate_thousands() {
        for (value, decimals, text) in
            [(0.0, 0, "0"), (999.0, 0, "999"), (1_234_567.0, 0, "1,234,567"), (1_000.456, 2, "1,000.46")]
        {
            assert_eq!(grouped(value, decimals), text);
        }
    }
}
