//! Who is measured: Chinwag by its own command, or a probe by the same clients. Each run has a server of its own.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use chinwag::bench::{self, Connect, Environment, Fanout, History, Idle, Memory, Pairs, Room, RunResult, RunSettings};
use chinwag::domain::ConversationId;
use clap::{Parser, Subcommand};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

use crate::database::{Database, Kind};

/// Conversations of two whose members connect, as `chinwag bench` has them.
const CONNECTING: usize = 100;

/// A mode of this program that serves; `DATABASE` stands for a fresh one's URL.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) mode: &'static [&'static str],
}

/// How a run goes: its length, and where Chinwag keeps what it is sent.
pub(super) struct Manner {
    pub(super) seconds: usize,
    pub(super) store: Kind,
}

/// A line of `chinwag bench`, read as it reads it.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(subcommand)]
    scenario: Scenario,
    #[command(flatten)]
    settings: RunSettings,
}

#[derive(Subcommand)]
enum Scenario {
    Fanout(Fanout),
    Pairs(Pairs),
    Idle(Idle),
    Connect(Connect),
    History(History),
}

impl Manner {
    /// A case, with how long and how often: one run, so that contenders take turns.
    fn line(&self, case: &str) -> Vec<String> {
        let settings = ["--runs", "1", "--warm-up", "1", "--seconds"].map(str::to_owned);
        case.split(' ').map(str::to_owned).chain(settings).chain([self.seconds.to_string()]).collect()
    }

    /// One run of a case on Chinwag: what its command says.
    pub(super) fn chinwag(&self, case: &str) -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.arg("bench").args(self.line(case)).arg("--json").stderr(Stdio::inherit());
        // It has SQLite of its own.
        let database = (self.store == Kind::Postgres).then(|| Database::fresh(self.store)).transpose()?;
        if let Some(database) = &database {
            command.args(["--database-url", &database.url]);
        }
        let output = command.output().map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("chinwag bench {case}: {error}"))
    }

    /// One run of a case on a probe, in the same words.
    pub(super) fn probe(&self, case: &str, probe: &Probe) -> Result<Value, String> {
        let Line { scenario, settings } = Line::try_parse_from(self.line(case)).map_err(|error| error.to_string())?;
        let serving = Serving::start(probe, self.store)?;
        let environment =
            Environment { address: serving.address, pid: Some(serving.process.id()), rooms: scenario.rooms() };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime
            .block_on(scenario.play(&environment, &settings))
            .map_err(|reason| format!("{case} on {}: {reason}", probe.name))
    }
}

impl Scenario {
    /// Conversations that nobody had to make: on `/ws` a token names its user's, everywhere else it is not looked at.
    fn rooms(&self) -> Vec<Room> {
        let room = |members: usize| Room { id: ConversationId::new(), tokens: vec!["probe".to_owned(); members] };
        match self {
            Self::Fanout(options) => vec![room(options.members.get())],
            Self::Pairs(Pairs { conversations, users: Some(users), .. }) => shared(conversations.get(), users.get()),
            Self::Pairs(options) => (0..options.conversations.get()).map(|_| room(2)).collect(),
            Self::Idle(options) => {
                let (all, size) = (options.connections.get(), options.room.get());
                (0..all).step_by(size).map(|first| room(size.min(all - first))).collect()
            }
            Self::Connect(_) => (0..CONNECTING).map(|_| room(2)).collect(),
            Self::History(_) => vec![room(1)],
        }
    }

    async fn play(self, environment: &Environment, settings: &RunSettings) -> Result<Value, String> {
        Ok(match self {
            Self::Fanout(options) => told(&bench::fanout(environment, &options, settings).await?),
            Self::Pairs(options) => told(&bench::pairs(environment, &options, settings).await?),
            Self::Idle(options) => told_memory(&bench::idle(environment, &options).await?),
            Self::Connect(options) => told(&bench::connect(environment, &options, settings).await?),
            Self::History(options) => {
                told(&bench::history(environment, &History { checks_seq: false, ..options }, settings).await?)
            }
        })
    }
}

/// Conversations of two among so many users, round after round of neighbours further and further apart, as `chinwag bench` pairs
/// them.
fn shared(conversations: usize, users: usize) -> Vec<Room> {
    let users = users.max(2);
    let pair = |number: usize| [number % users, (number % users + 1 + number / users % (users - 1)) % users];
    let ids: Vec<ConversationId> = (0..conversations).map(|_| ConversationId::new()).collect();
    let mut names = vec![Vec::new(); users];
    for (number, id) in ids.iter().enumerate() {
        for user in pair(number) {
            names[user].push(id.to_string());
        }
    }
    let tokens: Vec<String> = names.iter().map(|names| names.join(",")).collect();
    let room = |(number, id)| Room { id, tokens: pair(number).map(|user| tokens[user].clone()).to_vec() };
    ids.into_iter().enumerate().map(room).collect()
}

/// Figures as `chinwag bench` tells them.
fn told(figures: &[RunResult]) -> Value {
    let Some(figures) = figures.first() else { return Value::Null };
    let mut median = Map::new();
    for count in &figures.counts {
        median.insert(format!("{}_per_second", count.plural), json!(figures.rate(count.plural)));
        let server = figures.server.map(|server| figures.micros_per(server.total(), count.plural));
        median.insert(format!("server_us_per_{}", count.singular), json!(server));
    }
    let part = |name: &str, part: f64| figures.latency(name, part).map(|latency| latency.as_secs_f64() * 1e3);
    let latencies: Map<String, Value> = figures
        .latencies
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({ "p50": part(name, 0.5), "p99": part(name, 0.99) })))
        .collect();
    json!({ "median": median, "latency_ms": latencies })
}

fn told_memory(memory: &Memory) -> Value {
    let after = memory.after.iter().map(|(_, bytes)| *bytes);
    let states = [memory.before, memory.idle].into_iter().chain(after);
    json!({ "memory": states.map(|bytes| json!({ "kib_per_connection": memory.kib_per_connection(bytes) })).collect::<Vec<_>>() })
}

/// A probe that serves, in a process of its own; dropping it kills it.
struct Serving {
    address: SocketAddr,
    process: Child,
    _database: Option<Database>,
}

impl Serving {
    fn start(probe: &Probe, store: Kind) -> Result<Self, String> {
        let wants = probe.mode.contains(&"DATABASE");
        let database = wants.then(|| Database::fresh(store)).transpose()?;
        let url = database.as_ref().map_or("", |database| &database.url);
        let words = probe.mode.iter().map(|word| if *word == "DATABASE" { url } else { word });
        let this = env::current_exe().map_err(|error| error.to_string())?;
        let process = Command::new(this).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let process = process.map_err(|error| error.to_string())?;
        let mut serving = Self { address: ([127, 0, 0, 1], 0).into(), process, _database: database };
        let output = serving.process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = told["url"].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        serving.address = address.ok_or_else(|| format!("{} did not start", probe.name))?;
        Ok(serving)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
