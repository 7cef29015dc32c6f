//! Environment variables: empty ones, and unknown ones.

use serde_json::json;

use super::{Running, chinwag, refused};

fn help() -> String {
    String::from_utf8(chinwag(&["--help"]).output().unwrap().stdout).unwrap()
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let help = help();
    let variables: Vec<&str> =
        help.split("[env: ").skip(1).map(|rest| rest.split([']', '=']).next().unwrap()).collect();
    assert!(variables.len() >= 13 && variables.contains(&"RUST_LOG"), "{variables:?}");
    let mut command = chinwag(&[]);
    command.envs(variables.iter().map(|variable| (variable, "")));
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

#[test]
fn every_command_that_the_help_names_has_a_help() {
    let help = help();
    let (_, commands) = help.split_once("\nCommands").unwrap();
    let names: Vec<&str> = commands.split("\n  chinwag ").skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let output = chinwag(&[name, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(&format!("Usage: chinwag {name}")), "{name}: {text}");
    }
}

#[test]
fn an_empty_path_of_certificates_is_an_unset_one() {
    let arguments = ["user", "list", "--database-url", "postgres://127.0.0.1:1/x?sslmode=verify-full"];
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        assert_eq!(refused(&arguments, &[(variable, "")]), refused(&arguments, &[]), "{variable}");
    }
}
