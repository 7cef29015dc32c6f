//! The command: a stage is set, a scenario played, and what it came to is told.

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use super::deliver::{fanout, pairs, rooms};
use super::options::{Bench, Common, Scenario};
use super::prepare::{Cast, prepare};
use super::report::{Report, title};
use super::server::{Folder, SECRET, Server};
use super::stage::Stage;
use crate::app;

/// Runs `chinwag bench` with these arguments, of which the first is `bench`. An error is one line for people.
///
/// `--help` and `--version` are answered at once, and the process ends.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<(), String> {
    let bench = Bench::try_parse_from(arguments).map_err(|error| {
        if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit();
        }
        let text = error.to_string();
        let said = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        format!("bench: {said} (chinwag bench --help explains)")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(&bench) => report,
            _ = tokio::signal::ctrl_c() => Err("interrupted: there are no figures".to_owned()),
        }
    });
    let report = report.map_err(|reason| format!("bench: {reason}"))?;
    print!("{}", if bench.common.json { report.json() } else { report.table() });
    Ok(())
}

async fn measure(bench: &Bench) -> Result<Report, String> {
    app::raise_open_files();
    let (common, pace) = (&bench.common, &bench.common.pace);
    let title = title(&bench.scenario);
    match &bench.scenario {
        Scenario::Fanout(options) => {
            if options.publishers > options.members {
                return Err("--publishers takes at most as many as there are --members".to_owned());
            }
            let set = Set::make(common, &options.cast()).await?;
            Ok(set.report(title, pace, fanout(&set.stage, options, pace).await?))
        }
        Scenario::Pairs(options) => {
            let set = Set::make(common, &options.cast()).await?;
            Ok(set.report(title, pace, pairs(&set.stage, options, pace).await?))
        }
        Scenario::Rooms(options) => {
            if options.publishers.get() > options.rooms.get() * options.members.get() {
                return Err("--publishers takes at most as many as there are members in all --rooms".to_owned());
            }
            let set = Set::make(common, &options.cast()).await?;
            Ok(set.report(title, pace, rooms(&set.stage, options, pace).await?))
        }
    }
}

/// A stage and the server that was started for it.
struct Set {
    stage: Stage,
    place: String,
    _server: Option<Server>,
}

impl Set {
    async fn make(common: &Common, cast: &Cast) -> Result<Self, String> {
        let folder = Folder::make()?;
        let url = common.database_url.clone().unwrap_or_else(|| folder.database());
        let rooms = prepare(&url, SECRET, cast).await.map_err(|error| format!("the database: {}", error.detail))?;
        let server = Server::start(folder, &url)?;
        let stage = Stage { address: server.address, pid: Some(server.pid()), rooms };
        let place = if url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" }.to_owned();
        Ok(Self { stage, place, _server: Some(server) })
    }

    fn report(&self, title: String, pace: &super::Pace, figures: Vec<super::Figures>) -> Report {
        Report::new(title, &self.place, pace, figures)
    }
}
