//! `chinwag copy`.

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};

use clap::Parser;

use super::check::{check_all, say};
use crate::domain::Result;
use crate::server::arguments;
use crate::server::database::{Database, GENERATED_SECRET};
use crate::store::{self, CopyStep};

/// Copies a SQLite database into an empty PostgreSQL database, with all ids, numbers and times: clients resume as if nothing had happened.
///
/// Stop the server first. Nothing writes to the SQLite database meanwhile, and nothing is changed in it. A copy that is interrupted goes on
/// when the command runs again; until the copy is complete, no server starts on the new database. At the end each table of both databases is
/// compared, and the new one is checked as by chinwag check.
#[derive(Debug, Parser)]
#[command(name = "chinwag copy", bin_name = "chinwag copy", max_term_width = 110)]
struct Arguments {
    /// The SQLite database: sqlite:FILE
    #[arg(long, value_name = "URL")]
    from: String,

    /// The empty PostgreSQL database: postgres://USER:PASSWORD@HOST/NAME; without it, the one that DATABASE_URL names
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    to: Option<String>,

    /// File that contains the URL of the empty database, so that the password is not in the list of processes
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,
}

/// Copies, and prints each table with its number of rows and its hash.
pub fn run(arguments: &[OsString]) -> std::result::Result<(), String> {
    let Arguments { from, to, to_file } = arguments::read(arguments)?;
    let target = Database { folder: PathBuf::new(), url: to, url_file: to_file };
    if !target.has_url() {
        return Err("--to takes the empty PostgreSQL database: postgres://…".to_owned());
    }
    let to = target.store_url()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let is_clean = runtime.block_on(copy(&from, &to)).map_err(|error| error.detail.into_owned())?;
    say(&about_the_secret(&from));
    is_clean.then_some(()).ok_or_else(|| {
        "the copy is complete, and has the faults that are named above: those of the SQLite database".to_owned()
    })
}

async fn copy(from: &str, to: &str) -> Result<bool> {
    let mut progress = Progress::default();
    store::copy(from, to, |step| progress.report(step)).await?;
    Ok(check_all(to).await?.is_clean())
}

/// The rows of the present table, which are shown on a terminal.
#[derive(Default)]
struct Progress {
    table: &'static str,
    rows: usize,
}

impl Progress {
    fn report(&mut self, step: CopyStep) {
        match step {
            CopyStep::Resumed => say("An earlier copy was interrupted and goes on."),
            CopyStep::Rows { table, rows } => {
                let before = if self.table == table { self.rows } else { 0 };
                *self = Self { table, rows: before + rows };
                show(&format!("{table}: {} rows", self.rows));
            }
            CopyStep::Compared { table, rows, sha256 } => {
                show("");
                say(&format!("{table}\t{rows} rows\tsha256 {sha256}"));
            }
        }
    }
}

/// Replaces the line of the terminal, if there is one.
fn show(text: &str) {
    let mut terminal = stderr();
    if terminal.is_terminal() {
        // An error is ignored, because the copy does not depend on its progress line.
        let _ = write!(terminal, "\r\x1b[K{text}");
        let _ = terminal.flush();
    }
}

/// Says which secret the servers of the new database need. It is in the data folder and not in the database, and nothing else that is to be
/// kept is there.
fn about_the_secret(from: &str) -> String {
    let file = from.strip_prefix("sqlite:").unwrap_or(from);
    let file = Path::new(file.strip_prefix("//").unwrap_or(file)).with_file_name(GENERATED_SECRET);
    if file.is_file() {
        format!(
            "The servers of the new database need the secret in {0}: start them with CHINWAG_JWT_SECRET_FILE={0}, or with this data folder.",
            file.display()
        )
    } else {
        "The servers of the new database need the secret of the server before (CHINWAG_JWT_SECRET or CHINWAG_JWT_SECRET_FILE).".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
