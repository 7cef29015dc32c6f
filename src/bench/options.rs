//! What the command line asks for. The scenarios' own options are public, so that a program can drive them as well.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Longest run, in seconds: an hour, well within the life of the tokens that are made for it.
const LONGEST: f64 = 3_600.0;

/// Measures how fast a server is, and how much of the machine it takes: chinwag bench SCENARIO.
///
/// It prepares accounts and conversations in a database of its own, starts a server on it, drives it with a client that takes one
/// core at the most, and prints the median, the least and the most of some runs. Every delivery is counted and its number, its id
/// and its place checked: with anything missing, doubled or out of order there is an error and no figure. All that is
/// measured is committed to disk first, as always; only the limits of rates are off.
#[derive(Clone, Debug, Parser)]
#[command(name = "chinwag bench", bin_name = "chinwag bench", version, max_term_width = 110)]
pub(super) struct Bench {
    /// What is measured.
    #[command(subcommand)]
    pub(super) scenario: Scenario,

    /// How long, how often and of whom.
    #[command(flatten)]
    pub(super) common: Common,
}

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Scenario {
    /// One room of many: messages go to every member
    Fanout(Fanout),
    /// Many conversations of two, whose members all send
    Pairs(Pairs),
    /// Many rooms that share members, of whom each hears all of theirs on one connection
    Rooms(Rooms),
}

/// How long and how often.
#[derive(Clone, Debug, Args)]
pub struct Pace {
    /// How long a run lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, global = true)]
    pub seconds: Duration,

    /// How long everything runs before the first run, in seconds; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds_or_none, global = true)]
    pub warm_up: Duration,

    /// How many runs there are; median, least and most are printed
    #[arg(long, value_name = "NUMBER", default_value = "3", global = true)]
    pub runs: NonZeroUsize,
}

/// What every scenario takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) pace: Pace,

    /// Prints one JSON object instead of the table
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// The database of the server that is started: postgres://…, postgresql://… or sqlite:FILE. It is filled with what the bench
    /// needs, so give it one of its own [default: SQLite in a folder below $TMPDIR or /tmp that is removed afterwards]
    #[arg(long, value_name = "URL", global = true, conflicts_with = "url")]
    pub(super) database_url: Option<String>,

    /// Measures a server that runs already, such as http://127.0.0.1:8080. Accounts are then made through its front door, at most
    /// 64 of them, which share the connections; its limits of rates should be off (CHINWAG_RATE_LIMITS=off)
    #[arg(long, value_name = "URL", global = true)]
    pub(super) url: Option<String>,

    /// The process of the server at --url, if it is on this machine: its CPU time and memory are read from /proc
    #[arg(long, value_name = "NUMBER", global = true, requires = "url")]
    pub(super) pid: Option<u32>,
}

/// One room of many.
#[derive(Clone, Debug, Args)]
pub struct Fanout {
    /// Members of the room, each with a connection to /ws/{id}
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    pub members: NonZeroUsize,

    /// Members who send
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub publishers: NonZeroUsize,

    /// How they send.
    #[command(flatten)]
    pub load: Load,
}

/// Many conversations of two.
#[derive(Clone, Debug, Args)]
pub struct Pairs {
    /// Conversations of two; both members send
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    pub conversations: NonZeroUsize,

    /// Users who share the conversations, each with one connection to /ws that hears all of theirs [default: two for each
    /// conversation, each with a connection to its /ws/{id}]
    #[arg(long, value_name = "NUMBER")]
    pub users: Option<NonZeroUsize>,

    /// How they send.
    #[command(flatten)]
    pub load: Load,
}

/// Many rooms that share members.
#[derive(Clone, Debug, Args)]
pub struct Rooms {
    /// Rooms
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    pub rooms: NonZeroUsize,

    /// Members of each room
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    pub members: NonZeroUsize,

    /// Users that the members are drawn from, each with one connection to /ws that hears all of their rooms
    #[arg(long, value_name = "NUMBER", default_value = "500")]
    pub users: NonZeroUsize,

    /// Members who send, each in a room of their own as long as there are enough
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    pub publishers: NonZeroUsize,

    /// How they send.
    #[command(flatten)]
    pub load: Load,
}

/// How senders send: in a closed loop, or at a fixed rate.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// Sends that a sender has under way in a conversation: the next one begins when one comes back (closed loop)
    #[arg(long, value_name = "NUMBER", default_value = "4")]
    pub window: NonZeroU32,

    /// Messages a second in all, spread evenly over time and senders, whatever comes back (open loop). Latency is then counted from
    /// when a message should have been sent [default: closed loop]
    #[arg(long, value_name = "NUMBER", conflicts_with = "window")]
    pub rate: Option<NonZeroU32>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    seconds_or_none(text).ok().filter(|duration| !duration.is_zero()).ok_or_else(takes_seconds)
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=LONGEST).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(takes_seconds)
}

fn takes_seconds() -> String {
    format!("takes seconds, such as 5 or 0.5; at most {LONGEST}")
}
