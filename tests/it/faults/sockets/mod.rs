//! Faults of sockets: cut, silently lost, not read, reconnecting all at once, and with much to catch up.

mod cut;
mod gaps;
mod many;
mod missed;
mod reader;
mod stalled;
mod storm;

use std::collections::HashSet;

use chinwag::limits::PRESENCE_TIMES;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::TestUser;
use crate::support::node::Memory;
use crate::support::socket::TEST_TIMEOUT;

/// The online users, as one client sees them that has a conversation with each of them and with no others.
struct Presence {
    online: watch::Receiver<HashSet<String>>,
    listening: JoinHandle<()>,
}

impl Presence {
    async fn of(users: &[&TestUser], watcher: &TestUser) -> Self {
        for user in users {
            watcher.direct(user).await;
        }
        let mut socket = watcher.connect("/ws").await;
        let (sender, online) = watch::channel(HashSet::new());
        // In a task of its own, because the pings must be answered.
        let listening = tokio::spawn(async move {
            while let Some(Ok(message)) = socket.stream.next().await {
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                let named = |member: &str| {
                    let ids = frame[member].as_array().into_iter().flatten();
                    ids.map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>()
                };
                sender.send_modify(|online| match frame["type"].as_str().unwrap() {
                    "presence.state" => online.extend(frame["users"].as_object().unwrap().keys().cloned()),
                    "presence.diff" => {
                        online.extend(named("online"));
                        online.retain(|id| !named("offline").contains(id));
                    }
                    _ => {}
                });
            }
        });
        Self { online, listening }
    }

    /// Waits until this user is online, or offline.
    async fn shows(&self, user: &TestUser, there: bool) {
        let mut online = self.online.clone();
        // The server still shows a user whose connection is lost for a while.
        let time = TEST_TIMEOUT + PRESENCE_TIMES.lost_grace;
        let shown = timeout(time, online.wait_for(|online| online.contains(&user.id) == there)).await;
        assert!(matches!(shown, Ok(Ok(_))), "not {}", if there { "online" } else { "offline" });
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The server's memory before, and at its peak.
fn grown(before: Memory, after: Memory) -> String {
    const MIB: usize = 1024 * 1024;
    format!("{} MiB of memory before, {} at the most", before.now / MIB, after.peak / MIB)
}
