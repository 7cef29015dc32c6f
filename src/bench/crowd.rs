//! The scenario of a crowd: one group with more connections than one process may have, on all nodes.
//!
//! Each node has at most as many connections as it may have open files, and so has each client. So a process of its own, a [`listener`](super::listener),
//! holds the connections to each node.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, thread};

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::environment::{Environment, Room};
use super::frames::FrameTemplate;
use super::listener::{CROWD_TIMEOUT, Heard};
use super::options::Crowd;
use super::population::Population;
use super::progress;
use super::run_result::{Count, Meter, RunResult, histogram, nanos};
use super::websocket::{WebSocket, write_all};

impl Crowd {
    /// The users and the room that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let members = self.members.get();
        Population::new(members, vec![(0..members).collect()])
    }
}

/// Lines of a listener that are not read yet. It prints one for each message, and waits for the next.
const LINES_MAX: usize = 4;

/// A process that listens on one node. Dropping it kills the process.
struct Listener {
    process: Child,
    lines: mpsc::Receiver<String>,
    connections: usize,
}

/// Sends messages to one room, one after another, and measures each until all connections have it. Needs `--members` tokens.
pub(super) async fn crowd(environment: &Environment, options: &Crowd) -> Result<Vec<RunResult>, String> {
    let room = environment.rooms.first().ok_or("there is no conversation")?;
    let sender = room.tokens.first().ok_or("there is nobody in the conversation")?;
    let mut listeners = start_listeners(environment, room, options.connections.get())?;
    for (number, listener) in listeners.iter_mut().enumerate() {
        progress::show(&format!("connecting to node {number}: {} connections", listener.connections));
        listener.line("ready").await?;
    }
    progress::show("");
    let websocket = WebSocket::connect(environment.address, Some(room.id), sender).await?;
    let mut template = FrameTemplate::send(0, None);
    let mut results = Vec::with_capacity(options.messages.get());
    for number in 0..options.messages.get() as u64 {
        let meter = Meter::start(environment.pids())?;
        let (frame, _) = template.render(number, meter_unix_ms(), 0);
        write_all(&websocket.socket, frame).await?;
        results.push(until_heard(&mut listeners, meter).await?);
    }
    Ok(results)
}

/// Returns the time that goes into the id of a message.
fn meter_unix_ms() -> u64 {
    u64::try_from(crate::domain::Timestamp::now().0).unwrap_or_default()
}

/// Starts a listener for each node, with its share of the connections.
fn start_listeners(environment: &Environment, room: &Room, connections: usize) -> Result<Vec<Listener>, String> {
    let nodes = environment.others.len() + 1;
    let mut tokens: Vec<Vec<&str>> = vec![Vec::new(); nodes];
    for (number, token) in room.tokens.iter().flat_map(|token| vec![token; connections]).enumerate() {
        tokens[number % nodes].push(token);
    }
    let mut listeners = Vec::with_capacity(nodes);
    for (node, tokens) in tokens.iter().enumerate() {
        listeners.push(Listener::start(environment, node, room, tokens)?);
    }
    Ok(listeners)
}

impl Listener {
    fn start(environment: &Environment, node: usize, room: &Room, tokens: &[&str]) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("a listener did not start: {error}");
        let mut process = Command::new(env::current_exe().map_err(failed)?)
            .args(["bench", "listen", &environment.address_for(node).to_string(), &room.id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut input = process.stdin.take().ok_or("a listener has no input")?;
        input.write_all(tokens.join("\n").as_bytes()).map_err(failed)?;
        drop(input); // which ends the list
        let output = process.stdout.take().ok_or("a listener has no output")?;
        let (sender, lines) = mpsc::channel(LINES_MAX);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, lines, connections: tokens.len() })
    }

    /// Reads the next line, which begins with this word. Returns the rest.
    async fn line(&mut self, word: &str) -> Result<String, String> {
        let line = timeout(CROWD_TIMEOUT, self.lines.recv()).await;
        let line = line.map_err(|_| format!("a listener has not {word} after {CROWD_TIMEOUT:?}"))?;
        let line = line.ok_or("a listener ended; its reason is above")?;
        line.strip_prefix(word).map(str::to_owned).ok_or(line)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Both fail only when the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until every connection has the message.
async fn until_heard(listeners: &mut [Listener], meter: Meter) -> Result<RunResult, String> {
    let started: Instant = meter.started;
    let (mut deliveries, mut bytes, mut by_node) = (0, 0, histogram());
    for listener in &mut *listeners {
        let heard = Heard::parse(&listener.line("heard").await?).ok_or("a listener's count is not understood")?;
        by_node.saturating_record(nanos(started.elapsed()));
        deliveries += heard.deliveries;
        bytes += heard.bytes;
    }
    let result = meter.stop()?;
    let counts = vec![
        Count { plural: "messages", singular: "message", count: 1 },
        Count { plural: "deliveries", singular: "delivery", count: deliveries },
        Count { plural: "bytes", singular: "byte", count: bytes },
    ];
    Ok(RunResult { counts, latencies: vec![("node", by_node)], ..result })
}
