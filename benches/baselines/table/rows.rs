//! The rows of the table: the cases, their baselines and their goals.

use super::runner::Baseline;

/// A value in the JSON of `chinwag bench`.
#[derive(Clone, Copy)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// The JSON pointer of the value.
    pub(super) pointer: &'static str,
    pub(super) decimals: usize,
}

const PER_DELIVERY: Metric =
    Metric { name: "server CPU a delivery, µs", pointer: "/median/server_us_per_delivery", decimals: 2 };
const PER_MESSAGE: Metric =
    Metric { name: "server CPU a message, µs", pointer: "/median/server_us_per_message", decimals: 1 };
const MESSAGES: Metric = Metric { name: "messages/s", pointer: "/median/messages_per_second", decimals: 0 };
const DELIVERIES: Metric = Metric { name: "deliveries/s", pointer: "/median/deliveries_per_second", decimals: 0 };
const P50: Metric = Metric { name: "send to delivery, p50, ms", pointer: "/latency_ms/delivery/p50", decimals: 3 };
const P99: Metric = Metric { name: "send to delivery, p99, ms", pointer: "/latency_ms/delivery/p99", decimals: 3 };
const IDLE: Metric = Metric { name: "KiB a connection, idle", pointer: "/memory/1/kib_per_connection", decimals: 2 };
/// The fourth state, after "before", "idle" and "right after", is the only one of `--after`.
const LATER: Metric =
    Metric { name: "KiB a connection, 30 s after a burst", pointer: "/memory/3/kib_per_connection", decimals: 2 };
const CONNECTIONS: Metric = Metric { name: "connections/s", pointer: "/median/connections_per_second", decimals: 0 };
const PAGES: Metric = Metric { name: "pages/s", pointer: "/median/pages_per_second", decimals: 0 };

/// The goal of a metric. A baseline is given by its index among the row's baselines.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// At most this many times the baseline's value.
    AtMostTimes(f64, usize),
    /// At least this many times the baseline's value, on SQLite and on PostgreSQL.
    AtLeastTimes([f64; 2], usize),
    /// At most this value.
    AtMost(f64),
    /// At least this value, on SQLite and on PostgreSQL.
    AtLeast([f64; 2]),
    /// The ratio to the baseline grows at most this many times from the first size to the last.
    GrowsAtMost(f64, usize),
}

/// A row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Arguments of `chinwag bench`: one case, or one for each size.
    pub(super) cases: &'static [&'static str],
    pub(super) baselines: &'static [Baseline],
    pub(super) goals: &'static [(Metric, Bound)],
}

const RELAY_JOIN: Baseline = Baseline { name: "relay --join", mode: &["relay", "--join"] };
const RELAY: Baseline = Baseline { name: "relay", mode: &["relay"] };
const RELAY_COMMIT: Baseline =
    Baseline { name: "relay --join --commit", mode: &["relay", "--join", "--commit", "DATABASE"] };
const BUN: Baseline = Baseline { name: "bun", mode: &["bun"] };
const STATIC_PAGE: Baseline = Baseline { name: "static-page", mode: &["static-page"] };

/// All rows. The goals are those of issue 4.
pub(super) const ROWS: [Row; 10] = [
    Row {
        name: "fanout",
        cases: &["fanout --members 1000 --publishers 1 --window 4"],
        baselines: &[RELAY_JOIN, BUN],
        goals: &[(PER_DELIVERY, Bound::AtMostTimes(1.3, 0)), (PER_DELIVERY, Bound::AtMostTimes(1.0, 1))],
    },
    Row {
        name: "fanout-10",
        cases: &["fanout --members 1000 --publishers 10 --window 4"],
        baselines: &[RELAY_JOIN, BUN],
        goals: &[
            (PER_DELIVERY, Bound::AtMostTimes(1.5, 0)),
            (PER_DELIVERY, Bound::AtMostTimes(1.0, 1)),
            (DELIVERIES, Bound::AtLeast([2e6, 2e6])),
        ],
    },
    Row {
        name: "fanout-slow",
        cases: &["fanout --members 1000 --publishers 1 --rate 20"],
        baselines: &[RELAY, BUN],
        goals: &[(PER_DELIVERY, Bound::AtMostTimes(1.15, 0))],
    },
    Row {
        name: "pairs",
        cases: &["pairs --conversations 100 --window 4"],
        baselines: &[RELAY_COMMIT, BUN],
        goals: &[(MESSAGES, Bound::AtLeast([60_000.0, 35_000.0]))],
    },
    Row {
        name: "latency",
        cases: &["pairs --conversations 100 --rate 1000"],
        baselines: &[RELAY_COMMIT],
        goals: &[(P50, Bound::AtMostTimes(2.0, 0)), (P99, Bound::AtMostTimes(2.0, 0))],
    },
    Row {
        name: "memory",
        cases: &["idle --connections 10000 --room 100 --after 30"],
        baselines: &[RELAY, BUN],
        goals: &[(IDLE, Bound::AtMost(3.0)), (LATER, Bound::AtMost(3.0))],
    },
    Row {
        name: "connect",
        cases: &["connect --connections 20000"],
        baselines: &[BUN, RELAY],
        goals: &[(CONNECTIONS, Bound::AtLeastTimes([0.7, 0.7], 0))],
    },
    Row {
        name: "history",
        cases: &["history --messages 10000 --limit 50"],
        baselines: &[STATIC_PAGE],
        goals: &[(PAGES, Bound::AtLeastTimes([1.0 / 3.0, 1.0 / 8.0], 0))],
    },
    Row {
        name: "growth",
        cases: &[
            "fanout --members 100 --publishers 1 --window 4",
            "fanout --members 1000 --publishers 1 --window 4",
            "fanout --members 10000 --publishers 1 --window 4",
        ],
        baselines: &[RELAY_JOIN],
        goals: &[(PER_DELIVERY, Bound::GrowsAtMost(1.3, 0))],
    },
    Row {
        name: "conversations",
        cases: &[
            "pairs --conversations 10 --users 20 --rate 5000",
            "pairs --conversations 1000 --users 1000 --rate 5000",
            "pairs --conversations 10000 --users 1000 --rate 5000",
        ],
        baselines: &[RELAY_JOIN],
        goals: &[(PER_MESSAGE, Bound::GrowsAtMost(1.3, 0))],
    },
];
