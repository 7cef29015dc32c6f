//! What is printed: a table for people or one JSON object for programs.

use std::fmt::Write;
use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use super::idle::Memory;
use super::options::{Load, Pace, Scenario};
use super::run_result::{Figures, median};

/// The parts of all that a latency is told for, and their names.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
/// Widths of the table's first columns and of each figure.
const LABEL: usize = 34;
const UNIT: usize = 6;
const FIGURE: usize = 14;

/// What a scenario came to, ready to be printed.
pub(super) struct Report {
    title: String,
    about: String,
    rows: Vec<Row>,
    latencies: Vec<(&'static str, Vec<f64>)>,
    /// What no row has room for.
    body: String,
    notes: Vec<String>,
    object: Map<String, Value>,
}

/// A figure of each run.
struct Row {
    key: String,
    label: String,
    unit: &'static str,
    decimals: usize,
    values: Vec<f64>,
    /// Stands behind the figures.
    note: String,
    /// Whether it is for programs alone.
    hidden: bool,
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
            hidden: false,
        }
    }

    /// Median, least and most.
    fn three(&self) -> [f64; 3] {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [median(self.values.clone()), least, most]
    }
}

impl Report {
    /// Of a scenario's runs.
    pub(super) fn new(title: String, server: &str, pace: &Pace, figures: &[Figures]) -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let about = format!(
            "{server}; client, server and database share {cores} cores; {} of {:?} after {:?} of warm-up",
            many(pace.runs.get(), "run"),
            pace.seconds,
            pace.warm_up
        );
        let names: Vec<&'static str> =
            figures.first().map(|first| first.latencies.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
        let latencies = names.into_iter().map(|name| (name, percentiles(figures, name))).collect();
        let mut notes = Vec::new();
        if server.contains("PostgreSQL") {
            notes.push("PostgreSQL's own CPU time is not in the server's.".to_owned());
        }
        if figures.iter().any(|figures| figures.server.is_none()) {
            notes.push("The server's CPU time is not known; --pid names its process.".to_owned());
        }
        let mut report =
            Self { title, about, rows: rows(figures), latencies, body: String::new(), notes, object: Map::new() };
        report.object.insert("missing".to_owned(), json!(0));
        report.object.insert("runs".to_owned(), figures.iter().map(run).collect());
        report
    }

