//! Messages that the server has not acknowledged yet, in the order in which they were written.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::stream::TIMEOUT;

/// Messages that wait. Whoever types into a server that is away stops long before; a pipe waits.
pub(super) const UNSENT_MAX: usize = 256;

/// A message that is not acknowledged.
struct Unsent {
    id: String,
    conversation_id: String,
    content: String,
    state: State,
}

enum State {
    /// Goes out with the next connection.
    Waiting,
    /// Is sent, and not acknowledged.
    Sent(Instant),
    /// Was refused for a while.
    Refused { again_at: Instant },
}

/// The messages.
#[derive(Default)]
pub(super) struct Outbox {
    messages: VecDeque<Unsent>,
}

impl Outbox {
    /// Adds a message. Its id makes it safe to send it more than once.
    pub(super) fn add(&mut self, conversation_id: &str, content: String, id: Option<String>) {
        let id = id.unwrap_or_else(|| Uuid::now_v7().to_string());
        let conversation_id = conversation_id.to_owned();
        self.messages.push_back(Unsent { id, conversation_id, content, state: State::Waiting });
    }

    /// Removes a message that is acknowledged or refused for ever. Returns its text, if it was here.
    pub(super) fn remove(&mut self, id: &str) -> Option<String> {
        let place = self.messages.iter().position(|message| message.id == id)?;
        self.messages.remove(place).map(|message| message.content)
    }

    /// Notes that the server refused a message for now.
    pub(super) fn postpone(&mut self, id: &str, pause: Duration) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            message.state = State::Refused { again_at: Instant::now() + pause };
        }
    }

    /// Notes that the connection is lost: all messages go out with the next one.
    pub(super) fn connection_lost(&mut self) {
        for message in &mut self.messages {
            message.state = State::Waiting;
        }
    }

    /// Returns the frames that go out now. A message waits behind one of its conversation that waits, so that they stay in order.
    pub(super) fn due(&mut self) -> Vec<Value> {
        let now = Instant::now();
        let mut held: Vec<&str> = Vec::new();
        let mut frames = Vec::new();
        for message in &mut self.messages {
            let is_due = match message.state {
                State::Waiting => true,
                State::Sent(_) => false,
                State::Refused { again_at } => again_at <= now,
            };
            if matches!(message.state, State::Refused { again_at } if again_at > now) {
                held.push(&message.conversation_id);
            } else if is_due && !held.contains(&message.conversation_id.as_str()) {
                message.state = State::Sent(now);
                let (id, conversation_id, content) = (&message.id, &message.conversation_id, &message.content);
                frames.push(
                    json!({"type": "message.send", "conversation_id": conversation_id, "id": id, "content": content}),
                );
            }
        }
        frames
    }

    /// Returns when a message has to go out again, or is so late that the connection is suspect.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.messages.iter().filter_map(|message| match message.state {
            State::Waiting => None,
            State::Sent(sent_at) => Some(sent_at + TIMEOUT),
            State::Refused { again_at } => Some(again_at),
        });
        deadlines.min()
    }

    /// Returns true if an acknowledgement is late.
    pub(super) fn is_late(&self) -> bool {
        self.messages
            .iter()
            .any(|message| matches!(message.state, State::Sent(sent_at) if sent_at.elapsed() >= TIMEOUT))
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= UNSENT_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Outbox;

    fn ids(outbox: &mut Outbox) -> Vec<String> {
        outbox.due().iter().map(|frame| frame["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn messages_go_out_again_until_they_are_acknowledged() {
        let mut outbox = Outbox::default();
        for id in ["a", "b", "c"] {
            outbox.add("room", id.to_owned(), Some(id.to_owned()));
        }
        outbox.add("other", "d".to_owned(), Some("d".to_owned()));
        assert_eq!(ids(&mut outbox), ["a", "b", "c", "d"]);
        assert!(ids(&mut outbox).is_empty(), "they are on their way");
        outbox.remove("a");
        outbox.connection_lost();
        outbox.postpone("b", Duration::from_secs(1));
        assert_eq!(ids(&mut outbox), ["d"], "c does not overtake b");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(ids(&mut outbox), ["b", "c"]);
        assert!(!outbox.is_late());
        tokio::time::advance(super::TIMEOUT).await;
        assert!(outbox.is_late());
    }
}
