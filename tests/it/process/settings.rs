//! Environment variables: empty ones, and unknown ones.

use serde_json::json;

use super::{Running, chinwag, refused};

/// Every variable that the server knows.
const VARIABLES: [&str; 13] = [
    "CHINWAG_LISTEN",
    "CHINWAG_DATA",
    "DATABASE_URL",
    "CHINWAG_JWT_SECRET",
    "CHINWAG_JWT_SECRET_FILE",
    "CHINWAG_ALLOWED_ORIGINS",
    "CHINWAG_TRUSTED_PROXIES",
    "CHINWAG_ACCESS_TOKEN_TTL",
    "CHINWAG_REFRESH_TOKEN_TTL",
    "CHINWAG_RATE_LIMITS",
    "CHINWAG_DRAIN_SECONDS",
    "CHINWAG_LOG_FORMAT",
    "RUST_LOG",
];

#[test]
fn an_empty_variable_is_an_unset_one() {
    let mut command = chinwag(&[]);
    command.envs(VARIABLES.map(|variable| (variable, "")));
    let mut running = Running::run(command, tempfile::tempdir().unwrap(), &[]);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.log_line()["level"], "INFO", "no warning, and not silent");
    assert!(running.child.wait().unwrap().success());
}

#[test]
fn an_empty_flag_is_refused() {
    let error = refused(&["--drain-seconds="], &[]);
    assert!(error.contains("CHINWAG_DRAIN_SECONDS (--drain-seconds)") && error.lines().count() == 1, "{error}");
}

#[test]
fn unknown_variables_are_named_in_one_warning() {
    let mut command = chinwag(&[]);
    command
        .env("CHINWAG_PORT", "tcp://10.0.0.7:8080")
        .env("CHINWAG_DRAIN_SECOND", "5")
        .env("CHINWAG_DRAIN_SECONDS", "5");
    let mut running = Running::run(command, tempfile::tempdir().unwrap(), &[]);
    let warning = running.log_line();
    assert_eq!(
        (&warning["level"], &warning["variables"]),
        (&json!("WARN"), &json!("CHINWAG_DRAIN_SECOND, CHINWAG_PORT"))
    );
}

#[test]
fn levels_of_modules_alone_do_not_silence_it() {
    let mut command = chinwag(&[]);
    command.env("RUST_LOG", "misspelt=debug");
    drop(Running::run(command, tempfile::tempdir().unwrap(), &[])); // it reads the first log line
}