    /// Of connections' memory.
    #[allow(clippy::cast_precision_loss)] // figures for people
    pub(super) fn of_memory(title: String, place: &str, memory: &Memory) -> Self {
        let mut states =
            vec![("before the first connection".to_owned(), memory.before), ("idle".to_owned(), memory.idle)];
        states.extend(memory.after.iter().map(|(after, bytes)| match after.as_secs() {
            0 => ("right after the burst".to_owned(), *bytes),
            seconds => (format!("{seconds} s after the burst"), *bytes),
        }));
        let mut body =
            format!("\n{:LABEL$}{:>FIGURE$}{:>22}\n", "memory of the server", "resident, MiB", "KiB a connection");
        for (name, bytes) in &states {
            let resident = grouped(*bytes as f64 / 1024.0 / 1024.0, 1);
            let _ =
                writeln!(body, "{name:LABEL$}{resident:>FIGURE$}{:>22}", grouped(memory.kib_per_connection(*bytes), 2));
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
            about: place.to_owned(),
            rows: Vec::new(),
            latencies: Vec::new(),
            body,
            notes: vec![note],
            object,
        }
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut out = format!("{}\n{}\n", self.title, self.about);
        if !self.rows.is_empty() {
            let _ = write!(out, "\n{:LABEL$}{:UNIT$}", "", "");
            for name in ["median", "least", "most"] {
                let _ = write!(out, "{name:>FIGURE$}");
            }
            out.push('\n');
        }
        for row in self.rows.iter().filter(|row| !row.hidden) {
            let _ = write!(out, "{:LABEL$}{:>UNIT$}", row.label, row.unit);
            for value in row.three() {
                let _ = write!(out, "{:>FIGURE$}", grouped(value, row.decimals));
            }
            let _ = writeln!(out, "{}", row.note);
        }
        if !self.latencies.is_empty() {
            let _ = write!(out, "\n{:LABEL$}", "latency, ms");
            for (name, _) in QUANTILES {
                let _ = write!(out, "{name:>FIGURE$}");
            }
            out.push('\n');
        }
        for (name, values) in &self.latencies {
            let _ = write!(out, "{:LABEL$}", latency_label(name));
            for value in values {
                let _ = write!(out, "{:>FIGURE$}", grouped(*value, 3));
            }
            out.push('\n');
        }
        out.push_str(&self.body);
        for (number, note) in self.notes.iter().enumerate() {
            let _ = writeln!(out, "{}{note}", if number == 0 { "\n" } else { "" });
        }
        out
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let mut object = self.object.clone();
        object.insert("scenario".to_owned(), json!(self.title));
        object.insert("about".to_owned(), json!(self.about));
        object.insert("notes".to_owned(), json!(self.notes));
        for (place, name) in ["median", "least", "most"].into_iter().enumerate() {
            let figures: Map<String, Value> =
                self.rows.iter().map(|row| (row.key.clone(), json!(row.three()[place]))).collect();
            object.insert(name.to_owned(), figures.into());
        }
        let latencies: Map<String, Value> = self
            .latencies
            .iter()
            .map(|(name, values)| {
                let parts: Map<String, Value> =
                    QUANTILES.iter().zip(values).map(|((part, _), value)| ((*part).to_owned(), json!(value))).collect();
                ((*name).to_owned(), parts.into())
            })
            .collect();
        object.insert("latency_ms".to_owned(), latencies.into());
        format!("{}\n", Value::from(object))
    }
}

fn rows(figures: &[Figures]) -> Vec<Row> {
    let each = |of: &dyn Fn(&Figures) -> f64| figures.iter().map(of).collect::<Vec<f64>>();
    let mut rows = Vec::new();
    let counts = figures.first().map(|first| first.counts.clone()).unwrap_or_default();
    for count in &counts {
        let values = each(&|figures| figures.rate(count.many));
        rows.push(Row::new(&format!("{}_per_second", count.many), count.many, "/s", 0, values));
    }
    let server: Option<Vec<_>> = figures.iter().map(|figures| figures.server).collect();
    for count in counts.iter().filter(|_| server.is_some()) {
        let of = |part: fn(super::Cpu) -> std::time::Duration| {
            each(&|figures| figures.micros(part(figures.server.unwrap_or_default()), count.many))
        };
        let label = format!("server CPU per {}", count.one);
        let mut row = Row::new(&format!("server_us_per_{}", count.one), &label, "µs", 2, of(super::Cpu::total));
        let (user, system) = (median(of(|cpu| cpu.user)), median(of(|cpu| cpu.system)));
        row.note = format!("   = {} user + {} system", grouped(user, 2), grouped(system, 2));
        rows.push(row);
        for (part, value) in [("user", of(|cpu| cpu.user)), ("system", of(|cpu| cpu.system))] {
            let key = format!("server_{part}_us_per_{}", count.one);
            rows.push(Row { hidden: true, ..Row::new(&key, "", "µs", 2, value) });
        }
    }
    if let Some(count) = counts.last() {
        let values = each(&|figures| figures.micros(figures.client.total(), count.many));
        let label = format!("client CPU per {}", count.one);
        rows.push(Row::new(&format!("client_us_per_{}", count.one), &label, "µs", 2, values));
    }
    let shares: Option<Vec<f64>> = figures.iter().map(|figures| Some(100.0 * figures.client_share()?)).collect();
    if let Some(shares) = shares {
        rows.push(Row::new("client_share_percent", "client's share of both's CPU", "%", 1, shares));
    }
    if counts.iter().any(|count| count.many == "deliveries") {
        // Else there would be no figures.
        rows.push(Row::new("missing", "missing, doubled, out of order", "", 0, each(&|_| 0.0)));
    }
    rows
}

