//! Those who ask all the while, each their own question over and over: whatever the store does, an answer comes in time and is typed.

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
use crate::support::client::{Answer, Conversation, PASSWORD, Person, get, try_ask};
use crate::support::history::{Entry, Log};
use crate::support::socket::PATIENCE;

/// Between two questions of a kind; a login costs a core for a while.
const PAUSE: Duration = Duration::from_millis(150);
/// Kinds of questions.
const KINDS: usize = 5;
/// The close code of whoever may come back soon.
const COME_BACK: u16 = 1013;

/// How one kind of question was answered.
#[derive(Clone, Debug, Default)]
struct Tally {
    well: usize,
    /// Told to come back.
    told: usize,
    slowest: Duration,
}

/// How all were answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(BTreeMap<&'static str, Tally>);

impl Asked {
    /// All were answered in time; and all of them, in vain too, if so is said.
    pub(super) fn verify(&self, within: Duration, told: bool) {
        for (question, tally) in &self.0 {
            assert!(tally.well > 0 && tally.slowest < within, "{question}: {tally:?}");
        }
        let told_some = self.0.values().any(|tally| tally.told > 0);
        assert!(told_some || !told, "nobody was told of the trouble: {self}");
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.iter().map(|(question, Tally { well, told, slowest })| {
            format!("{question} {well} well and {told} told to come back, the slowest {slowest:.1?}")
        });
        f.write_str(&told.collect::<Vec<_>>().join("; "))
    }
}

/// The questions under way.
pub(super) struct Questions {
    asked: watch::Sender<Asked>,
    /// What health and readiness say.
    health: watch::Receiver<Option<bool>>,
    asking: JoinSet<()>,
}

impl Questions {
    pub(super) fn begin(scene: &Fixture) -> Self {
        let asked = watch::Sender::new(Asked::default());
        let (tell, health) = watch::channel(None);
        let mut asking = JoinSet::new();
        let (address, ada, room) = (scene.node.address, scene.ada.clone(), scene.room.clone());
        let notes = asked.clone();
        asking.spawn(repeat("health", notes, async move || {
            let (health, ready) = tokio::join!(get(address, "/health"), get(address, "/readyz"));
            let well = [&health, &ready].map(|answer| match answer.status {
                200 => true,
                503 => false,
                _ => panic!("{answer:?}"),
            });
            if well[0] == well[1] {
                tell.send_replace(Some(well[0]));
            }
            well[0]
        }));
        let (notes, asks, path) = (asked.clone(), ada.clone(), room.messages.clone());
        asking.spawn(repeat("history", notes, async move || is_well(&asks.get(&path).await)));
        let (notes, asks) = (asked.clone(), ada.clone());
        asking.spawn(repeat("conversations", notes, async move || is_well(&asks.get("/v1/conversations").await)));
        let notes = asked.clone();
        asking.spawn(repeat("login", notes, async move || {
            let body = json!({"username": "grace", "password": PASSWORD}).to_string();
            let json = [("content-type", "application/json")];
            is_well(&try_ask(address, Method::POST, "/v1/users/login", &json, body).await.unwrap())
        }));
        let notes = asked.clone();
        asking.spawn(repeat("new socket", notes, async move || opens(&ada, &room).await));
        Self { asked, health, asking }
    }

    /// Waits until health and readiness both say so.
    pub(super) async fn until(&self, well: bool) {
        let mut health = self.health.clone();
        let said = timeout(PATIENCE, health.wait_for(|said| *said == Some(well))).await;
        assert!(said.is_ok(), "health and readiness do not say {well}");
    }

    /// Ends them, once each was answered well since or before.
    pub(super) async fn end(mut self) -> Asked {
        let mut asked = self.asked.subscribe();
        let all_well = asked.wait_for(|asked| asked.0.len() == KINDS && asked.0.values().all(|tally| tally.well > 0));
        assert!(timeout(PATIENCE, all_well).await.is_ok(), "not all is well again: {}", *self.asked.borrow());
        while let Some(failed) = self.asking.try_join_next() {
            failed.unwrap();
        }
        self.asking.shutdown().await;
        self.asked.borrow().clone()
    }
}

/// Asks over and over whether all is well.
async fn repeat(question: &'static str, asked: watch::Sender<Asked>, ask: impl AsyncFn() -> bool) {
    loop {
        let begun = Instant::now();
        let well = ask().await;
        asked.send_modify(|asked| {
            let tally = asked.0.entry(question).or_default();
            tally.slowest = tally.slowest.max(begun.elapsed());
            *(if well { &mut tally.well } else { &mut tally.told }) += 1;
        });
        sleep(PAUSE).await;
    }
}

/// Whether it is what was asked for, and not the news that the store is in trouble.
fn is_well(answer: &Answer) -> bool {
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

/// Whether a new WebSocket begins, and is not asked to come back.
async fn opens(person: &Person, room: &Conversation) -> bool {
    use futures_util::StreamExt;

    let mut socket = person.open(&room.socket).await;
    match timeout(PATIENCE, socket.stream.next()).await.expect("a word in time") {
        Some(Ok(Message::Text(text))) => {
            assert!(text.contains(r#""type":"hello""#), "{text}");
            true
        }
        Some(Ok(Message::Close(Some(close)))) => {
            assert_eq!(u16::from(close.code), COME_BACK, "{close:?}");
            false
        }
        other => panic!("{other:?}"),
    }
}

/// Sends over REST, until the answer is yes.
pub(super) async fn send_once(person: Person, room: Conversation, log: Log) {
    let id = Uuid::now_v7();
    let (conversation, sender, content) = (room.id.parse().unwrap(), person.id.parse().unwrap(), id.to_string());
    let body = json!({"id": id, "content": content});
    loop {
        log.note(Entry::Sent { id, conversation, sender, content: content.clone(), on: None });
        let answer = person.post(&room.messages, &body).await;
        if is_well(&answer) {
            return log.note(Entry::Acknowledged { id, seq: answer.json()["seq"].as_i64().unwrap() });
        }
        let problem = answer.json();
        let (code, wait) = (problem["code"].as_str().unwrap().to_owned(), problem["retry_after_ms"].as_u64().unwrap());
        log.note(Entry::Refused { id, code, retry_after_ms: Some(wait) });
        sleep(Duration::from_millis(wait)).await;
    }
}
