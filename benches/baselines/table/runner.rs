//! Runs a case on Chinwag, through `chinwag bench`, or on a baseline, with the same clients. Each run has a new server.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use chinwag::bench::{self, Connect, Environment, Fanout, History, Idle, Memory, Pairs, Room, RunResult, RunSettings};
use chinwag::domain::ConversationId;
use clap::{Parser, Subcommand};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;

use crate::database::{Database, StoreKind};

/// Conversations of two whose members connect, as in `chinwag bench connect`.
const CONNECT_PAIRS: usize = 100;

/// A mode of this program that serves. `DATABASE` in its arguments stands for the URL of a new database.
pub(super) struct Baseline {
    pub(super) name: &'static str,
    pub(super) mode: &'static [&'static str],
}

/// Runs cases with this duration and store.
pub(super) struct Runner {
    pub(super) seconds: usize,
    pub(super) store: StoreKind,
}

/// The arguments of `chinwag bench`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct CommandLine {
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

impl Runner {
    /// Returns the arguments of a case with one run, so that the systems can alternate.
    fn arguments(&self, case: &str) -> Vec<String> {
        let settings = ["--runs", "1", "--warm-up", "1", "--seconds"].map(str::to_owned);
        case.split(' ').map(str::to_owned).chain(settings).chain([self.seconds.to_string()]).collect()
    }

    /// Runs a case on Chinwag. Returns the JSON of its command.
    pub(super) fn run_chinwag(&self, case: &str) -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.arg("bench").args(self.arguments(case)).arg("--json").stderr(Stdio::inherit());
        // The command creates a SQLite database by itself.
        let database = (self.store == StoreKind::Postgres).then(|| Database::create(self.store)).transpose()?;
        if let Some(database) = &database {
            command.args(["--database-url", &database.url]);
        }
        let output = command.output().map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("chinwag bench {case}: {error}"))
    }

    /// Runs a case on a baseline. Returns the same JSON, as far as the table needs it.
    pub(super) fn run_baseline(&self, case: &str, baseline: &Baseline) -> Result<Value, String> {
        let CommandLine { scenario, settings } =
            CommandLine::try_parse_from(self.arguments(case)).map_err(|error| error.to_string())?;
        let server = BaselineServer::start(baseline, self.store)?;
        let (address, pid, rooms) = (server.address, Some(server.process.id()), scenario.rooms());
        let environment = Environment { address, pid, others: Vec::new(), rooms };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime
            .block_on(scenario.run(&environment, &settings))
            .map_err(|reason| format!("{case} on {}: {reason}", baseline.name))
    }
}

impl Scenario {
    /// Returns the case's conversations. Baselines need no set-up: on `/ws` a token names the user's conversations, and elsewhere they
    /// ignore it.
    fn rooms(&self) -> Vec<Room> {
        let room = |members: usize| Room { id: ConversationId::new(), tokens: vec!["probe".to_owned(); members] };
        match self {
            Self::Fanout(options) => vec![room(options.members.get())],
            Self::Pairs(Pairs { conversations, users: Some(users), .. }) => {
                shared_pairs(conversations.get(), users.get())
            }
            Self::Pairs(options) => (0..options.conversations.get()).map(|_| room(2)).collect(),
            Self::Idle(options) => {
                let (all, size) = (options.connections.get(), options.room.get());
                (0..all).step_by(size).map(|first| room(size.min(all - first))).collect()
            }
            Self::Connect(_) => (0..CONNECT_PAIRS).map(|_| room(2)).collect(),
            Self::History(_) => vec![room(1)],
        }
    }

    async fn run(self, environment: &Environment, settings: &RunSettings) -> Result<Value, String> {
        Ok(match self {
            Self::Fanout(options) => results_json(&bench::fanout(environment, &options, settings).await?),
            Self::Pairs(options) => results_json(&bench::pairs(environment, &options, settings).await?),
            Self::Idle(options) => memory_json(&bench::idle(environment, &options).await?),
            Self::Connect(options) => results_json(&bench::connect(environment, &options, settings).await?),
            Self::History(options) => {
                results_json(&bench::history(environment, &History { checks_seq: false, ..options }, settings).await?)
            }
        })
    }
}

/// Returns conversations of two that share users, paired as `chinwag bench pairs --users` pairs them.
fn shared_pairs(conversations: usize, users: usize) -> Vec<Room> {
    let users = users.max(2);
    let pair = |number: usize| [number % users, (number % users + 1 + number / users % (users - 1)) % users];
    let ids: Vec<ConversationId> = (0..conversations).map(|_| ConversationId::new()).collect();
    let mut ids_of_user = vec![Vec::new(); users];
    for (number, id) in ids.iter().enumerate() {
        for user in pair(number) {
            ids_of_user[user].push(id.to_string());
        }
    }
    let tokens: Vec<String> = ids_of_user.iter().map(|ids: &Vec<String>| ids.join(",")).collect();
    let room = |(number, id)| Room { id, tokens: pair(number).map(|user| tokens[user].clone()).to_vec() };
    ids.into_iter().enumerate().map(room).collect()
}

/// Returns the result of the only run, in the form of `chinwag bench --json`.
fn results_json(results: &[RunResult]) -> Value {
    let Some(result) = results.first() else { return Value::Null };
    let mut median = Map::new();
    for count in &result.counts {
        median.insert(format!("{}_per_second", count.plural), json!(result.rate(count.plural)));
        let server = result.server.map(|server| result.micros_per(server.total(), count.plural));
        median.insert(format!("server_us_per_{}", count.singular), json!(server));
    }
    let quantile =
        |name: &str, quantile: f64| result.latency(name, quantile).map(|latency| latency.as_secs_f64() * 1e3);
    let latencies: Map<String, Value> = result
        .latencies
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({ "p50": quantile(name, 0.5), "p99": quantile(name, 0.99) })))
        .collect();
    json!({ "median": median, "latency_ms": latencies })
}

fn memory_json(memory: &Memory) -> Value {
    let after = memory.after.iter().map(|(_, bytes)| *bytes);
    let states = [memory.before, memory.idle].into_iter().chain(after);
    json!({ "memory": states.map(|bytes| json!({ "kib_per_connection": memory.kib_per_connection(bytes) })).collect::<Vec<_>>() })
}

/// A baseline that serves in a process of its own. Dropping it kills the process.
struct BaselineServer {
    address: SocketAddr,
    process: Child,
    _database: Option<Database>,
}

impl BaselineServer {
    fn start(baseline: &Baseline, store: StoreKind) -> Result<Self, String> {
        let needs_database = baseline.mode.contains(&"DATABASE");
        let database = needs_database.then(|| Database::create(store)).transpose()?;
        let url = database.as_ref().map_or("", |database| &database.url);
        let words = baseline.mode.iter().map(|word| if *word == "DATABASE" { url } else { word });
        let this = env::current_exe().map_err(|error| error.to_string())?;
        let process = Command::new(this).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let process = process.map_err(|error| error.to_string())?;
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), process, _database: database };
        let output = server.process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = ready["url"].as_str().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        server.address = address.ok_or_else(|| format!("{} did not start", baseline.name))?;
        Ok(server)
    }
}

impl Drop for BaselineServer {
    fn drop(&mut self) {
        // Both fail only when the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
