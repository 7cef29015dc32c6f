//! The limits: what the machine itself can do, so that each speed figure of Chinwag's has its limit beside it.
//!
//! `cargo bench --bench limits -- MODE`, or the program itself in `target/release/deps`. Modes that serve speak just so much of
//! Chinwag's protocol that `chinwag bench` can drive them as it drives Chinwag; they print one JSON line with their `url` when they
//! are ready, and run until they are killed. Without a mode, or with one that is another bench's, there is only [`USAGE`].
//! `docs/performance.md` keeps the figures.

mod bare;
mod commit;
mod peer;
mod relay;
mod room;
mod speech;
mod template;

use std::env;
use std::net::TcpListener;
use std::process::ExitCode;

const USAGE: &str = "limits: give a mode after `--`
  relay [--join] [--commit sqlite:FILE|postgres://…]  serves: an epoll loop that passes each message on
All that serve take --listen ADDRESS (a free port of 127.0.0.1).";

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
