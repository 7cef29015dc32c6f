//! The repository's files for systemd, containers and a cluster of processes: parsed, checked, and run as far as a machine without them can.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::nats::nodes::nodes_with;
use crate::support::client::TestUser;
use crate::support::nats::Nats;
use crate::support::node::program;
use crate::support::postgres::bin;
use crate::support::socket::TEST_TIMEOUT;

const OPERATIONS: &str = include_str!("../../docs/operations.md");
const COMPOSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docker-compose.yml");

/// Returns the file for Docker Compose. Python's yaml knows its merge keys.
pub(crate) fn compose() -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output = Command::new("python3").args(["-c", script, COMPOSE]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the tests need Python's yaml (apt-get install python3-yaml): {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the first block of this language in the chapter.
fn block(chapter: &str, language: &str) -> &'static str {
    let (_, rest) = OPERATIONS.split_once(&format!("\n## {chapter}\n")).expect("the chapter");
    let (_, rest) = rest.split_once(&format!("\n```{language}\n")).expect("the block");
    rest.split_once("```").expect("its end").0
}

fn names(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        Value::Object(fields) => fields.keys().map(String::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_containers_start_as_before_without_the_profile() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let default: BTreeSet<&str> =
        services.iter().filter(|(_, service)| service["profiles"].is_null()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(default, BTreeSet::from(["chinwag", "postgres"]));
    assert_eq!(services["chinwag"]["ports"], serde_json::json!(["127.0.0.1:8080:8080"]));
}

#[test]
fn the_containers_of_the_cluster_are_hardened_and_their_secrets_are_files() {
    let compose = compose();
    let image = include_str!("../../Dockerfile");
    let help = Command::new(program()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut nodes = 0;
    for (name, service) in compose["services"].as_object().unwrap() {
        if service["profiles"] != serde_json::json!(["cluster"]) {
            continue;
        }
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
        assert!(service["ulimits"]["nofile"].as_u64().unwrap() >= 100_000, "{name}");
        let is_node = service["build"] == ".";
        assert!(service["healthcheck"].is_object() || is_node && image.contains("\nHEALTHCHECK "), "{name}");
        assert!(service["ports"].is_null() || name == "proxy", "{name}");
        for network in names(&service["networks"]) {
            assert!(compose["networks"][network]["internal"] == true || name == "proxy", "{name}: {network}");
        }
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let is_secret = ["URL", "SECRET", "PASSWORD"].iter().any(|word| variable.contains(word));
            if let Some(secret) = value.as_str().and_then(|value| value.strip_prefix("/run/secrets/")) {
                assert!(variable.ends_with("_FILE"), "{name}: {variable}");
                assert!(names(&service["secrets"]).contains(secret), "{name}: {secret}");
                assert_eq!(compose["secrets"][secret]["file"], format!("secrets/{secret}"));
            } else {
                assert!(!is_secret, "{name}: {variable}");
            }
            if is_node {
                assert!(help.contains(&format!("[env: {variable}")), "{variable}");
            }
        }
        if is_node {
            nodes += 1;
            let drain = service["environment"]["CHINWAG_DRAIN_SECONDS"].as_u64().unwrap();
            let grace = service["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse::<u64>().unwrap();
            assert!(grace > drain, "{name}");
            let front = &compose["networks"]["front"]["ipam"]["config"][0]["subnet"];
            assert_eq!(&service["environment"]["CHINWAG_TRUSTED_PROXIES"], front);
        }
        for other in names(&service["depends_on"]) {
            assert!(compose["services"][other].is_object(), "{name}: {other}");
        }
    }
    assert_eq!(nodes, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secrets_of_the_containers_are_what_the_servers_take() {
    let folder = tempfile::tempdir().unwrap();
    let script = block("In containers", "sh");
    let output = Command::new("sh").args(["-euc", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let secrets = folder.path().join("secrets");
    let declared = compose();
    for name in names(&declared["secrets"]) {
        assert!(fs::read_to_string(secrets.join(name)).unwrap().len() >= 20, "{name}");
    }
    let url = secrets.join("database-url");
    let text = fs::read_to_string(&url).unwrap().replace("@cluster-postgres/", "@127.0.0.1:1/");
    fs::write(&url, text).unwrap();
    let output = Command::new(program()).arg("check").arg("--database-url-file").arg(&url).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("127.0.0.1:1 cannot be used: "), "the URL is read: {error}");

    let (config, url) = (secrets.join("nats-config"), secrets.join("nats-url"));
    let nats = Nats::with(&fs::read_to_string(config).unwrap()).await;
    let text = fs::read_to_string(&url).unwrap().replace("@nats:4222", &format!("@{}", nats.address()));
    fs::write(&url, text).unwrap();
    nodes_with(&["--nats-url-file", url.to_str().unwrap()]).await[0].has_logged("connected to NATS", 1).await;
}

#[test]
fn systemd_accepts_the_unit() {
    let text = block("Under systemd", "ini");
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).expect("the setting");
    let (_, drain) = text.split_once("CHINWAG_DRAIN_SECONDS=").unwrap();
    let drain: u64 = drain.lines().next().unwrap().parse().unwrap();
    assert!(value("TimeoutStopSec").parse::<u64>().unwrap() > drain);
    let expected = [
        ("KillSignal", "SIGTERM"),
        ("Restart", "always"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "chinwag"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
    ];
    for (name, expected) in expected {
        assert_eq!(value(name), expected, "{name}");
    }
    assert!(value("LimitNOFILE").parse::<u64>().unwrap() >= 100_000);
    let Some(systemd) = bin("systemd-analyze") else { return eprintln!("skipped: systemd-analyze is not installed") };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chinwag.service");
    fs::write(&file, text.replace("/usr/local/bin/chinwag", Path::new(&program()).to_str().unwrap())).unwrap();
    let output = Command::new(systemd).args(["verify", "--man=no"]).arg(&file).output().unwrap();
    // A misspelt setting is a line and no failure.
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_processes_serves_and_ends_at_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster.sh");
    let mut command = tokio::process::Command::new(script);
    command.env("CHINWAG_BIN", program()).env("PORTS", "0 0 0").env("TMPDIR", folder.path());
    command.env("NATS_PORT", "-1"); // a free one
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    // PostgreSQL runs as a user of its own if the tests run as root.
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut cluster = command.spawn().unwrap();
    let mut lines = BufReader::new(cluster.stdout.take().unwrap()).lines();
    let mut addresses = Vec::new();
    let last = loop {
        let line = timeout(3 * TEST_TIMEOUT, lines.next_line()).await.expect("a line").unwrap().expect("a line");
        match line.strip_prefix("http://") {
            Some(address) => addresses.push(address.parse().unwrap()),
            None => break line,
        }
    };
    assert!(addresses.len() == 3 && last.contains("3 nodes on PostgreSQL"), "{last}: {addresses:?}");
    let ada = TestUser::register(addresses[0], "ada").await;
    let room = ada.group("Lunch", &[]).await;
    ada.send(&room, "on the first").await;
    let there = TestUser { address: addresses[2], ..ada };
    let history = there.get(&room.messages).await.expect(200).json();
    assert_eq!(history["items"][0]["content"], "on the first");

    kill_process(Pid::from_raw(cluster.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    let ended = timeout(3 * TEST_TIMEOUT, cluster.wait()).await.expect("it ends").unwrap();
    assert_eq!(ended.code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "its folder is removed");
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address}");
    }
}
