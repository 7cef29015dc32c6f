//! The command line's options. Those of the scenarios are public, so that another program can call the scenarios.
//!
//! clap prints the comments of options and scenarios as the help.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::domain::ConversationId;

/// Longest run, in seconds: an hour, much less than the lifetime of the tokens.
const RUN_SECONDS_MAX: f64 = 3_600.0;

/// Measures how fast a server is, and how much of the machine it takes: chinwag bench SCENARIO.
///
/// It prepares accounts and conversations in a database of its own, starts a server on it, drives it with a client
/// of one thread, and prints the median, the least and the most of some runs. Every delivery is counted, and its
/// number, its id and its order are checked: with anything missing, doubled or out of order there is an error and
/// no figure. Messages have 64 bytes and are committed to disk before they are delivered, as always; only the limits
/// of rates are off. Latency is taken at the senders and at the first 32 members of each room.
#[derive(Clone, Debug, Parser)]
#[command(verbatim_doc_comment, name = "chinwag bench", bin_name = "chinwag bench", version, max_term_width = 110)]
pub(super) struct Bench {
    #[command(subcommand)]
    pub(super) scenario: Scenario,

    #[command(flatten)]
    pub(super) common: Common,
}

/// A scenario with its options.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Scenario {
    /// One room of many: messages go to every member
    Fanout(Fanout),
    /// Many conversations of two, whose members all send
    Pairs(Pairs),
    /// Many rooms that share members, of whom each hears all of theirs on one connection
    Rooms(Rooms),
    /// Messages that are edited again and again, beside a bystander who sends
    Edits(Edits),
    /// A storm: all members of a room react to one message at once; a run is one storm
    Reactions(Reactions),
    /// Memory of idle connections, before and after a burst
    Idle(Idle),
    /// Connections that are opened, greeted and kept, one after another or many at once
    Connect(Connect),
    /// Pages of a conversation's history
    History(History),
    /// Logins with real passwords, and whether they disturb messages
    Login(Login),
    /// One group with more connections than a process may have: one message to all, on all --nodes
    Crowd(Crowd),
    /// Holds the connections of a crowd to one node
    #[command(hide = true)]
    Listen(Listen),
}

/// The length and the number of the runs.
#[derive(Clone, Debug, Args)]
pub struct RunSettings {
    /// How long a run lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds, global = true)]
    pub seconds: Duration,

    /// How long it goes before the first run, in seconds; may be 0
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_seconds_or_zero, global = true)]
    pub warm_up: Duration,

    /// How many runs there are; median, least and most are printed
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "3", global = true)]
    pub runs: NonZeroUsize,
}

/// The options of every scenario.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) settings: RunSettings,

    /// Prints one JSON object instead of the table
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// The database of the server that is started: postgres://…, postgresql://…
    /// or sqlite:FILE. It is filled with accounts and messages, so give it one of
    /// its own [default: SQLite in a folder below $TMPDIR or /tmp, then removed]
    #[arg(verbatim_doc_comment, long, value_name = "URL", global = true, conflicts_with = "url")]
    pub(super) database_url: Option<String>,

    /// How many nodes are started on the PostgreSQL database; the members of each
    /// conversation are spread over them
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "1", global = true, conflicts_with = "url")]
    pub(super) nodes: NonZeroUsize,

    /// The NATS servers that join the nodes; without it they find each other through
    /// PostgreSQL
    #[arg(verbatim_doc_comment, long, value_name = "URL", global = true, conflicts_with = "url")]
    pub(super) nats_url: Option<String>,

    /// Measures a server that runs already, such as http://127.0.0.1:8080. At most
    /// 64 accounts are made, through its front door; they share the connections.
    /// Its limits of rates should be off (CHINWAG_RATE_LIMITS=off)
    #[arg(verbatim_doc_comment, long, value_name = "URL", global = true)]
    pub(super) url: Option<String>,

    /// The process of the server at --url, if it is on this machine: its CPU time
    /// and memory are read from /proc
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_whole::<u32>, global = true, requires = "url")]
    pub(super) pid: Option<u32>,
}

/// One room of many.
#[derive(Clone, Debug, Args)]
pub struct Fanout {
    /// Members of the room, each with a connection to /ws/{id}
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "1000")]
    pub members: NonZeroUsize,

    /// Members who send
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "1")]
    pub publishers: NonZeroUsize,

    /// The load model.
    #[command(flatten)]
    pub load: Load,
}

/// Many conversations of two.
#[derive(Clone, Debug, Args)]
pub struct Pairs {
    /// Conversations of two; both members send
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "100")]
    pub conversations: NonZeroUsize,

    /// Users who share the conversations, each with one connection to /ws that hears
    /// all of theirs [default: two users for each conversation, each with a
    /// connection to its /ws/{id}]
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>)]
    pub users: Option<NonZeroUsize>,

    /// The first member of each conversation sends, and the second listens. With two
    /// --nodes each message is then delivered once by its own node and once by the other
    #[arg(verbatim_doc_comment, long)]
    pub one_way: bool,

    /// The load model.
    #[command(flatten)]
    pub load: Load,
}

