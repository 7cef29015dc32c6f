//! Clients that repeat one kind of request for the whole test. Whatever the store does, each gets a typed answer in time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::Fixture;
use crate::support::client::{Conversation, PASSWORD, Response, TestUser, get, try_send_request};
use crate::support::history::{Entry, Log};
use crate::support::socket::TEST_TIMEOUT;

/// The pause between two requests of a kind, because a login uses a core for a while.
const PAUSE: Duration = Duration::from_millis(150);
/// The kinds of requests.
const KINDS: usize = 5;
/// The close code after which a client may reconnect soon.
const TRY_AGAIN_LATER: u16 = 1013;

/// The answers to one kind of request.
#[derive(Clone, Debug, Default)]
struct Count {
    ok: usize,
    /// Refused with a retry hint.
    refused: usize,
    slowest: Duration,
}

/// The answers to all kinds of requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Results(BTreeMap<&'static str, Count>);

impl Results {
    /// Checks that all requests were answered in time, and that some were refused if `refused` is set.
    pub(super) fn verify(&self, limit: Duration, refused: bool) {
        for (kind, count) in &self.0 {
            assert!(count.ok > 0 && count.slowest < limit, "{kind}: {count:?}");
        }
        let any_refused = self.0.values().any(|count| count.refused > 0);
        assert!(any_refused || !refused, "no request was refused: {self}");
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.iter().map(|(kind, Count { ok, refused, slowest })| {
            format!("{kind} {ok} ok and {refused} refused with a retry hint, the slowest {slowest:.1?}")
        });
        f.write_str(&counts.collect::<Vec<_>>().join("; "))
    }
}

/// The running clients.
pub(super) struct Probes {
    results: watch::Sender<Results>,
    /// The results of health and readiness.
    health: watch::Receiver<Option<bool>>,
    tasks: JoinSet<()>,
}

impl Probes {
    pub(super) fn begin(fixture: &Fixture) -> Self {
        let results = watch::Sender::new(Results::default());
        let (sender, health) = watch::channel(None);
        let mut tasks = JoinSet::new();
        let (address, ada, room) = (fixture.node.address, fixture.ada.clone(), fixture.room.clone());
        let sink = results.clone();
        tasks.spawn(repeat("health", sink, async move || {
            let (health, ready) = tokio::join!(get(address, "/health"), get(address, "/readyz"));
            let ok = [&health, &ready].map(|answer| match answer.status {
                200 => true,
                503 => false,
                _ => panic!("{answer:?}"),
            });
            if ok[0] == ok[1] {
                sender.send_replace(Some(ok[0]));
            }
            ok[0]
        }));
        let (sink, user, path) = (results.clone(), ada.clone(), room.messages.clone());
        tasks.spawn(repeat("history", sink, async move || is_ok(&user.get(&path).await)));
        let (sink, user) = (results.clone(), ada.clone());
        tasks.spawn(repeat("conversations", sink, async move || is_ok(&user.get("/v1/conversations").await)));
        let sink = results.clone();
        tasks.spawn(repeat("login", sink, async move || {
            let body = json!({"username": "grace", "password": PASSWORD}).to_string();
            let json = [("content-type", "application/json")];
            is_ok(&try_send_request(address, Method::POST, "/v1/users/login", &json, body).await.unwrap())
        }));
        let sink = results.clone();
        tasks.spawn(repeat("new socket", sink, async move || opens(&ada, &room).await));
        Self { results, health, tasks }
    }

    /// Waits until health and readiness both have this result.
    pub(super) async fn until(&self, ok: bool) {
        let mut health = self.health.clone();
        let status = timeout(TEST_TIMEOUT, health.wait_for(|status| *status == Some(ok))).await;
        assert!(status.is_ok(), "health and readiness are not {ok}");
    }

    /// Stops the clients after each kind of request has succeeded at least once.
    pub(super) async fn end(mut self) -> Results {
        let mut results = self.results.subscribe();
        let all_ok =
            results.wait_for(|results| results.0.len() == KINDS && results.0.values().all(|count| count.ok > 0));
        assert!(
            timeout(TEST_TIMEOUT, all_ok).await.is_ok(),
            "not every kind has succeeded: {}",
            *self.results.borrow()
        );
        while let Some(failed) = self.tasks.try_join_next() {
            failed.unwrap();
        }
        self.tasks.shutdown().await;
        self.results.borrow().clone()
    }
}

/// Repeats a request, and counts its answers.
async fn repeat(kind: &'static str, results: watch::Sender<Results>, request: impl AsyncFn() -> bool) {
    loop {
        let started = Instant::now();
        let ok = request().await;
        results.send_modify(|results| {
            let count = results.0.entry(kind).or_default();
            count.slowest = count.slowest.max(started.elapsed());
            *(if ok { &mut count.ok } else { &mut count.refused }) += 1;
        });
        sleep(PAUSE).await;
    }
}

/// Returns true for a successful answer, and false for one that reports a fault of the store.
fn is_ok(answer: &Response) -> bool {
    if answer.status < 300 {
        return true;
    }
    let (status, code) = answer.problem();
    assert!(status == 503 && matches!(code.as_str(), "busy" | "unavailable"), "{answer:?}");
    let problem = answer.json();
    assert!(problem["retryable"] == true && problem["retry_after_ms"].is_u64(), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    false
}

/// Returns true if a new WebSocket gets `hello`, and false if it is closed with a retry code.
async fn opens(person: &TestUser, room: &Conversation) -> bool {
    use futures_util::StreamExt;

    let mut socket = person.open(&room.socket).await;
    match timeout(TEST_TIMEOUT, socket.stream.next()).await.expect("an answer in time") {
        Some(Ok(Message::Text(text))) => {
            assert!(text.contains(r#""type":"hello""#), "{text}");
            true
        }
        Some(Ok(Message::Close(Some(close)))) => {
            assert_eq!(u16::from(close.code), TRY_AGAIN_LATER, "{close:?}");
            false
        }
        other => panic!("{other:?}"),
    }
}

/// Sends a message over REST, and retries until it is accepted.
pub(super) async fn send_once(person: TestUser, room: Conversation, log: Log) {
    let id = Uuid::now_v7();
    let (conversation, sender, content) = (room.id.parse().unwrap(), person.id.parse().unwrap(), id.to_string());
    let body = json!({"id": id, "content": content});
    loop {
        log.note(Entry::Sent { id, conversation, sender, content: content.clone(), on: None });
        let answer = person.post(&room.messages, &body).await;
        if is_ok(&answer) {
            return log.note(Entry::Acknowledged { id, seq: answer.json()["seq"].as_i64().unwrap() });
        }
        let problem = answer.json();
        let (code, wait) = (problem["code"].as_str().unwrap().to_owned(), problem["retry_after_ms"].as_u64().unwrap());
        log.note(Entry::Refused { id, code, retry_after_ms: Some(wait) });
        sleep(Duration::from_millis(wait)).await;
    }
}
