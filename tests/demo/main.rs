//! `make demo` starts a server and three clients, and shows Chinwag's promises in one minute's reading.

#![allow(clippy::unwrap_used)] // a demo that cannot continue panics

mod play;
mod stage;
mod support;

use std::env;
use std::io::{IsTerminal, stdout};
use std::process::ExitCode;

use stage::Stage;

#[tokio::main]
async fn main() -> ExitCode {
    // https://no-color.org: any value that is not empty
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut stage = Stage::new(stdout(), stdout().is_terminal() && !plain);
    play::play(&mut stage).await;
    if stage.all_is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