/// A run's counts and times.
fn run(figures: &Figures) -> Value {
    let mut object: Map<String, Value> =
        figures.counts.iter().map(|count| (count.many.to_owned(), json!(count.count))).collect();
    object.insert("seconds".to_owned(), json!(figures.elapsed.as_secs_f64()));
    object.into()
}

/// Of each run's percentile the median, of the longest the longest; in milliseconds.
fn percentiles(figures: &[Figures], name: &str) -> Vec<f64> {
    let of = |(_, part): &(&str, f64)| {
        let values = figures.iter().filter_map(|figures| figures.latency(name, *part));
        let values: Vec<f64> = values.map(|latency| latency.as_secs_f64() * 1e3).collect();
        if *part < 1.0 { median(values) } else { values.into_iter().fold(0.0, f64::max) }
    };
    QUANTILES.iter().map(of).collect()
}

fn latency_label(name: &str) -> &str {
    match name {
        "acknowledgement" => "send to acknowledgement",
        "delivery" => "send to delivery to the others",
        "lateness" => "how late the client sent",
        other => other,
    }
}

/// The scenario and its parameters, as a sentence.
pub(super) fn title(scenario: &Scenario) -> String {
    match scenario {
        Scenario::Fanout(options) => format!(
            "one room of {}, {}, {}",
            many(options.members.get(), "member"),
            many(options.publishers.get(), "publisher"),
            sends(&options.load)
        ),
        Scenario::Pairs(options) => {
            let users = options.users.map(|users| format!(", shared by {} on /ws", many(users.get(), "user")));
            format!(
                "{} of two{}, all send, {}",
                many(options.conversations.get(), "conversation"),
                users.unwrap_or_default(),
                sends(&options.load)
            )
        }
        Scenario::Rooms(options) => format!(
            "{} of {} drawn from {} on /ws, {}, {}",
            many(options.rooms.get(), "room"),
            many(options.members.get(), "member"),
            many(options.users.get(), "user"),
            many(options.publishers.get(), "publisher"),
            sends(&options.load)
        ),
        Scenario::Idle(options) => format!(
            "{} in rooms of {}, idle and after a burst",
            many(options.connections.get(), "connection"),
            options.room
        ),
        Scenario::Connect(options) => {
            format!("connections to /ws/{{id}}, {} at a time, until {} are open", options.at_once, options.connections)
        }
        Scenario::History(options) => format!(
            "pages of {} from a conversation of {}, over {}",
            options.limit,
            many(options.messages.get(), "message"),
            many(options.connections.get(), "connection")
        ),
        Scenario::Login(options) => {
            let beside = options.beside.map(|rate| format!(", beside {} messages/s", grouped(rate.get().into(), 0)));
            format!("logins, {} at a time{}", options.at_once, beside.unwrap_or_default())
        }
    }
}

fn sends(load: &Load) -> String {
    match load.rate {
        Some(rate) => format!("{} messages/s in all (open loop)", grouped(rate.get().into(), 0)),
        None => format!("each with {} under way (closed loop)", load.window),
    }
}

/// So many of them, in words.
#[allow(clippy::cast_precision_loss)] // figures for people
pub(super) fn many(count: usize, one: &str) -> String {
    format!("{} {one}{}", grouped(count as f64, 0), if count == 1 { "" } else { "s" })
}

/// A number with so many decimals and commas between the thousands.
pub(super) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
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
    fn thousands_stand_apart() {
        for (value, decimals, text) in
            [(0.0, 0, "0"), (999.0, 0, "999"), (1_234_567.0, 0, "1,234,567"), (1_000.456, 2, "1,000.46")]
        {
            assert_eq!(grouped(value, decimals), text);
        }
    }
}
