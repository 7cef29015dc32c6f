//! Counted, not timed: instructions for each message in Chinwag's own parts, by callgrind. A guard that no busy machine disturbs.

use std::env;
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chinwag::chat::Tokens;
use chinwag::chat::journal::encode;
use chinwag::domain::event::Event;
use chinwag::domain::{ConversationId, MessageId, SessionId, Timestamp, UserId};
use chinwag::http::router::Router;
use chinwag::http::routes::ROUTES;
use chinwag::registry::{Backlog, Outbox, Put, Sink};
use chinwag::wire::{self, frames::ClientFrame};
use hyper::Method;

use crate::Arguments;
use crate::frames::message;

/// Repetitions under callgrind: enough that what only the first ones do is lost in the rest.
const REPETITIONS: usize = 2_000;
/// Repetitions before, so that nothing is done for the first time.
const WARM_UP: usize = 20;

/// What a part may take above what it took when it was last looked at, in percent: room for another compiler and another day's ids,
/// not for one allocation more in what has few.
const ROOM: u64 = 30;

/// What is done for one message.
struct Part {
    name: &'static str,
    /// Instructions when it was last looked at: x86-64 without what valgrind does not know, such as the processor's own SHA-256.
    was: u64,
    run: fn(usize),
}

impl Part {
    /// The most instructions that it may take.
    const fn budget(&self) -> u64 {
        self.was * (100 + ROOM) / 100
    }
}

const PARTS: [Part; 6] = [
    Part { name: "encode", was: 4_130, run: run_encode },
    Part { name: "decode", was: 3_126, run: run_decode },
    Part { name: "route", was: 4_754, run: run_route },
    Part { name: "token", was: 34_468, run: run_token },
    Part { name: "enqueue", was: 120, run: run_enqueue },
    Part { name: "drain", was: 447, run: run_drain },
];

/// Runs a part so often, if it is told how often; else counts the part, or all of them, under callgrind, and fails if one is over
/// its budget.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let words = arguments.words();
    let wanted: Vec<&Part> = PARTS.iter().filter(|part| words.is_empty() || words.contains(&part.name)).collect();
    if wanted.is_empty() {
        return Err(format!("the parts are {}", PARTS.map(|part| part.name).join(", ")));
    }
    let repetitions = arguments.number("--repetitions", 0)?;
    if repetitions > 0 {
        for part in wanted {
            (part.run)(repetitions);
        }
        return Ok(());
    }
    println!("{:<12}{:>22}{:>10}", "part", "instructions/message", "budget");
    let mut over = Vec::new();
    for part in wanted {
        let count = counted(part.name)?;
        println!("{:<12}{count:>22}{:>10}", part.name, part.budget());
        if count > part.budget() {
            over.push(part.name);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over budget: {}", over.join(", "))) }
}

/// Instructions for one message.
fn counted(name: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*instructions::measured*"]);
    let output = valgrind.arg(this).args(["instructions", name, "--repetitions", &REPETITIONS.to_string()]).output();
    let output = output.map_err(|error| format!("skipped: `valgrind` cannot be run: {error}"))?;
    // "==123== Collected : 456789"
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    match line.and_then(|(_, count)| count.trim().parse::<u64>().ok()) {
        Some(count @ 1..) if output.status.success() => Ok(count / REPETITIONS as u64),
        _ => Err(format!("{name} could not be counted: {text}")),
    }
}

/// What callgrind counts, by this function's name, with all that is called from it.
#[inline(never)]
fn measured(step: impl FnOnce()) {
    step();
}

/// Does `prepare` and then, counted, `step`, over and over. To drop what comes of it counts too.
fn repeat<T>(repetitions: usize, prepare: impl Fn(), step: impl Fn() -> T) {
    for _ in 0..WARM_UP {
        prepare();
        drop(black_box(step()));
    }
    for _ in 0..repetitions {
        prepare();
        measured(|| drop(black_box(step())));
    }
}

/// From a committed message to the bytes that all recipients get.
fn run_encode(repetitions: usize) {
    let events = [Event::created(message(ConversationId::new(), MessageId::new(), 1_000, &"x".repeat(64)))];
    repeat(repetitions, || (), || encode(black_box(&events).iter()));
}

/// From a client's frame to a send that is understood.
fn run_decode(repetitions: usize) {
    let (id, content) = (MessageId::new(), "x".repeat(64));
    let text = format!(r#"{{"type":"message.send","id":"{id}","content":"{content}"}}"#);
    repeat(repetitions, || (), || wire::parse::<ClientFrame>(black_box(text.as_bytes())).expect("a good frame"));
}

/// From a path to the row of the table.
fn run_route(repetitions: usize) {
    let router = Router::new(ROUTES);
    let path = format!("/v1/conversations/{}/messages", ConversationId::new());
    assert!(router.find(&Method::POST, &path).is_ok(), "{path}");
    repeat(repetitions, || (), || router.find(&Method::POST, black_box(&path)));
}

/// From a token to who calls.
fn run_token(repetitions: usize) {
    let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef", Duration::from_secs(3600));
    let token = tokens.access(UserId::new(), SessionId::new(), Timestamp::now()).expect("a token");
    repeat(repetitions, || (), || tokens.caller(black_box(&token)).expect("a good token"));
}

/// Takes everything.
struct Null;

impl Sink for Null {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// An open outbox, and a frame.
fn outbox() -> (Outbox<Null>, Bytes) {
    let outbox = Outbox::new(Null, Arc::<Backlog>::default());
    outbox.uncork();
    (outbox, vec![b'x'; 480].into())
}

/// A frame into a recipient's outbox.
fn run_enqueue(repetitions: usize) {
    let (outbox, frame) = outbox();
    repeat(repetitions, || outbox.flush(), || outbox.put(frame.clone()));
}

/// What waits in a recipient's outbox into the socket, if the kernel cost nothing.
fn run_drain(repetitions: usize) {
    let (outbox, frame) = outbox();
    let put = || assert_eq!(outbox.put(frame.clone()), Put::First);
    repeat(repetitions, put, || outbox.flush());
}
