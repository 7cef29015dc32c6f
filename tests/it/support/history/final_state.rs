//! The stored state at the end of a test, read through the API: the history by pages, and a replay from the beginning.

use serde_json::Value;
use uuid::Uuid;

use super::Event;
use crate::support::client::{Conversation, TestUser};

/// A conversation's history and its replay.
#[derive(Clone, Debug)]
pub(crate) struct FinalState {
    pub(crate) conversation: Uuid,
    /// The messages of the history, oldest first.
    pub(crate) messages: Vec<StoredMessage>,
    /// The events of the replay, in its order.
    pub(crate) events: Vec<Event>,
}

/// A message of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMessage {
    pub(crate) id: Uuid,
    pub(crate) seq: i64,
    pub(crate) sender: Option<Uuid>,
    /// The content, if the message was not edited or deleted.
    pub(crate) content: Option<String>,
    /// True for a message of a user, false for a system message.
    pub(crate) sent: bool,
}

impl StoredMessage {
    fn of(message: &Value) -> Self {
        let uuid = |member: &str| message[member].as_str().and_then(|text| text.parse().ok());
        let changed = !(message["edited_at"].is_null() && message["deleted_at"].is_null());
        Self {
            id: uuid("id").unwrap(),
            seq: message["seq"].as_i64().unwrap(),
            sender: uuid("sender_id"),
            content: message["content"].as_str().filter(|_| !changed).map(str::to_owned),
            sent: message["type"] == "text",
        }
    }
}

impl FinalState {
    /// Reads the state as a member. No client may still be sending.
    pub(crate) async fn of(conversation: &Conversation, member: &TestUser) -> Self {
        let mut messages = Vec::new();
        let mut after = 0;
        loop {
            let path = format!("{}?after_seq={after}&limit=200", conversation.messages);
            let page = member.get(&path).await.expect(200).json();
            messages.extend(page["items"].as_array().unwrap().iter().map(StoredMessage::of));
            if page["has_more"] == false {
                break;
            }
            after = messages.last().map_or(after, |message: &StoredMessage| message.seq);
        }
        let mut socket = member.connect(&format!("{}?after_seq=0", conversation.socket)).await;
        let mut events = Vec::new();
        loop {
            let frame = socket.next().await;
            events.extend(Event::of(&frame));
            if frame["type"] == "resumed" {
                break;
            }
        }
        Self { conversation: conversation.id.parse().unwrap(), messages, events }
    }

    /// Returns the newest number.
    pub(crate) fn last_seq(&self) -> i64 {
        self.events.iter().map(|event| event.seq).max().unwrap_or(0)
    }
}
