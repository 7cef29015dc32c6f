//! `chinwag`: runs the command that the first argument names. Without one it serves.

use std::ffi::OsString;
use std::process::ExitCode;

use chinwag::server::commands;
use chinwag::{bench, console};
use tikv_jemallocator::Jemalloc;

/// jemalloc returns free memory to the system and fragments little. That matters because the memory of a long-lived connection is
/// allocated between buffers that are freed after its handshake. `.cargo/config.toml` sets how soon it returns memory.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let result = match arguments.get(1).and_then(|name| name.to_str()) {
        Some("backup") => commands::backup::backup(&arguments[1..]),
        Some("restore") => commands::backup::restore(&arguments[1..]),
        // Its exit codes say more than the others'.
        Some("check") => return commands::check::run(&arguments[1..]),
        Some("copy") => commands::copy::run(&arguments[1..]),
        Some("invite") => commands::invite::run(&arguments[1..]),
        Some("message") => commands::message::run(&arguments[1..]),
        Some("migrate") => commands::migrate::run(&arguments[1..]),
        Some("report") => commands::report::run(&arguments[1..]),
        Some("registration") => commands::registration::run(&arguments[1..]),
        Some("user") => commands::user::run(&arguments[1..]),
        Some("bench") => bench::run(&arguments[1..]),
        Some("chat") => console::run(&arguments[1..]),
        _ => commands::serve::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chinwag: {reason}");
            ExitCode::FAILURE
        }
    }
}
