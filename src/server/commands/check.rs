//! `chinwag check`.

use std::ffi::OsString;
use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Parser;

use crate::domain::Result;
use crate::limits;
use crate::server::arguments;
use crate::server::database::Database;
use crate::store::{Check, Fault, Snapshot};

/// The exit code of a database with faults. Without faults it is 0.
const FAULTY: u8 = 1;
/// The exit code if the database could not be checked.
const UNCHECKED: u8 = 2;

/// Looks for faults in the database, also while servers run: numbers of a conversation that are missing or double, rows that belong to
/// nothing, and counts that are wrong.
///
/// It changes nothing, and reads the database as it is at one moment. Each fault is a line, at most 20 of a kind. The exit code is 0
/// without faults, 1 with faults, and 2 if the database could not be checked.
#[derive(Debug, Parser)]
#[command(name = "chinwag check", bin_name = "chinwag check", max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    database: Database,
}

/// The faults that were found.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The checks that were run.
    checks: usize,
    /// The checks that found any.
    kinds: usize,
    faults: usize,
    /// True if a check found more than it shows.
    has_more: bool,
}

/// Prints the faults on standard output.
pub fn run(arguments: &[OsString]) -> ExitCode {
    match check(arguments) {
        Ok(summary) if summary.is_clean() => ExitCode::SUCCESS,
        Ok(_) => FAULTY.into(),
        Err(reason) => {
            eprintln!("chinwag: {reason}");
            UNCHECKED.into()
        }
    }
}

fn check(arguments: &[OsString]) -> std::result::Result<Summary, String> {
    let Arguments { database } = arguments::read(arguments)?;
    let url = database.store_url()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(check_all(&url)).map_err(|error| error.detail.into_owned())
}

/// Runs every check on the database at `url`, and prints the faults and a summary.
pub(super) async fn check_all(url: &str) -> Result<Summary> {
    let snapshot = Snapshot::open(url).await?;
    let mut summary = Summary::default();
    for check in snapshot.checks() {
        let faults = snapshot.faults(check).await?;
        let shown = faults.len().min(limits::CHECK_FAULTS_SHOWN);
        for fault in &faults[..shown] {
            say(&line(check, fault));
        }
        if faults.len() > shown {
            say(&format!("{}: more than {shown}, the others are not shown", check.name));
        }
        summary.add(shown, faults.len() > shown);
    }
    say(&summary.text());
    Ok(summary)
}

impl Summary {
    fn add(&mut self, faults: usize, has_more: bool) {
        self.checks += 1;
        self.kinds += usize::from(faults > 0);
        self.faults += faults;
        self.has_more |= has_more;
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults == 0
    }

    fn text(&self) -> String {
        let Self { checks, kinds, faults, .. } = self;
        if self.is_clean() {
            return format!("The database has no faults ({checks} checks).");
        }
        let more = if self.has_more { "more than " } else { "" };
        format!("The database has {more}{faults} faults, found by {kinds} of {checks} checks.")
    }
}

fn line(check: &Check, fault: &Fault) -> String {
    let conversation = fault.conversation_id.map(|id| format!(" conversation {id}"));
    let other = fault.other_id.map(|id| format!(" {} {id}", check.other));
    let number = fault.number.map(|number| format!(" {number}"));
    let place: String = [conversation, other, number].into_iter().flatten().collect();
    format!("{}:{place} {}", check.name, check.says)
}

/// Prints a line. Nobody may be there to read it, which changes nothing.
pub(super) fn say(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::{Summary, line};
    use crate::store::{Fault, checks};

    #[test]
    fn a_fault_is_a_line_with_its_place() {
        let missing = checks().next().expect("a check");
        let fault = Fault { conversation_id: Some(Uuid::nil()), other_id: None, number: Some(17) };
        let expected = "numbers.missing: conversation 00000000-0000-0000-0000-000000000000 17 stands in neither";
        assert!(line(missing, &fault).starts_with(expected), "{}", line(missing, &fault));
    }

    #[test]
    fn each_check_has_a_name_of_its_own() {
        let names: HashSet<&str> = checks().map(|check| check.name).collect();
        assert_eq!(names.len(), checks().count());
    }

    #[test]
    fn a_summary_counts_faults_and_kinds() {
        let mut summary = Summary::default();
        summary.add(0, false);
        assert!(summary.is_clean());
        summary.add(20, true);
        summary.add(1, false);
        assert_eq!(summary.text(), "The database has more than 21 faults, found by 2 of 3 checks.");
    }
}
