//! Counts the instructions that parts of Chinwag need for a message, with callgrind. A busy machine does not change the result.

use std::env;
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chinwag::auth::Tokens;
use chinwag::delivery::encode;
use chinwag::domain::event::Event;
use chinwag::domain::{ConversationId, MessageId, SessionId, Timestamp, UserId};
use chinwag::http::router::Router;
use chinwag::registry::{Charge, EnqueueResult, Holder, SendQueue, Sink};
use chinwag::server::routes;
use chinwag::wire::{self, client_frame::ClientFrame};
use hyper::Method;

use crate::Arguments;
use crate::frames::message;

/// Repetitions under callgrind: enough that one-time work does not show.
const REPETITIONS: usize = 2_000;
/// Repetitions before callgrind counts, so that one-time work is done.
const WARM_UP: usize = 20;

/// How much a part may exceed its reference, in percent. Another compiler and other ids stay below; in a part with few allocations,
/// one more allocation does not.
const TOLERANCE_PERCENT: u64 = 30;

/// A part of the work for one message.
struct Part {
    name: &'static str,
    /// Instructions when the part was last measured, on x86-64 without the instructions that valgrind does not know, such as SHA-256.
    reference: u64,
    run: fn(usize),
}

impl Part {
    /// Returns the most instructions that the part may need.
    const fn budget(&self) -> u64 {
        self.reference * (100 + TOLERANCE_PERCENT) / 100
    }
}

const PARTS: [Part; 6] = [
    Part { name: "encode", reference: 4_130, run: run_encode },
    Part { name: "decode", reference: 3_126, run: run_decode },
    Part { name: "route", reference: 4_754, run: run_route },
    Part { name: "token", reference: 34_468, run: run_token },
    Part { name: "enqueue", reference: 120, run: run_enqueue },
    Part { name: "drain", reference: 447, run: run_drain },
];

/// With `--repetitions`, runs the named parts. Without it, counts them under callgrind and fails if one is over its budget.
pub(crate) fn measure(arguments: &Arguments) -> Result<(), String> {
    let names = arguments.positional();
    let selected: Vec<&Part> = PARTS.iter().filter(|part| names.is_empty() || names.contains(&part.name)).collect();
    if selected.is_empty() {
        return Err(format!("the parts are {}", PARTS.map(|part| part.name).join(", ")));
    }
    let repetitions = arguments.number("--repetitions", 0)?;
    if repetitions > 0 {
        for part in selected {
            (part.run)(repetitions);
        }
        return Ok(());
    }
    println!("{:<12}{:>22}{:>10}", "part", "instructions/message", "budget");
    let mut over = Vec::new();
    for part in selected {
        let count = count_instructions(part.name)?;
        println!("{:<12}{count:>22}{:>10}", part.name, part.budget());
        if count > part.budget() {
            over.push(part.name);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over budget: {}", over.join(", "))) }
}

/// Counts the instructions of a part for one message.
fn count_instructions(name: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*instructions::measured*"]);
    let output = valgrind.arg(this).args(["instructions", name, "--repetitions", &REPETITIONS.to_string()]).output();
    let output = output.map_err(|error| format!("skipped: `valgrind` cannot be run: {error}"))?;
    // The line is "==123== Collected : 456789".
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    match line.and_then(|(_, count)| count.trim().parse::<u64>().ok()) {
        Some(count @ 1..) if output.status.success() => Ok(count / REPETITIONS as u64),
        _ => Err(format!("{name} could not be counted: {text}")),
    }
}

/// Runs `step`. Callgrind counts this function, which it finds by its name, with all that it calls.
#[inline(never)]
fn measured(step: impl FnOnce()) {
    step();
}

/// Repeats `prepare`, which is not counted, and `step`, which is counted together with the drop of its result.
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

/// Encodes a committed message for all recipients.
fn run_encode(repetitions: usize) {
    let events = [Event::created(message(ConversationId::new(), MessageId::new(), 1_000, &"x".repeat(64)))];
    repeat(repetitions, || (), || encode(black_box(&events).iter()));
}

/// Decodes a client's send.
fn run_decode(repetitions: usize) {
    let (id, content) = (MessageId::new(), "x".repeat(64));
    let text = format!(r#"{{"type":"message.send","id":"{id}","content":"{content}"}}"#);
    repeat(repetitions, || (), || wire::parse::<ClientFrame>(black_box(&*text)).expect("a good frame"));
}

/// Finds the route of a path.
fn run_route(repetitions: usize) {
    let router = Router::new(routes::all());
    let path = format!("/v1/conversations/{}/messages", ConversationId::new());
    assert!(router.find(&Method::POST, &path).is_ok(), "{path}");
    repeat(repetitions, || (), || router.find(&Method::POST, black_box(&path)));
}

/// Checks an access token.
fn run_token(repetitions: usize) {
    let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef", Duration::from_secs(3600));
    let token = tokens.access(UserId::new(), SessionId::new(), Timestamp::now()).expect("a token");
    repeat(repetitions, || (), || tokens.caller(black_box(&token)).expect("a good token"));
}

/// A sink that accepts all bytes.
struct NullSink;

impl Sink for NullSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// Returns an open send_queue and a frame.
fn send_queue() -> (SendQueue<NullSink>, Bytes) {
    let send_queue = SendQueue::new(NullSink, Charge::new(&Arc::default(), Holder::LOCAL));
    send_queue.uncork();
    (send_queue, vec![b'x'; 480].into())
}

/// Puts a frame into a recipient's send_queue.
fn run_enqueue(repetitions: usize) {
    let (send_queue, frame) = send_queue();
    repeat(repetitions, || send_queue.flush(), || send_queue.enqueue(frame.clone()));
}

/// Writes a recipient's send_queue to a sink, without the kernel's part.
fn run_drain(repetitions: usize) {
    let (send_queue, frame) = send_queue();
    let put = || assert_eq!(send_queue.enqueue(frame.clone()), EnqueueResult::FlushDue);
    repeat(repetitions, put, || send_queue.flush());
}
