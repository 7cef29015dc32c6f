//! The frames `message.send`, `message.edit` and `message.delete`. A connection can have many of them in flight. The event
//! acknowledges a write.

use std::sync::Arc;

use super::dispatch::{FrameDispatcher, Refused};
use crate::api::cost;
use crate::chat::messages;
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::event::{Event, EventKind};
use crate::domain::{Error, FieldError, MessageId, RefusedFields, Result};
use crate::wire::client_frame::{ClientFrame, Reference};
use crate::wire::frames;
use crate::wire::requests::messages::{EditMessage, OneMessage, SendMessage};

/// Returns a field's value. Refuses the field if it is missing.
fn given<T>(field: &'static str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or_else(|| FieldError::new(field, "is missing"))
}

/// Returns a frame's `ref`. Without one, the client recognises its frame by the message's id.
fn or_id(reference: Option<String>, id: Option<MessageId>) -> Option<String> {
    reference.or_else(|| id.map(|id| id.to_string()))
}

/// Refuses a frame about the message with this id.
fn refused(error: Error, reference: Reference, id: Option<MessageId>) -> Refused {
    Refused::new(error, Reference { reference: or_id(reference.reference, id), ..reference })
}

impl FrameDispatcher<'_> {
    /// `message.send`
    pub(super) async fn send(&self, frame: ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let id = frame.id;
        match self.new_message(frame) {
            Ok(write) => self.submit(write, reference, id).await,
            Err(error) => Err(refused(error, reference, id)),
        }
    }

    fn new_message(&self, frame: ClientFrame<'_>) -> Result<Write> {
        let mut refused = RefusedFields::default();
        let conversation_id = refused.check(self.conversation(&frame));
        let content = refused.check(given("content", frame.content));
        let (Some(conversation_id), Some(content)) = (conversation_id, content) else { return Err(refused.into()) };
        let (id, r#type, reply_to) = (frame.id, frame.message_type, frame.reply_to);
        let input = SendMessage { conversation_id, id, content, r#type, reply_to };
        messages::new_message(self.caller, input, "message_type")
    }

    /// `message.edit`, `message.delete`
    pub(super) async fn edit_or_delete(&self, frame: ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let id = frame.message_id;
        match self.edit_or_deletion(frame) {
            Ok(write) => self.submit(write, reference, id).await,
            Err(error) => Err(refused(error, reference, id)),
        }
    }

    fn edit_or_deletion(&self, frame: ClientFrame<'_>) -> Result<Write> {
        let is_deletion = frame.r#type == "message.delete";
        let mut refused = RefusedFields::default();
        let conversation_id = refused.check(self.conversation(&frame));
        let message_id = refused.check(given("message_id", frame.message_id));
        let content = if is_deletion { None } else { refused.check(given("content", frame.content)) };
        match (conversation_id, message_id, content) {
            (Some(conversation_id), Some(message_id), _) if is_deletion => {
                messages::delete(self.caller, OneMessage { conversation_id, message_id })
            }
            (Some(conversation_id), Some(message_id), Some(content)) => {
                messages::edit(self.caller, EditMessage { conversation_id, message_id, content })
            }
            _ => Err(refused.into()),
        }
    }

    /// Submits a write to the journal. `id` replaces a missing `ref` in errors.
    async fn submit(&self, write: Write, reference: Reference, id: Option<MessageId>) -> Result<(), Refused> {
        let permit = match self.permit().await {
            Ok(permit) => permit,
            Err(error) => return Err(Refused::new(error, reference)),
        };
        // The connection can have been closed while this waited for a permit, for example because its session has ended.
        if self.connection.send_queue.is_closing() {
            return Ok(());
        }
        let conversation_id = write.conversation_id();
        if let Err(error) = self.chat.rate_limits.charge_write(write.actor_id(), cost::WRITE_TOKENS) {
            let reference = Reference { conversation_id: Some(conversation_id), ..reference };
            return Err(refused(error, reference, id));
        }
        let connection = Arc::clone(self.connection);
        let kind = event_kind(&write);
        let reply = move |outcome: Result<Outcome>| {
            let is_live = connection.is_live(conversation_id);
            match outcome {
                // A connection that has left the registry can have missed earlier events. An acknowledgement would hide that gap, and
                // the client would never request it.
                Ok(_) if is_live.is_none() => {}
                // The event, which every subscription delivers, is the acknowledgement.
                Ok(Outcome::Committed(_)) if is_live == Some(true) => {}
                Ok(Outcome::Committed(event)) => connection.send_queue.push(frames::event(&event)),
                Ok(Outcome::Duplicate(message)) => {
                    let kind = kind.unwrap_or_else(|| Event::kind_of(Some(&message)));
                    connection.send_queue.push(frames::duplicate(&kind, &message));
                }
                Ok(Outcome::Merged | Outcome::NoChange) => {}
                Err(error) => {
                    let reference = or_id(reference.reference, id);
                    connection.send_queue.push(frames::error(&error, reference.as_deref(), Some(conversation_id)));
                }
            }
            drop(permit);
        };
        self.chat.submit(write, Box::new(reply)).await;
        Ok(())
    }
}

/// Returns the kind of the event that an edit or a deletion causes, and `None` for a send.
fn event_kind(write: &Write) -> Option<EventKind> {
    match &write.as_command()?.action {
        Action::EditMessage { .. } => Some(EventKind::MessageUpdated),
        Action::DeleteMessage { .. } => Some(EventKind::MessageDeleted),
        _ => None,
    }
}
