//! The calls of the specifications, mapped to the store's interface: they were written before it had one method for all commands.

use std::sync::Arc;

use async_trait::async_trait;
use chinwag::domain::command::{Action, Outcome};
pub(crate) use chinwag::domain::command::{Command as Change, NewMessage as Send};
use chinwag::domain::event::EventKind;
use chinwag::domain::message::{Content, Message};
use chinwag::domain::{self, ConversationId, MessageId, Result, Seq, Timestamp, UserId};
use chinwag::store::{Messages, NumberedWrites, Range};

/// An edit or, without a text, a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) conversation_id: ConversationId,
    pub(crate) message_id: MessageId,
    pub(crate) actor_id: UserId,
    pub(crate) content: Option<Content>,
    pub(crate) timestamp: Timestamp,
}

impl Revision {
    fn command(&self) -> Change {
        let Self { conversation_id, message_id, actor_id, timestamp, .. } = *self;
        let action = match self.content.clone() {
            Some(content) => Action::EditMessage { message_id, content },
            None => Action::DeleteMessage { message_id },
        };
        Change { conversation_id, actor_id, id: MessageId::new(), timestamp, action }
    }
}

/// The kind of an event of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageEventKind {
    Created,
    Updated,
    Deleted,
}

/// An event of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) seq: Seq,
    pub(crate) kind: MessageEventKind,
    pub(crate) message: Message,
}

impl From<domain::event::Event> for Event {
    fn from(event: domain::event::Event) -> Self {
        let kind = match event.kind {
            EventKind::MessageUpdated => MessageEventKind::Updated,
            EventKind::MessageDeleted => MessageEventKind::Deleted,
            _ => MessageEventKind::Created,
        };
        let message = event.message.expect("an event about a message");
        assert_eq!((event.conversation_id, event.payload), (message.conversation_id, None));
        Self { seq: event.seq, kind, message }
    }
}

/// Calls for one command, committed alone, and for one message.
#[async_trait]
pub(crate) trait ApplyOne {
    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome>;
    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome>;
    async fn message(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>>;
}

#[async_trait]
impl<S: NumberedWrites + Messages + ?Sized> ApplyOne for S {
    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome> {
        apply(self, lane, change.clone()).await
    }

    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome> {
        apply(self, lane, revision.command()).await
    }

    /// Returns one message of a conversation's history.
    async fn message(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        let all = self.messages(id, Range::After(0), 100_000).await?;
        Ok(all.into_iter().find(|message| message.id == message_id))
    }
}

async fn apply<S: NumberedWrites + ?Sized>(store: &S, lane: usize, command: Change) -> Result<Outcome> {
    let mut outcomes = store.apply(lane, Arc::new([command])).await?;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}
