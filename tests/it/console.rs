//! `chinwag chat`, the console client, as its users run it: in a pipe, with a real server that also goes away.

use std::process::{ExitStatus, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::client::{PASSWORD, get};
use crate::support::node::Node;
use crate::support::server::StoreKind;
use crate::support::socket::TEST_TIMEOUT;

/// A running client.
struct Console {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Console {
    async fn start(node: &Node, username: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.args([
            "chat",
            "--server",
            &format!("http://{}", node.address),
            "--username",
            username,
            "--password-stdin",
        ]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (output, errors) = (BufReader::new(output).lines(), BufReader::new(errors).lines());
        let mut console = Self { input: child.stdin.take(), child, output, errors };
        console.write(PASSWORD).await;
        console
    }

    async fn write(&mut self, line: &str) {
        self.input.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Returns the next line that has this text.
    async fn line(&mut self, with: &str) -> String {
        found(&mut self.output, with).await
    }

    /// The same of standard error.
    async fn error(&mut self, with: &str) -> String {
        found(&mut self.errors, with).await
    }

    /// Returns the next object of this type.
    async fn object(&mut self, kind: &str) -> Value {
        let line = self.line(&format!("\"type\":\"{kind}\"")).await;
        serde_json::from_str(&line).unwrap()
    }

    /// Ends the input, and waits for the end of the program.
    async fn ended(mut self) -> (ExitStatus, String) {
        drop(self.input.take());
        let status = timeout(TEST_TIMEOUT, self.child.wait()).await.expect("it ends").unwrap();
        let mut rest = String::new();
        while let Some(line) = self.errors.next_line().await.unwrap() {
            rest.push_str(&line);
            rest.push('\n');
        }
        (status, rest)
    }
}

async fn found(lines: &mut Lines<BufReader<impl tokio::io::AsyncRead + Unpin>>, with: &str) -> String {
    let mut passed = Vec::new();
    let search = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(with) {
                return line;
            }
            passed.push(line);
        }
        panic!("it ended without {with:?}: {passed:?}")
    };
    let line = timeout(TEST_TIMEOUT, search).await;
    line.unwrap_or_else(|_| panic!("no line with {with:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_talk() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let team = ada.group("The team", &[&grace]).await;
    ada.send(&team, "an older message").await;

    let mut first = Console::start(&node, "ada", &[]).await;
    first.error("Connected.").await;
    first.write("/list").await;
    assert_eq!(first.line("The team").await, "  1  The team");
    first.write("/open 1").await;
    first.line("--- The team ---").await;
    assert!(first.line("older").await.ends_with("] Ada: an older message"));

    let mut second = Console::start(&node, "grace", &["--to", "the team"]).await;
    second.line("an older message").await;
    second.write("hi Ada").await;
    assert!(first.line("hi").await.ends_with("] Grace: hi Ada"));
    first.write("//slash").await;
    assert!(second.line("slash").await.ends_with("] Ada: /slash"));

    // A conversation that begins meanwhile is heard from its first message.
    first.write("/open grace").await;
    first.line("--- Grace ---").await;
    first.write("between us").await;
    assert!(second.line("between us").await.ends_with("] (Ada) Ada: between us"));
    ada.send(&team, "to all").await;
    assert!(first.line("to all").await.ends_with("] (The team) Ada: to all"));
    first.write("/dance").await;
    first.error("/dance is no command").await;
    first.write("/quit").await;
    assert!(first.ended().await.0.success());
    assert!(second.ended().await.0.success());
    let sessions = ada.get("/v1/users/me/sessions").await.expect(200).json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "the client ended its own: {sessions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_loses_and_doubles_nothing() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let direct = ada.direct(&grace).await;
    let mut console = Console::start(&node, "ada", &["--to", "grace", "--json"]).await;
    console.object("connected").await;
    console.write(r#"{"content": "before"}"#).await;
    console.object("message.new").await;

    // A message that was sent, and whose server ends before it reads it.
    node.signal(Signal::STOP);
    console.write(r#"{"content": "in flight"}"#).await;
    node.kill().await;
    console.object("waiting").await;
    for number in 0..20 {
        console.write(&json!({"content": format!("during {number}")}).to_string()).await;
    }
    node.start().await;
    let mut heard = Vec::new();
    while heard.len() < 21 {
        let event = console.object("message.new").await;
        heard.push(event["message"]["content"].as_str().unwrap().to_owned());
    }
    let during = (0..20).map(|number| format!("during {number}"));
    assert_eq!(heard, ["in flight".to_owned()].into_iter().chain(during).collect::<Vec<_>>());

    // What others say meanwhile comes with the reconnection.
    node.signal(Signal::TERM);
    node.ended().await;
    console.object("waiting").await;
    node.start().await;
    grace.send(&direct, "while you were away").await;
    assert_eq!(console.object("message.new").await["message"]["content"], "while you were away");
    assert!(console.ended().await.0.success());
    let stored = ada.get(&format!("{}?limit=200", direct.messages)).await.expect(200).json();
    assert_eq!(stored["items"].as_array().unwrap().len(), 23, "{stored}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_sends_and_sees_whether_it_worked() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let mut console = Console::start(&node, "ada", &["--json"]).await;
    let id = "01920000-0000-7000-8000-000000000001";
    let line = json!({"content": "/quit\nis a text", "to": "grace", "id": id}).to_string();
    console.write(&line).await;
    console.write(&line).await;
    let (status, errors) = console.ended().await;
    assert!(status.success(), "{errors}");
    let direct = ada.direct(&grace).await;
    let stored = ada.get(&direct.messages).await.expect(200).json();
    assert_eq!(stored["items"].as_array().unwrap().len(), 1, "the same id is one message");
    assert_eq!(stored["items"][0]["content"], "/quit\nis a text");

    let mut console = Console::start(&node, "ada", &["--json"]).await;
    console.write(&json!({"content": "\u{200b}", "to": "grace"}).to_string()).await;
    console.object("error").await;
    console.write(&json!({"content": "hi", "to": "nobody"}).to_string()).await;
    assert_eq!(console.object("error").await["detail"], "There is no conversation and no user called nobody.");
    let (status, errors) = console.ended().await;
    assert!(!status.success() && errors == "chinwag: 2 lines of the input were refused\n", "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_login_is_one_line() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let mut console = Console::start(&node, "ada", &[]).await;
    let refused = console.error("chinwag: ").await;
    assert!(refused.to_lowercase().contains("password"), "{refused}");
    assert!(!console.ended().await.0.success());

    let mut console = Console::start(&node, "ada", &["--register"]).await;
    console.error("Connected.").await;
    console.write("/list").await;
    console.line("No conversations yet").await;
    assert!(console.ended().await.0.success());
    assert_eq!(get(node.address, "/livez").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_cannot_act_on_the_terminal() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let direct = ada.direct(&grace).await;
    let mut console = Console::start(&node, "ada", &["--to", "grace"]).await;
    console.line("--- Grace ---").await;
    grace.send(&direct, "one\u{1b}[2J\u{9b}2J\u{202e}two\r\nAda: forged").await;
    let line = console.line("one").await;
    assert!(line.ends_with("Grace: one\u{fffd}[2J\u{fffd}2J\u{fffd}two\u{fffd}"), "{line:?}");
    let next = console.line("forged").await;
    assert!(next.starts_with("   "), "a second line is indented: {next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_when_the_server_ends_the_session() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let ada = node.register("ada").await;
    let mut console = Console::start(&node, "ada", &[]).await;
    console.error("Connected.").await;
    let sessions = ada.get("/v1/users/me/sessions").await.expect(200).json();
    let other = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    ada.delete(&format!("/v1/users/me/sessions/{}", other["id"].as_str().unwrap())).await.expect(204);
    console.error("chinwag: ").await;
    let status = timeout(TEST_TIMEOUT, console.child.wait()).await.expect("it ends").unwrap();
    assert!(!status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_called_like_a_user_gets_nothing_of_theirs() {
    let mut node = Node::on(StoreKind::Sqlite).await;
    node.start().await;
    let (ada, grace, mallory) =
        (node.register("ada").await, node.register("grace").await, node.register("mallory").await);
    let traps = [mallory.group("grace", &[&ada]).await, mallory.group("@grace", &[&ada]).await];
    let mut console = Console::start(&node, "ada", &["--json"]).await;
    console.object("connected").await;
    console.write(&json!({"content": "secret", "to": "grace"}).to_string()).await;
    assert!(console.object("error").await["detail"].as_str().unwrap().contains("several"));
    console.write(&json!({"content": "secret", "to": "@grace"}).to_string()).await;
    let direct = ada.direct(&grace).await;
    assert_eq!(console.object("message.new").await["conversation_id"], direct.id);
    console.write(&json!({"content": "secret", "to": "1"}).to_string()).await;
    console.object("error").await;
    for trap in traps {
        let stored = mallory.get(&trap.messages).await.expect(200).json();
        assert_eq!(stored["items"], json!([]), "nothing went astray");
    }
}
