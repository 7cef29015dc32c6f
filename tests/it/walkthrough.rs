//! The README's examples work as printed. The walk-through runs twice against one server: in a shell, and then in a browser's console. The
//! example of the client module runs in a browser's console and in Node.

use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::browser::Browser;
use crate::support::client::TestUser;
use crate::support::process::Process;
use crate::support::socket::Socket;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
/// The server's address in the README.
const ADDRESS: &str = "127.0.0.1:8080";

/// Time for the six calls of the walk-through, each of which is answered within five seconds.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(40);

/// Starts the binary, and returns it with its address. `env -i` clears the environment, which could configure the server.
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

/// Returns the code block in a language of a part of the README.
fn block<'a>(readme: &'a str, part: &str, language: &str) -> &'a str {
    let between = |text: &'a str, begin: &str, end: &str| {
        let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("the README has no {begin:?}"));
        rest.split_once(end).unwrap_or_else(|| panic!("the README has no {end:?} after {begin:?}")).0
    };
    let part = between(readme, &format!("<!-- {part} -->\n"), &format!("<!-- /{part} -->"));
    between(part, &format!("\n```{language}\n"), "\n```\n")
}

/// Runs the shell's block, and returns the lines that it prints. A server on a machine that is too busy to answer in time says 503; then the block
/// runs again, as its reader would run it.
async fn run(script: &str) -> Vec<String> {
    const BUSY: &str = "The requested URL returned error: 503";
    let mut tries = 0..3;
    loop {
        let mut shell = tokio::process::Command::new("bash");
        shell.args(["-eu", "-o", "pipefail", "-c", script]).env("no_proxy", "127.0.0.1").kill_on_drop(true);
        let output = timeout(SCRIPT_TIMEOUT, shell.output()).await.expect("a script that ends").unwrap();
        let (printed, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        if errors.contains(BUSY) && tries.next().is_some() {
            continue;
        }
        assert!(output.status.success() && errors.is_empty(), "{printed}\n{errors}");
        return printed.lines().map(str::to_owned).collect();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_through_works_as_it_stands() {
    let (_server, address) = start().await;
    let readme = fs::read_to_string(README).unwrap();
    let here = |text: &str| text.replace(ADDRESS, &address);
    let script = block(&readme, "walk-through", "sh");
    assert!(script.contains(ADDRESS));
    let script = here(script);

    let mut usernames = Vec::new();
    for _ in 0..2 {
        let lines = run(&script).await;
        let [answers @ .., for_the_browser] = lines.as_slice() else { panic!("nothing is printed") };
        // The README shows the last answer, with ellipses for ids and times.
        let history = answers.last().unwrap();
        let mut rest = history.as_str();
        for part in block(&readme, "walk-through", "json").split('…') {
            let part = part.trim();
            let at = rest.find(part).unwrap_or_else(|| panic!("the README says {part}, the server {history}"));
            rest = &rest[at + part.len()..];
        }
        let answers: Vec<Value> = answers.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [ada, sent, history] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!(ada["id"], sent["sender_id"]);
        assert_eq!(history["items"][0], *sent);
        usernames.push((ada["username"].clone(), for_the_browser.clone()));
    }
    let [first, second] = usernames.as_slice() else { panic!("{usernames:?}") };
    assert!(first.0 != second.0 && first.1 != second.1, "each run has users of its own");

    let browser = Browser::start().await;
    let page = browser.open(&format!("http://{address}/")).await;
    page.eval("window.logged = []; console.log = (line) => logged.push(JSON.parse(line))").await;
    page.run_statements(&second.1).await;
    page.run_statements(&here(block(&readme, "walk-through", "js"))).await;
    page.until("logged.some((frame) => frame.message?.content === 'hi')").await;
    assert_eq!(page.eval("logged[0].type").await, "hello");
    let received = page
        .eval("logged.filter((frame) => frame.type === 'message.new').map((frame) => frame.message.content).join()");
    assert_eq!(received.await, "Soup today?,hi");
}

/// The oldest release of Node that has a WebSocket.
const NODE_OLDEST: (u32, u32) = (20, 10);

/// Returns false if there is no Node that can run the client. That is a failure where everything must be there.
fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    let is_new = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NODE_OLDEST;
    if !is_new {
        let missing = format!("Node {}.{} or newer is missing, here is {version:?}", NODE_OLDEST.0, NODE_OLDEST.1);
        assert!(env::var_os("CI").is_none(), "{missing}");
        eprintln!("Not tested: {missing}");
    }
    is_new
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_example_works_in_a_browser_and_in_node() {
    let (_server, address) = start().await;
    let grace = TestUser::register(address.parse().unwrap(), "grace").await;
    let readme = fs::read_to_string(README).unwrap();
    let example = block(&readme, "client", "js");
    assert!(example.lines().count() <= 25, "it fits a screen");
    let example = example.replace(ADDRESS, &address);
    let answer = async |socket: &mut Socket| {
        let is_question = |message: &Value| message["content"] == "Soup today?";
        let mut message = Value::Null;
        while !is_question(&message) {
            message = socket.next_of(&["message.new"]).await["message"].take();
        }
        let messages = format!("/v1/conversations/{}/messages", message["conversation_id"].as_str().unwrap());
        grace.post(&messages, &json!({"content": "At noon."})).await.expect(201);
    };

    let browser = Browser::start().await;
    let page = browser.open(&format!("http://{address}/")).await;
    page.eval("window.logged = []; console.log = (...words) => logged.push(words.join(' '))").await;
    let mut socket = grace.connect("/ws").await;
    page.run_statements(&example).await;
    answer(&mut socket).await;
    page.until("logged.includes('message: At noon.') && logged.includes('history: Soup today?,At noon.')").await;
    assert_eq!(page.eval("logged.slice(0, 2).join()").await, "connection: connecting ,connection: connected ");

    if !has_node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("example.mjs");
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/static/client/index.js");
    let example = example.replace("/static/client/index.js", client).replace("\"ada\"", "\"alan\"");
    fs::write(&script, example).unwrap();
    let node = ["node", "--no-warnings", "--experimental-websocket", script.to_str().unwrap()];
    let replied = |line: &str| (line == "message: At noon.").then(|| line.to_owned());
    tokio::join!(Process::start(folder, node, replied), answer(&mut socket));
}
