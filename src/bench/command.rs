//! The command `chinwag bench`: sets up an environment, runs a scenario on it and prints the report.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use super::crowd::crowd;
use super::edits::edits;
use super::environment::Environment;
use super::idle::idle;
use super::listener::listen;
use super::message_scenarios::{fanout, pairs, rooms};
use super::nats_limit::nats_limit;
use super::options::{Bench, Common, Scenario};
use super::population::Population;
use super::reactions::reactions;
use super::report::{Report, title};
use super::request_scenarios::{connect, history, login};
use super::server::{SECRET, Server, TempFolder};
use super::setup_http::{ACCOUNTS_MAX, resolve, setup_http};
use super::setup_store::setup_store;
use crate::domain::Error;
use crate::{server, store};

/// Conversations of two whose members connect in `connect`.
const CONNECT_PAIRS: usize = 100;
/// Conversations of two in which members send during `login --beside`.
const LOGIN_PAIRS: usize = 10;
const INTERRUPTED: &str = "interrupted: there are no figures";

/// Runs `chinwag bench`; the first argument is `bench`. An error is one line of text.
///
/// With `--help` or `--version` it prints the answer and ends the process.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<(), String> {
    let bench: Bench = server::arguments::read(arguments).map_err(|reason| format!("bench: {reason}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    if let Scenario::Listen(options) = &bench.scenario {
        server::raise_open_files();
        return runtime.block_on(listen(options)).map_err(|reason| format!("bench listen: {reason}"));
    }
    let as_json = bench.common.json;
    let report = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        tokio::select! {
            report = measure(bench) => report,
            _ = ctrl_c() => Err(INTERRUPTED.to_owned()),
            _ = terminate.recv() => Err(INTERRUPTED.to_owned()),
        }
    });
    let report = report.map_err(|reason| format!("bench: {reason}"))?;
    print!("{}", if as_json { report.json() } else { report.table() });
    Ok(())
}

async fn measure(bench: Bench) -> Result<Report, String> {
    server::raise_open_files();
    let Bench { mut scenario, common } = bench;
    if common.url.is_some() {
        limit_accounts(&mut scenario)?;
    }
    let (title, settings) = (title(&scenario), &common.settings);
    let target = Target::set_up(&common, population(&scenario)?).await?;
    let environment = &target.environment;
    let results = match &scenario {
        Scenario::Fanout(options) => fanout(environment, options, settings).await?,
        Scenario::Pairs(options) => pairs(environment, options, settings).await?,
        Scenario::Rooms(options) => rooms(environment, options, settings).await?,
        Scenario::Edits(options) => edits(environment, options, settings).await?,
        Scenario::Connect(options) => connect(environment, options, settings).await?,
        Scenario::History(options) => history(environment, options, settings).await?,
        Scenario::Login(options) => login(environment, options, settings).await?,
        Scenario::Reactions(_) => {
            let results = reactions(environment, settings).await?;
            return Ok(Report::from_runs(title, &target.label, None, &results));
        }
        Scenario::Crowd(options) => {
            let results = crowd(environment, options).await?;
            return Ok(Report::from_runs(title, &target.label, None, &results));
        }
        Scenario::Listen(_) => return Err("listens for a crowd alone".to_owned()),
        Scenario::Idle(options) => {
            return Ok(Report::from_memory(title, &target.label, &idle(environment, options).await?));
        }
    };
    let mut report = Report::from_runs(title, &target.label, Some(settings), &results);
    if let Some(url) = &common.nats_url {
        report.add_nats_limit(nats_limit(url).await?);
    }
    Ok(report)
}

/// The population that the scenario needs. Returns an error when the options contradict each other.
fn population(scenario: &Scenario) -> Result<Population, String> {
    let too_many = |option: &str, bound: &str| Err(format!("{option} takes at most as many as there are {bound}"));
    Ok(match scenario {
        Scenario::Fanout(options) if options.publishers > options.members => {
            return too_many("--publishers", "--members");
        }
        Scenario::Rooms(options) if options.publishers.get() > options.rooms.get() * options.members.get() => {
            return too_many("--publishers", "members in all --rooms");
        }
        Scenario::Edits(options) if options.editors() > options.conversations.get() => {
            return too_many("--editors", "--conversations");
        }
        Scenario::Fanout(options) => options.population(),
        Scenario::Pairs(options) => options.population(),
        Scenario::Rooms(options) => options.population(),
        Scenario::Edits(options) => options.population(),
        Scenario::Reactions(options) => options.population(),
        Scenario::Idle(options) => options.population(),
        Scenario::Crowd(options) => options.population(),
        Scenario::Listen(_) => Population::new(0, Vec::new()),
        Scenario::Connect(_) => Population::pairs(CONNECT_PAIRS),
        Scenario::History(options) => {
            Population { messages: options.messages.get(), ..Population::new(1, vec![vec![0]]) }
        }
        Scenario::Login(_) => Population::pairs(LOGIN_PAIRS),
    })
}

/// Lowers the number of users to the accounts that the bench registers on a server that is already running.
fn limit_accounts(scenario: &mut Scenario) -> Result<(), String> {
    let most = NonZeroUsize::new(ACCOUNTS_MAX).ok_or("no accounts")?;
    match scenario {
        Scenario::Pairs(options) => options.users = options.users.map(|users| users.min(most)),
        Scenario::Rooms(options) => {
            options.users = options.users.min(most);
            options.members = options.members.min(options.users);
        }
        Scenario::Reactions(options) => options.members = options.members.min(most),
        _ => {}
    }
    Ok(())
}

/// The environment, and the server process if the bench started one.
struct Target {
    environment: Environment,
    label: String,
    _nodes: Vec<Server>,
}

impl Target {
    async fn set_up(common: &Common, population: Population) -> Result<Self, String> {
        if let Some(url) = &common.url {
            let environment = setup_http(resolve(url).await?, common.pid, &population).await?;
            return Ok(Self { environment, label: url.clone(), _nodes: Vec::new() });
        }
        let folder = TempFolder::create()?;
        let url = common.database_url.clone().unwrap_or_else(|| folder.database_url());
        if common.nodes.get() > 1 && url.starts_with("sqlite:") {
            return Err("--nodes takes more than one with a --database-url of PostgreSQL alone".to_owned());
        }
        let refused = |error: Error| format!("the database: {}", error.detail);
        let lock = store::lock(&url).map_err(refused)?;
        let rooms = setup_store(&url, SECRET, &population).await.map_err(refused)?;
        drop(lock); // which the server takes
        let nats_url = common.nats_url.as_deref();
        let first = Server::start(folder, &url, nats_url)?;
        let (address, pid) = (first.address, Some(first.pid()));
        let (mut others, mut nodes) = (Vec::new(), vec![first]);
        for _ in 1..common.nodes.get() {
            let node = Server::start(TempFolder::create()?, &url, nats_url)?;
            others.push((node.address, node.pid()));
            nodes.push(node);
        }
        let environment = Environment { address, pid, others, rooms };
        Ok(Self { environment, label: label(&url, common), _nodes: nodes })
    }
}

/// Describes the server that was started.
fn label(url: &str, common: &Common) -> String {
    let store = if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
    match (common.nodes.get(), &common.nats_url) {
        (1, _) => format!("chinwag on {store}"),
        (nodes, None) => format!("{nodes} nodes of chinwag on {store}"),
        (nodes, Some(_)) => format!("{nodes} nodes of chinwag on {store}, joined by NATS"),
    }
}
