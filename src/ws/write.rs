//! Writes by frames of their own: sends, edits and deletions, many in flight on one connection. The event is the acknowledgement.

use std::sync::Arc;

use super::dispatch::{FrameDispatcher, Refused, refuse};
use crate::chat::messages;
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::event::{Event, EventKind};
use crate::domain::{Error, Result};
use crate::wire::frames::{self, ClientFrame, Reference};
use crate::wire::requests::{EditMessage, OneMessage, SendMessage};

impl FrameDispatcher<'_> {
    /// `message.send`
    pub(super) async fn send(&self, frame: ClientFrame<'_>, mut reference: Reference) -> Result<(), Refused> {
        // Where the client gave no `ref`, it recognises a send by its id.
        let id = frame.id;
        match self.new_message(frame) {
            Ok(write) => self.submit(write, reference, id.map(|id| id.0)).await,
            Err(error) => {
                reference.reference = reference.reference.or_else(|| id.map(|id| id.to_string()));
                Err(refuse(error, reference))
            }
        }
    }

    fn new_message(&self, frame: ClientFrame<'_>) -> Result<Write> {
        let input = SendMessage {
            conversation_id: self.conversation(&frame)?,
            id: frame.id,
            content: frame.content.ok_or_else(|| Error::field("content", "is missing"))?,
            r#type: frame.message_type,
            reply_to: frame.reply_to,
        };
        messages::new_message(self.caller, input, "message_type")
    }

    /// `message.edit`, `message.delete`
    pub(super) async fn change_message(&self, frame: ClientFrame<'_>, mut reference: Reference) -> Result<(), Refused> {
        let id = frame.message_id;
        match self.message_change(frame) {
            Ok(write) => self.submit(write, reference, id.map(|id| id.0)).await,
            Err(error) => {
                reference.reference = reference.reference.or_else(|| id.map(|id| id.to_string()));
                Err(refuse(error, reference))
            }
        }
    }

    fn message_change(&self, frame: ClientFrame<'_>) -> Result<Write> {
        let conversation_id = self.conversation(&frame)?;
        let message_id = frame.message_id.ok_or_else(|| Error::field("message_id", "is missing"))?;
        if frame.r#type == "message.delete" {
            return messages::delete(self.caller, OneMessage { conversation_id, message_id });
        }
        let content = frame.content.ok_or_else(|| Error::field("content", "is missing"))?;
        messages::edit(self.caller, EditMessage { conversation_id, message_id, content })
    }

    /// Hands a write to the journal. `id` stands for a `ref` that was not given.
    async fn submit(&self, write: Write, reference: Reference, id: Option<uuid::Uuid>) -> Result<(), Refused> {
        let permit = match self.permit().await {
            Ok(permit) => permit,
            Err(error) => return Err(refuse(error, reference)),
        };
        // A frame that was read but not begun when the connection was closed is not begun any more: its session may have ended.
        if self.connection.send_queue.is_closing() {
            return Ok(());
        }
        let to = write.conversation_id();
        let in_words = move |reference: Option<String>| reference.or_else(|| id.map(|id| id.to_string()));
        if let Err(error) = self.chat.rate_limits.charge_write(write.actor_id()) {
            let reference = Reference { reference: in_words(reference.reference), conversation_id: Some(to) };
            return Err(refuse(error, reference));
        }
        let connection = Arc::clone(self.connection);
        let change = change_of(&write);
        let reply = move |outcome: Result<Outcome>| {
            let hears = connection.is_live(to);
            match outcome {
                // Once the connection has left, what was delivered before may have missed it: a gap that it would never ask about.
                Ok(_) if hears.is_none() => {}
                // Its event, which every subscriber gets, is the acknowledgement.
                Ok(Outcome::Committed(_)) if hears == Some(true) => {}
                Ok(Outcome::Committed(event)) => connection.send_queue.push(frames::event(&event)),
                Ok(Outcome::Duplicate(message)) => {
                    let kind = change.unwrap_or_else(|| Event::kind_of(Some(&message)));
                    connection.send_queue.push(frames::duplicate(&kind, &message));
                }
                Ok(Outcome::NoChange) => {}
                Err(error) => {
                    let reference = in_words(reference.reference);
                    connection.send_queue.push(frames::error(&error, reference.as_deref(), Some(to)));
                }
            }
            drop(permit);
        };
        self.chat.submit(write, Box::new(reply)).await;
        Ok(())
    }
}

/// The kind of the event that a change of a message causes.
fn change_of(write: &Write) -> Option<EventKind> {
    match &write.as_command()?.action {
        Action::EditMessage { .. } => Some(EventKind::MessageUpdated),
        Action::DeleteMessage { .. } => Some(EventKind::MessageDeleted),
        _ => None,
    }
}
