//! The walk-through of the README, as a newcomer takes it: against the binary, in a shell and in a browser's console.

use std::fs;

use serde_json::Value;
use tokio::time::timeout;

use crate::support::browser::Browser;
use crate::support::process::Process;
use crate::support::socket::PATIENCE;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
/// Where the README says that the server is.
const ADDRESS: &str = "127.0.0.1:8080";

/// The binary, running, and its address. (`env -i`, since the environment could configure it.)
async fn start() -> (Process, String) {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap().to_owned();
    let binary =
        ["env", "-i", env!("CARGO_BIN_EXE_chinwag"), "--listen=127.0.0.1:0", "--log-format=json", "--data", &folder];
    let ready = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        Some(event["url"].as_str()?.trim_start_matches("http://").to_owned())
    };
    Process::start(data, binary, ready).await
}

/// The walk-through's block in this language.
fn block<'a>(readme: &'a str, language: &str) -> &'a str {
    let between = |text: &'a str, begin: &str, end: &str| {
        let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("the README has no {begin:?}"));
        rest.split_once(end).unwrap_or_else(|| panic!("the README has no {end:?} after {begin:?}")).0
    };
    let part = between(readme, "<!-- walk-through -->\n", "<!-- /walk-through -->");
    between(part, &format!("\n```{language}\n"), "\n```\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_through_works_as_it_stands() {
    let (_server, address) = start().await;
    let readme = fs::read_to_string(README).unwrap();
    let here = |text: &str| text.replace(ADDRESS, &address);

    let script = block(&readme, "sh");
    assert!(script.contains(ADDRESS));
    let mut shell = tokio::process::Command::new("bash");
    shell.args(["-eu", "-o", "pipefail", "-c", &here(script)]).env("no_proxy", "127.0.0.1").kill_on_drop(true);
    let output = timeout(PATIENCE, shell.output()).await.expect("a script that ends").unwrap();
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complained.is_empty(), "{said}\n{complained}");

    // It answers as the README says, but for ids and times: those are the ellipses.
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [ada, sent, history] = answers.as_slice() else { panic!("{said}") };
    assert_eq!((&ada["username"], &sent["sender_id"]), (&"ada".into(), &ada["id"]));
    assert_eq!(history["items"][0], *sent);
    let mut rest = said.lines().last().unwrap();
    for part in block(&readme, "json").split('…') {
        let part = part.trim();
        let at = rest.find(part).unwrap_or_else(|| panic!("the README says {part}, the server {said}"));
        rest = &rest[at + part.len()..];
    }

    let browser = Browser::start().await;
    let page = browser.open(&format!("http://{address}/")).await;
    page.eval("window.logged = []; console.log = (line) => logged.push(JSON.parse(line))").await;
    page.enter(&here(block(&readme, "js"))).await;
    page.until("logged.some((frame) => frame.message?.content === 'hi')").await;
    assert_eq!(page.eval("logged[0].type").await, "hello");
    let heard = page
        .eval("logged.filter((frame) => frame.type === 'message.new').map((frame) => frame.message.content).join()");
    assert_eq!(heard.await, "Soup today?,hi");
}
