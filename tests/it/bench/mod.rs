//! `chinwag bench`: each scenario measures something, and reports no figures if the server's behaviour is wrong.

mod fake;

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::postgres;
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;
use fake::{Fake, Fault};

/// Runs the bench to its end.
async fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command.arg("bench").args(arguments).kill_on_drop(true);
    let ended = timeout(3 * TEST_TIMEOUT, command.output()).await;
    ended.unwrap_or_else(|_| panic!("bench {arguments:?} does not end")).unwrap()
}

/// Runs a short bench, and returns its figures.
async fn figures(arguments: &[&str]) -> Value {
    let brief = ["--seconds", "0.2", "--warm-up", "0", "--runs", "1", "--json"];
    let output = bench(&[arguments, &brief[..]].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(!said.contains(r#""message":"request""#), "the server spends time on a line for each request: {said}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["missing"], 0);
    figures
}

/// Returns the count of this kind in the only run, which is not 0.
fn count(figures: &Value, many: &str) -> u64 {
    let count = figures["runs"][0][many].as_u64().unwrap();
    assert!(count > 0, "no {many}: {figures}");
    count
}

#[tokio::test]
async fn a_room_is_measured() {
    let figures = figures(&["fanout", "--members", "5", "--publishers", "2"]).await;
    assert_eq!(count(&figures, "deliveries"), 5 * count(&figures, "messages"));
    assert!(figures["latency_ms"]["delivery"]["p50"].as_f64().unwrap() > 0.0);
    assert!(
        figures["median"]["server_us_per_message"].is_number() && figures["median"]["client_share_percent"].is_number()
    );
}

#[tokio::test]
async fn pairs_are_measured() {
    let figures = figures(&["pairs", "--conversations", "3"]).await;
    assert_eq!(count(&figures, "deliveries"), 2 * count(&figures, "messages"));
}

#[tokio::test]
async fn pairs_on_postgresql_are_measured_and_its_cpu_is_said_not_to_be() {
    let url = postgres::database().await;
    let figures = figures(&["pairs", "--conversations", "3", "--database-url", &url]).await;
    assert_eq!(count(&figures, "deliveries"), 2 * count(&figures, "messages"));
    assert!(figures["notes"][0].as_str().unwrap().contains("PostgreSQL's own CPU time"), "{figures}");
}

#[tokio::test]
async fn pairs_that_share_users_are_measured_at_a_fixed_rate() {
    let figures = figures(&["pairs", "--conversations", "9", "--users", "4", "--rate", "200"]).await;
    assert_eq!((count(&figures, "messages"), count(&figures, "deliveries")), (40, 80), "200 a second for 0.2 s");
    assert!(figures["latency_ms"]["lateness"]["p99"].is_number());
}

#[tokio::test]
async fn rooms_are_measured() {
    let figures = figures(&["rooms", "--rooms", "4", "--members", "3", "--users", "6", "--publishers", "5"]).await;
    assert_eq!(count(&figures, "deliveries"), 3 * count(&figures, "messages"));
}

#[tokio::test]
async fn edits_are_measured_beside_a_bystander() {
    let figures = figures(&["edits", "--conversations", "4", "--editors", "3"]).await;
    assert_eq!(count(&figures, "deliveries"), 2 * count(&figures, "edits"));
    for name in ["edit", "bystander", "lateness"] {
        assert!(figures["latency_ms"][name]["p99"].as_f64().unwrap() > 0.0, "{name}: {figures}");
    }
    assert!(figures["median"]["server_us_per_edit"].is_number());
}

#[tokio::test]
async fn edits_on_postgresql_are_measured() {
    let url = postgres::database().await;
    let figures = figures(&["edits", "--conversations", "3", "--window", "4", "--database-url", &url]).await;
    assert_eq!(count(&figures, "deliveries"), 2 * count(&figures, "edits"));
}

#[tokio::test]
async fn a_bystander_without_editors_is_measured() {
    let figures = figures(&["edits", "--conversations", "2", "--editors", "0", "--rate", "200"]).await;
    assert_eq!((count(&figures, "messages"), count(&figures, "deliveries")), (40, 80), "200 a second for 0.2 s");
    assert!(figures["latency_ms"]["bystander"]["p50"].is_number());
    assert!(figures["latency_ms"]["edit"].is_null(), "{figures}");
}

#[tokio::test]
async fn a_storm_of_reactions_is_measured() {
    let figures = figures(&["reactions", "--members", "300"]).await;
    assert_eq!(count(&figures, "reactions"), 300);
    let events = count(&figures, "events");
    assert!(events < 300 / 5, "reactions that wait together are one event: {figures}");
    assert_eq!(count(&figures, "frames"), 300 * events);
    assert_eq!(figures["median"]["events"], f64::from(u32::try_from(events).unwrap()));
    assert!(figures["latency_ms"]["reaction"]["max"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn idle_connections_are_measured() {
    let arguments = ["idle", "--connections", "10", "--room", "4", "--burst", "6", "--after", "0,1"];
    let figures = figures(&arguments).await;
    // Two rooms of four and one of two.
    assert_eq!((&figures["messages"], &figures["deliveries"]), (&18.into(), &60.into()));
    let memory = figures["memory"].as_array().unwrap();
    assert!(memory.iter().all(|state| state["resident_bytes"].as_u64().unwrap() > 1_000_000));
    assert_eq!(memory.len(), 5, "before, idle, and three times after the burst");
}

#[tokio::test]
async fn a_crowd_is_measured() {
    let figures = figures(&["crowd", "--members", "6", "--connections", "3", "--messages", "2"]).await;
    let runs = figures["runs"].as_array().unwrap();
    assert!(runs.len() == 2 && runs.iter().all(|run| run["deliveries"] == 18), "{figures}");
    assert!(runs.iter().all(|run| run["bytes"].as_u64().unwrap() > 18 * 64));
}

#[tokio::test]
async fn two_nodes_are_measured() {
    let url = postgres::database().await;
    let nodes = ["--nodes", "2", "--database-url", &url];
    let figures = figures(&[&["pairs", "--conversations", "3"][..], &nodes[..]].concat()).await;
    assert_eq!(count(&figures, "deliveries"), 2 * count(&figures, "messages"));
    let figures = self::figures(&[&["crowd", "--members", "5", "--messages", "1"][..], &nodes[..]].concat()).await;
    assert_eq!(count(&figures, "deliveries"), 10);
}

#[tokio::test]
async fn connections_are_measured() {
    let figures = figures(&["connect", "--connections", "30", "--at-once", "3"]).await;
    assert!(count(&figures, "connections") <= 30);
}

#[tokio::test]
async fn pages_are_measured() {
    count(&figures(&["history", "--messages", "120", "--connections", "2"]).await, "pages");
}

#[tokio::test]
async fn logins_are_measured_beside_messages() {
    let figures = figures(&["login", "--accounts", "2", "--beside", "100"]).await;
    count(&figures, "logins");
    for name in ["login", "delivery without logins", "delivery beside logins"] {
        assert!(figures["latency_ms"][name]["p50"].is_number(), "{name}: {figures}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_already_is_measured() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let url = format!("http://{}", server.address);
    let pid = std::process::id().to_string();
    let figures = figures(&["fanout", "--members", "3", "--url", &url, "--pid", &pid]).await;
    assert_eq!(count(&figures, "deliveries"), 3 * count(&figures, "messages"));
    assert!(figures["median"]["server_us_per_message"].is_number());
    let figures = self::figures(&["edits", "--conversations", "40", "--editors", "2", "--url", &url]).await;
    count(&figures, "edits");
    let figures = self::figures(&["history", "--messages", "70", "--url", &url]).await;
    count(&figures, "pages");
    assert!(figures["median"]["server_us_per_page"].is_null(), "the process is not known");
}

#[tokio::test]
async fn a_fake_that_does_it_right_is_measured() {
    let fake = Fake::start(None).await;
    let figures = figures(&["fanout", "--members", "4", "--url", &fake.url]).await;
    assert_eq!(count(&figures, "deliveries"), 4 * count(&figures, "messages"));
}

#[tokio::test]
async fn there_is_no_figure_of_what_is_not_in_order() {
    let fanout = &["fanout", "--members", "4"][..];
    // The bystander's two messages do not reach the number of the wrong one.
    let edits = &["edits", "--conversations", "1", "--window", "4", "--rate", "4"][..];
    for (fault, reason) in [
        (Fault::Drops, "after"),
        (Fault::Doubles, "after"),
        (Fault::Reorders, "after"),
        (Fault::Differs, "not the same message to everybody"),
        (Fault::Renumbers, "one's own, but not the next one"),
        (Fault::Refuses, "rate_limited"),
        (Fault::Closes, "closed a connection"),
    ] {
        for scenario in [fanout, edits] {
            let fake = Fake::start(Some(fault)).await;
            let brief = ["--seconds", "0.5", "--warm-up", "0", "--runs", "1", "--url", &fake.url];
            let output = bench(&[scenario, &brief[..]].concat()).await;
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success(), "{scenario:?} {fault:?}");
            assert!(output.stdout.is_empty(), "{fault:?}: {}", String::from_utf8_lossy(&output.stdout));
            assert!(
                stderr.starts_with("chinwag: bench: ") && stderr.contains(reason),
                "{scenario:?} {fault:?}: {stderr}"
            );
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
}

#[tokio::test]
async fn bad_usage_is_refused_in_one_line() {
    for (arguments, named) in [
        (&["fanout", "--members", "many"][..], "'--members <NUMBER>': takes a whole number from 1 on"),
        (&["connect", "--at-once", "0"], "'--at-once <NUMBER>': takes a whole number from 1 on"),
        (&["pairs", "--rate", "1.5"], "'--rate <NUMBER>': takes a whole number from 1 on"),
        (&["edits", "--editors", "some"], "'--editors <NUMBER>': takes a whole number"),
        (&["fanout", "--members", "2", "--publishers", "3"], "--publishers"),
        (&["pairs", "--window", "2", "--rate", "10"], "--rate"),
        (&["edits", "--conversations", "2", "--editors", "3"], "--editors"),
        (&["pairs", "--seconds", "0"], "--seconds"),
        (&["pairs", "--nodes", "2"], "--nodes"),
        (&["pairs", "--pid", "1"], "--url"),
        (&["history", "--limit", "201"], "--limit"),
        (&["nonsense"], "nonsense"),
    ] {
        let output = bench(arguments).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr.contains(named) && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn help_explains_every_option() {
    let output = bench(&["fanout", "--help"]).await;
    let help = String::from_utf8(output.stdout).unwrap();
    for option in
        ["--members", "--publishers", "--window", "--rate", "--seconds", "--warm-up", "--json", "--database-url"]
    {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
}
