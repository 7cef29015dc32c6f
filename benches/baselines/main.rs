//! The limits: what the machine itself can do, so that each speed figure of Chinwag's has its limit beside it.
//!
//! `cargo bench --bench baselines -- MODE`, or the program itself in `target/release/deps`. Modes that serve speak just so much of
//! Chinwag's protocol that `chinwag bench` can drive them as it drives Chinwag; they print one JSON line with their `url` when they
//! are ready, and run until they are killed. Without a mode, or with one that is another bench's, there is only [`USAGE`].
//! `docs/performance.md` keeps the figures.

mod bun;
mod committer;
mod counts;
mod database;
mod frames;
mod instructions;
mod peer;
#[path = "../../tests/it/support/postgres.rs"]
#[allow(clippy::unwrap_used, dead_code)] // it is made for tests, and can do more than a bench needs
mod postgres;
mod protocol;
mod raw_sql;
mod relay;
mod room;
mod rows;
mod select;
mod static_page;
mod table;

use std::env;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "limits: give a mode after `--`
  relay [--join] [--commit sqlite:FILE|postgres://…]  serves: an epoll loop that passes each message on
  bun                                                 serves: the same on Bun, which is installed by npm if it must be
  answer [--items N] [--bytes N]                      serves: a page of so many messages, or so many bytes, by bare hyper
  rows --sqlite [FILE]|--postgres [URL] [--seconds S]    rows a second, bare and by Chinwag's own commit
  select --sqlite [FILE]|--postgres [URL] [--seconds S]  pages of 50 rows a second
  counts --pid PID [--seconds S]                      a process's calls of the kernel, and the threads that it wakes
  instructions [PART]                                 instructions a message, and whether they are within budget
  table [ROW…] [--runs N] [--seconds S] [--store sqlite|postgres] [--json FILE]
                                                      Chinwag and its limits by turns, row by row, and whether goals are met
What serves takes --listen ADDRESS (a free port of 127.0.0.1) and runs until it is killed.";

/// What was said behind the mode.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// Whether an option is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// What follows an option, unless that is an option too.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let place = self.0.iter().position(|argument| argument == name)?;
        self.0.get(place + 1).map(String::as_str).filter(|value| !value.starts_with("--"))
    }

    /// A number that follows an option.
    pub(crate) fn number(&self, name: &str, default: usize) -> Result<usize, String> {
        self.value(name).map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name} takes a number")))
    }

    /// What follows `--seconds`.
    pub(crate) fn seconds(&self, default: usize) -> Result<Duration, String> {
        Ok(Duration::from_secs(self.number("--seconds", default)? as u64))
    }

    /// What stands before the first option.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).take_while(|word| !word.starts_with("--")).collect()
    }

    /// Binds the address that is asked for, and tells it.
    pub(crate) fn listen(&self) -> Result<TcpListener, String> {
        let listener = TcpListener::bind(self.value("--listen").unwrap_or("127.0.0.1:0"));
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| format!("--listen: {error}"))?;
        println!(r#"{{"url":"http://{address}"}}"#);
        Ok(listener)
    }
}

fn main() -> ExitCode {
    // `cargo bench` and `cargo test` give flags of criterion's, and words that choose other benches.
    let mut words = env::args().skip(1).filter(|argument| argument != "--bench");
    let mode = words.next().unwrap_or_default();
    let arguments = Arguments(words.collect());
    let ran = match mode.as_str() {
        "relay" => relay::serve(&arguments),
        "bun" => bun::serve(&arguments),
        "answer" => static_page::serve(&arguments),
        "rows" => rows::measure(&arguments),
        "select" => select::measure(&arguments),
        "counts" => counts::measure(&arguments),
        "table" => table::measure(&arguments),
        "instructions" => instructions::measure(&arguments),
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("limits {mode}: {reason}");
            ExitCode::FAILURE
        }
    }
}