/// Many rooms that share members.
#[derive(Clone, Debug, Args)]
pub struct Rooms {
    /// Rooms
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "100")]
    pub rooms: NonZeroUsize,

    /// Members of each room
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "50")]
    pub members: NonZeroUsize,

    /// Users that the members are drawn from, each with one connection to /ws that
    /// hears all of their rooms
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "500")]
    pub users: NonZeroUsize,

    /// Members who send, each in a room of their own as long as there are enough
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "10")]
    pub publishers: NonZeroUsize,

    /// The load model.
    #[command(flatten)]
    pub load: Load,
}

/// Messages that are edited again and again.
#[derive(Clone, Debug, Args)]
pub(super) struct Edits {
    /// Conversations of two
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "100")]
    pub(super) conversations: NonZeroUsize,

    /// Conversations in which a member edits a message of its own; 0 leaves the
    /// bystander alone [default: all]
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_whole::<usize>)]
    pub(super) editors: Option<usize>,

    /// Edits that an editor has under way: when one comes back, the next one leaves
    /// (closed loop)
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>, default_value = "1")]
    pub(super) window: NonZeroU32,

    /// Messages a second that the bystander sends in a conversation of its own,
    /// whatever comes back (open loop); their CPU time counts towards the edits
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>, default_value = "100")]
    pub(super) rate: NonZeroU32,
}

/// All members react to one message.
#[derive(Clone, Debug, Args)]
pub(super) struct Reactions {
    /// Members of the room, each with a connection to /ws/{id}, who all react
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "5000")]
    pub(super) members: NonZeroUsize,
}

/// Memory of idle connections.
#[derive(Clone, Debug, Args)]
pub struct Idle {
    /// Connections to /ws/{id}
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "10000")]
    pub connections: NonZeroUsize,

    /// Members of each room that the connections are in
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "100")]
    pub room: NonZeroUsize,

    /// Messages to each room in the burst, of which 4 are under way
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>, default_value = "20")]
    pub burst: NonZeroU32,

    /// When memory is looked at after the burst: seconds, rising, with commas between
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "5,10,20,30")]
    pub after: Vec<u16>,
}

/// Connections opened a second.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    /// Connections that are kept at the most; with so many the run ends
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "5000")]
    pub connections: NonZeroUsize,

    /// Connections that are opened at a time: 1 for one client in a row, many for a storm
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "1")]
    pub at_once: NonZeroUsize,
}

/// Pages of history read a second.
#[derive(Clone, Debug, Args)]
pub struct History {
    /// Messages in the conversation; each page is from anywhere among them
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "10000")]
    pub messages: NonZeroUsize,

    /// Messages of a page, at most 200
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = clap::value_parser!(u8).range(1..=200))]
    pub limit: u8,

    /// HTTP/1.1 connections, each of which asks for page after page
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "4")]
    pub connections: NonZeroUsize,

    /// Check that each page has the sequence numbers that it should have. A baseline that always returns the same page, of `limit`
    /// items, needs false.
    #[arg(skip = true)]
    pub checks_seq: bool,
}

/// Logins a second.
#[derive(Clone, Debug, Args)]
pub struct Login {
    /// Accounts that log in by turns; each is registered first
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "8")]
    pub accounts: NonZeroUsize,

    /// Logins under way at a time
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "2")]
    pub at_once: NonZeroUsize,

    /// Messages a second in 10 conversations of two (open loop), first alone and then
    /// beside the logins [default: none]
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>)]
    pub beside: Option<NonZeroU32>,
}

/// One group with very many connections.
#[derive(Clone, Debug, Args)]
pub struct Crowd {
    /// Members of the group
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "1000")]
    pub members: NonZeroUsize,

    /// Connections of each member to the group's /ws/{id}, spread over all nodes
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "2")]
    pub connections: NonZeroUsize,

    /// Messages that are sent, one after another
    #[arg(long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroUsize>, default_value = "5")]
    pub messages: NonZeroUsize,
}

/// The connections of a crowd to one node.
#[derive(Clone, Debug, Args)]
pub(super) struct Listen {
    /// The node
    pub(super) address: SocketAddr,

    /// The group
    #[arg(value_parser = parse_conversation)]
    pub(super) conversation_id: ConversationId,
}

fn parse_conversation(text: &str) -> Result<ConversationId, String> {
    ConversationId::parse(text).ok_or_else(|| "takes the id of a conversation".to_owned())
}

/// The load model: a closed loop, or an open loop with a fixed rate.
#[derive(Clone, Debug, Args)]
pub struct Load {
    /// Sends that a sender has under way in a conversation: when one comes back, the
    /// next one leaves (closed loop)
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>, default_value = "4")]
    pub window: NonZeroU32,

    /// Messages a second in all, spread evenly over time and senders, whatever comes
    /// back (open loop); latency is then counted from when a message should have
    /// been sent [default: closed loop]
    #[arg(verbatim_doc_comment, long, value_name = "NUMBER", value_parser = parse_positive::<NonZeroU32>, conflicts_with = "window")]
    pub rate: Option<NonZeroU32>,
}

/// Reads a number that is not 0. The type's own errors speak of digits and of its zero.
fn parse_positive<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "takes a whole number from 1 on".to_owned())
}

fn parse_whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "takes a whole number".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    parse_seconds_or_zero(text).ok().filter(|duration| !duration.is_zero()).ok_or_else(seconds_expected)
}

fn parse_seconds_or_zero(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=RUN_SECONDS_MAX).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(seconds_expected)
}

fn seconds_expected() -> String {
    format!("takes seconds, such as 5 or 0.5; at most {RUN_SECONDS_MAX}")
}
