//! Faults of sockets: cut, gone without a word, not read, coming back all at once, with much to catch up.

mod cut;
mod holes;
mod many;
mod missed;
mod reader;
mod stalled;
mod storm;

use std::collections::HashSet;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::Person;
use crate::support::node::Memory;
use crate::support::socket::PATIENCE;

/// Who is there, as somebody hears it who has a conversation with each of them, and with nobody else.
struct Presence {
    here: watch::Receiver<HashSet<String>>,
    listening: JoinHandle<()>,
}

impl Presence {
    async fn of(people: &[&Person], watcher: &Person) -> Self {
        for person in people {
            watcher.direct(person).await;
        }
        let mut socket = watcher.listen("/ws").await;
        let (tell, here) = watch::channel(HashSet::new());
        // In a task of its own, since somebody has to answer the pings.
        let listening = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.stream.next().await {
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                let named = |member: &str| {
                    let ids = frame[member].as_array().into_iter().flatten();
                    ids.map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>()
                };
                tell.send_modify(|here| match frame["type"].as_str().unwrap() {
                    "presence.state" => here.extend(frame["users"].as_object().unwrap().keys().cloned()),
                    "presence.diff" => {
                        here.extend(named("online"));
                        here.retain(|id| !named("offline").contains(id));
                    }
                    _ => {}
                });
            }
        });
        Self { here, listening }
    }

    /// Waits until this one is there, or is not.
    async fn shows(&self, person: &Person, there: bool) {
        let mut here = self.here.clone();
        let shown = timeout(PATIENCE, here.wait_for(|here| here.contains(&person.id) == there)).await;
        assert!(matches!(shown, Ok(Ok(_))), "not {}", if there { "online" } else { "offline" });
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What the server had before, and what it had at the most.
fn grown(before: Memory, after: Memory) -> String {
    const MIB: usize = 1024 * 1024;
    format!("{} MiB of memory before, {} at the most", before.now / MIB, after.peak / MIB)
}
