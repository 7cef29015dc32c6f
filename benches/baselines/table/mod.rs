//! The table: measures Chinwag and its baselines in alternation, and checks the goals.
//!
//! A round runs Chinwag and each baseline once, each in a new process and on a new database. Every second round has the reverse order.
//! Medians of the rounds are compared. A baseline that is not installed is skipped; then its goal is not known.

mod goals;
mod rows;
mod runner;

use std::fs;

use chinwag::server;
use serde_json::{Value, json};

use self::goals::{CaseRuns, report_row};
use self::rows::{ROWS, Row};
use self::runner::Runner;
use crate::Arguments;
use crate::database::StoreKind;

/// Rounds.
const RUNS: usize = 5;
/// Seconds of each run, after a second of warm-up.
const SECONDS: usize = 5;

/// Measures the named rows, or all.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let names = arguments.positional();
    let is_selected = |row: &&Row| names.is_empty() || names.contains(&row.name);
    let selected: Vec<&Row> = ROWS.iter().filter(is_selected).collect();
    if selected.is_empty() {
        return Err(format!("the rows are {}", ROWS.map(|row| row.name).join(", ")));
    }
    let store = match arguments.value("--store") {
        None | Some("sqlite") => StoreKind::Sqlite,
        Some("postgres") => StoreKind::Postgres,
        Some(_) => return Err("--store takes sqlite or postgres".to_owned()),
    };
    let runner = Runner { seconds: arguments.number("--seconds", SECONDS)?, store };
    let runs = arguments.number("--runs", RUNS)?.max(1);
    server::raise_open_files();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "medians of {runs} runs of {} s in alternation; server, clients and database share {cores} cores",
        runner.seconds
    );
    let mut report = Vec::new();
    for row in selected {
        let cases = row.cases.iter().map(|case| run_rounds(row, case, &runner, runs)).collect::<Result<Vec<_>, _>>()?;
        report.push(report_row(row, store, &cases));
        // The file is written after each row, so that a later failure does not lose the results.
        if let Some(file) = arguments.value("--json") {
            let text = Value::from(report.clone()).to_string();
            fs::write(file, text).map_err(|error| format!("{file}: {error}"))?;
        }
    }
    Ok(())
}

/// Runs all rounds of a case.
fn run_rounds(row: &Row, case: &'static str, runner: &Runner, runs: usize) -> Result<CaseRuns, String> {
    let systems = 1 + row.baselines.len();
    let mut results = CaseRuns { case, runs: vec![Vec::new(); systems] };
    for round in 0..runs {
        let mut order: Vec<usize> = (0..systems).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for system in order {
            let run = match system.checked_sub(1) {
                None => runner.run_chinwag(case)?,
                Some(baseline) => match runner.run_baseline(case, &row.baselines[baseline]) {
                    Ok(run) => run,
                    Err(reason) => {
                        eprintln!("{reason}");
                        json!(null)
                    }
                },
            };
            results.runs[system].push(run);
        }
    }
    Ok(results)
}
