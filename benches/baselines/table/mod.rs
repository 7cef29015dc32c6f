//! The table: each goal's figure with its limit beside it, taken by turns in the same minutes.
//!
//! A round runs Chinwag and each probe once, each in a process that was just started, on a database that is new; there are so many
//! rounds, the next one in the other direction. Medians are compared. Whoever is not installed is skipped, and the goal is not known.

mod goals;
mod rows;
mod runner;

use std::fs;

use chinwag::app;
use serde_json::{Value, json};

use self::goals::{Measured, tell};
use self::rows::{ROWS, Row};
use self::runner::Manner;
use crate::Arguments;
use crate::database::Kind;

/// Rounds, and seconds of each run behind a second of warm-up.
const RUNS: usize = 5;
const SECONDS: usize = 5;

/// Measures the rows that are named, or all.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let words = arguments.words();
    let named = |row: &&Row| words.is_empty() || words.contains(&row.name);
    let wanted: Vec<&Row> = ROWS.iter().filter(named).collect();
    if wanted.is_empty() {
        return Err(format!("the rows are {}", ROWS.map(|row| row.name).join(", ")));
    }
    let store = match arguments.value("--store") {
        None | Some("sqlite") => Kind::Sqlite,
        Some("postgres") => Kind::Postgres,
        Some(_) => return Err("--store takes sqlite or postgres".to_owned()),
    };
    let manner = Manner { seconds: arguments.number("--seconds", SECONDS)?, store };
    let runs = arguments.number("--runs", RUNS)?.max(1);
    app::raise_open_files();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "medians of {runs} runs of {} s by turns; server, clients and database share {cores} cores",
        manner.seconds
    );
    let mut told = Vec::new();
    for row in wanted {
        let measured = row.cases.iter().map(|case| rounds(row, case, &manner, runs)).collect::<Result<Vec<_>, _>>()?;
        told.push(tell(row, store, &measured));
        // After each row, so that what was measured is kept whatever happens to the next.
        if let Some(file) = arguments.value("--json") {
            let text = Value::from(told.clone()).to_string();
            fs::write(file, text).map_err(|error| format!("{file}: {error}"))?;
        }
    }
    Ok(())
}

/// All rounds of a case.
fn rounds(row: &Row, case: &'static str, manner: &Manner, runs: usize) -> Result<Measured, String> {
    let contenders = 1 + row.probes.len();
    let mut measured = Measured { case, runs: vec![Vec::new(); contenders] };
    for round in 0..runs {
        let mut turns: Vec<usize> = (0..contenders).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for contender in turns {
            let run = match contender.checked_sub(1) {
                None => manner.chinwag(case)?,
                Some(probe) => match manner.probe(case, &row.probes[probe]) {
                    Ok(run) => run,
                    Err(reason) => {
                        eprintln!("{reason}");
                        json!(null)
                    }
                },
            };
            measured.runs[contender].push(run);
        }
    }
    Ok(measured)
}
