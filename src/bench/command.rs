//! The command: a stage is set, a scenario played, and what it came to is told.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use clap::Parser;
use clap::error::ErrorKind;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use super::environment::Stage;
use super::idle::idle;
use super::message_scenarios::{fanout, pairs, rooms};
use super::options::{Bench, Common, Scenario};
use super::report::{Report, title};
use super::request_scenarios::{connect, history, login};
use super::server::{Folder, SECRET, Server};
use super::setup_http::{ACCOUNTS, address, enter};
use super::setup_store::{Cast, prepare};
use crate::app;

/// Conversations of two whose members connect.
const CONNECTING: usize = 100;
/// Conversations of two in which messages are sent beside logins.
const BESIDE: usize = 10;
const INTERRUPTED: &str = "interrupted: there are no figures";

/// Runs `chinwag bench` with these arguments, of which the first is `bench`. An error is one line for people.
///
/// `--help` and `--version` are answered at once, and the process ends.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<(), String> {
    let bench = Bench::try_parse_from(arguments).map_err(|error| {
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        let text = error.to_string();
        let said = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let said = said.trim_start_matches("error: ");
        format!("bench: {said} (chinwag bench --help explains)")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
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
    app::raise_open_files();
    let Bench { mut scenario, common } = bench;
    if common.url.is_some() {
        share_accounts(&mut scenario)?;
    }
    let (title, pace) = (title(&scenario), &common.pace);
    let set = Set::make(&common, cast(&scenario)?).await?;
    let stage = &set.stage;
    let figures = match &scenario {
        Scenario::Fanout(options) => fanout(stage, options, pace).await?,
        Scenario::Pairs(options) => pairs(stage, options, pace).await?,
        Scenario::Rooms(options) => rooms(stage, options, pace).await?,
        Scenario::Connect(options) => connect(stage, options, pace).await?,
        Scenario::History(options) => history(stage, options, pace).await?,
        Scenario::Login(options) => login(stage, options, pace).await?,
        Scenario::Idle(options) => return Ok(Report::of_memory(title, &set.place, &idle(stage, options).await?)),
    };
    Ok(Report::new(title, &set.place, pace, &figures))
}

/// Who has to be there; or what is wrong with the options.
fn cast(scenario: &Scenario) -> Result<Cast, String> {
    let too_many = |bound: &str| Err(format!("--publishers takes at most as many as there are {bound}"));
    Ok(match scenario {
        Scenario::Fanout(options) if options.publishers > options.members => return too_many("--members"),
        Scenario::Rooms(options) if options.publishers.get() > options.rooms.get() * options.members.get() => {
            return too_many("members in all --rooms");
        }
        Scenario::Fanout(options) => options.cast(),
        Scenario::Pairs(options) => options.cast(),
        Scenario::Rooms(options) => options.cast(),
        Scenario::Idle(options) => options.cast(),
        Scenario::Connect(_) => Cast::pairs(CONNECTING),
        Scenario::History(options) => Cast { messages: options.messages.get(), ..Cast::new(1, vec![vec![0]]) },
        Scenario::Login(_) => Cast::pairs(BESIDE),
    })
}

/// On somebody else's server there are few accounts, so fewer users share what was asked for.
fn share_accounts(scenario: &mut Scenario) -> Result<(), String> {
    let few = NonZeroUsize::new(ACCOUNTS).ok_or("no accounts")?;
    match scenario {
        Scenario::Pairs(options) => options.users = options.users.map(|users| users.min(few)),
        Scenario::Rooms(options) => {
            options.users = options.users.min(few);
            options.members = options.members.min(options.users);
        }
        _ => {}
    }
    Ok(())
}

/// A stage and the server that was started for it.
struct Set {
    stage: Stage,
    place: String,
    _server: Option<Server>,
}

impl Set {
    async fn make(common: &Common, cast: Cast) -> Result<Self, String> {
        if let Some(url) = &common.url {
            let stage = enter(address(url).await?, common.pid, &cast).await?;
            return Ok(Self { stage, place: url.clone(), _server: None });
        }
        let folder = Folder::make()?;
        let url = common.database_url.clone().unwrap_or_else(|| folder.database());
        let rooms = prepare(&url, SECRET, &cast).await.map_err(|error| format!("the database: {}", error.detail))?;
        let server = Server::start(folder, &url)?;
        let stage = Stage { address: server.address, pid: Some(server.pid()), rooms };
        let place = if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
        Ok(Self { stage, place: format!("chinwag on {place}"), _server: Some(server) })
    }
}
