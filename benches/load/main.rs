//! How many messages one conversation sustains through the front door: `cargo bench --bench load`.
//!
//! The server is the release binary in a process of its own; its members are WebSockets of this process. Two of them send
//! in a closed loop, each with [`WINDOW`] sends under way, for as long as a run lasts; then everything that was sent is
//! waited for. Inside the clock is all of it, from the first send until the last member has heard the last message. Every
//! delivery to every member is counted and its number checked, and a sender checks that its own messages come back in the
//! order in which it sent them: with one missing, doubled or out of order there is an error and no figure.
//!
//! Clients, server and database share the machine, so that messages a second are a floor; the server's CPU time for each
//! delivery is what can be compared between machines and between versions.
//!
//! Words choose scenarios (`-- sqlite 500`), `--runs 5` and `--seconds 10` how often and how long. `docs/performance.md`
//! keeps the figures.

#![allow(clippy::unwrap_used)] // a measurement that cannot go on says so by panicking

mod member;
#[path = "../../tests/it/support/postgres.rs"]
#[allow(dead_code)] // it can do more than a bench needs
mod postgres;
mod server;

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use member::{Member, WINDOW};
use server::{Cpu, Server};

/// Members who send; the others listen.
const SENDERS: usize = 2;
/// Until everything that was sent must have been heard.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where messages are kept.
#[derive(Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

struct Scenario {
    name: &'static str,
    store: On,
    members: usize,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "sqlite, 2 members", store: On::Sqlite, members: 2 },
    Scenario { name: "sqlite, 500 members", store: On::Sqlite, members: 500 },
    Scenario { name: "postgres, 2 members", store: On::Postgres, members: 2 },
    Scenario { name: "postgres, 500 members", store: On::Postgres, members: 500 },
];

/// What the command line asks for.
struct Plan {
    words: Vec<String>,
    runs: usize,
    run: Duration,
    warm_up: Duration,
}

impl Plan {
    /// Options of criterion's are passed over: `cargo bench` gives all benches the same. `cargo test` runs benches too,
    /// without `--bench`, and only wants to know whether they work.
    fn read() -> Result<Self, String> {
        let mut plan =
            Self { words: Vec::new(), runs: 1, run: Duration::from_millis(100), warm_up: Duration::from_millis(50) };
        let mut arguments = env::args().skip(1);
        if env::args().any(|argument| argument == "--bench") {
            (plan.runs, plan.run, plan.warm_up) = (3, Duration::from_secs(4), Duration::from_secs(1));
        }
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse::<u32>().ok()).filter(|number| *number > 0);
            match argument.as_str() {
                "--runs" => plan.runs = number().ok_or("--runs takes a number")? as usize,
                "--seconds" => plan.run = Duration::from_secs(number().ok_or("--seconds takes a number")?.into()),
                option if option.starts_with('-') => {}
                word => plan.words.push(word.to_owned()),
            }
        }
        Ok(plan)
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.words.iter().all(|word| scenario.name.split([',', ' ']).any(|part| part == word))
    }
}

/// What a run came to.
struct Figures {
    messages: i64,
    deliveries: i64,
    elapsed: Duration,
    server: Duration,
    clients: Duration,
}

#[allow(clippy::cast_precision_loss)] // figures for people
impl Figures {
    fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    fn deliveries_per_second(&self) -> f64 {
        self.deliveries as f64 / self.elapsed.as_secs_f64()
    }

    fn server_micros(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.deliveries as f64
    }

    fn client_micros(&self) -> f64 {
        self.clients.as_secs_f64() * 1e6 / self.deliveries as f64
    }
}

fn main() -> ExitCode {
    let measured = Plan::read().and_then(|plan| {
        // One thread for all clients leaves the other cores to the server.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(measure_all(&plan))
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("load: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn measure_all(plan: &Plan) -> Result<(), String> {
    let wanted: Vec<&Scenario> = SCENARIOS.iter().filter(|scenario| plan.wants(scenario)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "load: {SENDERS} senders with {WINDOW} sends under way each, median (least to most) of {} runs of {:?}; clients, \
         server and database on the same {cores} cores",
        plan.runs, plan.run,
    );
    println!(
        "{:<24}{:>26}{:>16}{:>24}{:>24}",
        "scenario", "messages/s", "deliveries/s", "server, µs/delivery", "clients, µs/delivery"
    );
    for scenario in wanted {
        if matches!(scenario.store, On::Postgres) && postgres::bin("postgres").is_none() {
            println!("{:<24}skipped: PostgreSQL's programs are not installed", scenario.name);
            continue;
        }
        let figures = measure(scenario, plan).await.map_err(|reason| format!("{}: {reason}", scenario.name))?;
        print(scenario, &figures);
    }
    Ok(())
}

fn print(scenario: &Scenario, figures: &[Figures]) {
    let sorted = |of: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let median = |of| {
        let values = sorted(of);
        values[values.len() / 2]
    };
    let rates = sorted(Figures::messages_per_second);
    let spread =
        format!("{:.0} ({:.0} to {:.0})", median(Figures::messages_per_second), rates[0], rates[rates.len() - 1]);
    println!(
        "{:<24}{spread:>26}{:>16.0}{:>24.2}{:>24.2}",
        scenario.name,
        median(Figures::deliveries_per_second),
        median(Figures::server_micros),
        median(Figures::client_micros),
    );
}

/// A fresh database, a server on it, and all runs of a scenario.
async fn measure(scenario: &Scenario, plan: &Plan) -> Result<Vec<Figures>, String> {
    let url = match scenario.store {
        On::Sqlite => None,
        On::Postgres => Some(postgres::database().await),
    };
    let (server, people) = Server::start(url.as_deref(), scenario.members).await?;
    let mut members = Vec::with_capacity(people.tokens.len());
    for token in &people.tokens {
        members.push(Member::join(server.address, people.conversation_id, token).await?);
    }
    run(&server, &members, plan.warm_up).await?;
    let mut figures = Vec::with_capacity(plan.runs);
    for _ in 0..plan.runs {
        figures.push(run(&server, &members, plan.run).await?);
    }
    Ok(figures)
}

/// Sends for so long, and waits until everybody has heard everything.
async fn run(server: &Server, members: &[Member], length: Duration) -> Result<Figures, String> {
    let before = members[0].heard();
    let (server_before, clients_before) = (Cpu::of(server.pid())?, Cpu::of_this_process()?);
    let started = Instant::now();
    let sending: Vec<_> =
        members[..SENDERS].iter().map(|member| tokio::spawn(member.send_until(started + length))).collect();
    let mut messages = 0;
    for sender in sending {
        messages += sender.await.map_err(|error| error.to_string())??;
    }
    let deadline = Instant::now() + PATIENCE;
    for (number, member) in members.iter().enumerate() {
        while member.heard() < before + messages {
            member.check()?;
            if Instant::now() > deadline {
                let heard = member.heard() - before;
                return Err(format!("member {number} heard {heard} of {messages} messages in {PATIENCE:?}"));
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
    let elapsed = started.elapsed();
    for member in members {
        member.check()?;
        if member.heard() != before + messages || member.waits_for_its_own() {
            return Err("there are more messages than were sent, or not all were acknowledged".to_owned());
        }
    }
    let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
    Ok(Figures {
        messages,
        deliveries: messages * count,
        elapsed,
        server: Cpu::of(server.pid())?.since(server_before),
        clients: Cpu::of_this_process()?.since(clients_before),
    })
}
