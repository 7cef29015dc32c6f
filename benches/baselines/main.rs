//! The baselines: programs and statements that do less than Chinwag on the same machine. Each figure of Chinwag is compared with one.
//!
//! `cargo bench --bench baselines -- MODE`, or the program itself in `target/release/deps`. A mode that serves implements as much of
//! Chinwag's protocol as `chinwag bench` needs. It prints a JSON line with its `url` when it is ready, and runs until it is killed.
//! Without a mode, or with an unknown one, the program prints [`USAGE`]. `docs/performance.md` keeps the figures.

mod bun;
mod committer;
mod counts;
mod database;
mod frames;
mod instructions;
mod peer;
#[path = "../../tests/it/support/postgres.rs"]
#[allow(clippy::unwrap_used, dead_code)] // written for tests, with more than a baseline needs
mod postgres;
mod protocol;
mod raw_sql;
mod relay;
#[path = "../../tests/it/support/reserved_port.rs"]
#[allow(clippy::unwrap_used)] // written for tests
mod reserved_port;
mod room;
mod rows;
mod search;
mod select;
mod static_page;
mod table;

use std::env;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "baselines: give a mode after `--`
  relay [--join] [--commit sqlite:FILE|postgres://…]  serves: an epoll loop that relays each message
  bun                                                 serves: the same on Bun, which npm installs if it is missing
  static-page [--items N] [--bytes N]                 serves: a page of so many messages, or so many bytes, by bare hyper
  rows --sqlite [FILE]|--postgres [URL] [--seconds S]    rows a second, bare and by Chinwag's own commit
  select --sqlite [FILE]|--postgres [URL] [--seconds S]  pages of 50 rows a second
  search --sqlite [FILE]|--postgres [URL] [--messages N] indexes messages, and searches them
  counts --pid PID [--seconds S]                      a process's system calls, and the threads that it wakes
  instructions [PART]                                 instructions a message, and whether they are within budget
  table [ROW…] [--runs N] [--seconds S] [--store sqlite|postgres] [--json FILE]
                                                      Chinwag and its baselines in alternation, and whether the goals are met
A mode that serves takes --listen ADDRESS (default: a free port of 127.0.0.1) and runs until it is killed.";

/// The arguments after the mode.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// Returns true when an option is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// Returns the argument after an option, unless it is an option too.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let index = self.0.iter().position(|argument| argument == name)?;
        self.0.get(index + 1).map(String::as_str).filter(|value| !value.starts_with("--"))
    }

    /// Returns the number after an option.
    pub(crate) fn number(&self, name: &str, default: usize) -> Result<usize, String> {
        self.value(name).map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name} takes a number")))
    }

    /// Returns the duration after `--seconds`.
    pub(crate) fn seconds(&self, default: usize) -> Result<Duration, String> {
        Ok(Duration::from_secs(self.number("--seconds", default)? as u64))
    }

    /// Returns the arguments before the first option.
    pub(crate) fn positional(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).take_while(|word| !word.starts_with("--")).collect()
    }

    /// Binds the address of `--listen`, and prints its URL.
    pub(crate) fn listen(&self) -> Result<TcpListener, String> {
        let listener = TcpListener::bind(self.value("--listen").unwrap_or("127.0.0.1:0"));
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| format!("--listen: {error}"))?;
        println!(r#"{{"url":"http://{address}"}}"#);
        Ok(listener)
    }
}

fn main() -> ExitCode {
    // `cargo bench` and `cargo test` pass criterion's flags, and names that select other benches.
    let mut words = env::args().skip(1).filter(|argument| argument != "--bench");
    let mode = words.next().unwrap_or_default();
    let arguments = Arguments(words.collect());
    let result = match mode.as_str() {
        "relay" => relay::serve(&arguments),
        "bun" => bun::serve(&arguments),
        "static-page" => static_page::serve(&arguments),
        "rows" => rows::measure(&arguments),
        "select" => select::measure(&arguments),
        "search" => search::measure(&arguments),
        "counts" => counts::measure(&arguments),
        "table" => table::measure(&arguments),
        "instructions" => instructions::measure(&arguments),
        _ => {
            println!("{USAGE}");
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("baselines {mode}: {reason}");
            ExitCode::FAILURE
        }
    }
}
