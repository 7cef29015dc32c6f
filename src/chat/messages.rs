//! Operations on messages: sending, editing and deleting them.

use super::{Chat, Context};
use crate::domain::command::{Action, Command, NewMessage, Outcome, Write};
use crate::domain::message::{Content, Message};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, FieldError, MessageId, RefusedFields, Result, Seq, Timestamp, UserId};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::message::{MessageObject, MessageStatus};
use crate::wire::requests::messages::{EditMessage, OneMessage, SendMessage};

/// Sends a message.
pub fn send(caller: &Caller, input: SendMessage) -> Result<Write> {
    new_message(caller, input, "type")
}

/// Returns the write of a new message. `type_field` is the name of the field with its type on the caller's transport.
pub fn new_message(caller: &Caller, input: SendMessage, type_field: &'static str) -> Result<Write> {
    let mut refused = RefusedFields::default();
    let is_text = input.r#type.is_none_or(|r#type| r#type == "text");
    refused.check(is_text.then_some(()).ok_or_else(|| FieldError::new(type_field, "only `text` can be sent")));
    let Some(content) = refused.check(Content::parse(input.content)) else { return Err(refused.into()) };
    refused.none_or_error()?;
    Ok(Write::Send(NewMessage {
        conversation_id: input.conversation_id,
        id: input.id.unwrap_or_default(),
        sender_id: caller.user_id,
        content,
        reply_to: input.reply_to,
        timestamp: Timestamp::now(),
    }))
}

/// Returns the message that this call or an earlier try sent.
pub async fn sent(context: Context, _: Write, outcome: Outcome) -> Result<Answer> {
    let (message, status, is_new) = match outcome {
        Outcome::Committed(event) => (event.message, MessageStatus::Sent, true),
        Outcome::Duplicate(message) => {
            let status = status_of(&context, &message).await?;
            (Some(message), status, false)
        }
        Outcome::Merged | Outcome::NoChange => (None, MessageStatus::Sent, false),
    };
    let message = message.ok_or_else(|| Error::internal("the outcome of a send has no message"))?;
    let location = format!("/v1/conversations/{}/messages?around_seq={}", message.conversation_id, message.seq);
    Answer::created(is_new, location, &MessageObject::new(&message, status))
}

/// Edits a message.
pub fn edit(caller: &Caller, input: EditMessage) -> Result<Write> {
    let (message_id, content) = (input.message_id, Content::parse(input.content)?);
    Ok(command(caller, input.conversation_id, Action::EditMessage { message_id, content }))
}

/// Returns the message as it is now.
pub async fn edited(context: Context, _: Write, outcome: Outcome) -> Result<Answer> {
    let message = match outcome {
        Outcome::Committed(event) => event.message,
        Outcome::Duplicate(message) => Some(message),
        Outcome::Merged | Outcome::NoChange => None,
    };
    let message = message.ok_or_else(|| Error::internal("the outcome of an edit has no message"))?;
    let status = status_of(&context, &message).await?;
    Answer::ok(&MessageObject::new(&message, status))
}

/// Deletes a message.
pub fn delete(caller: &Caller, input: OneMessage) -> Result<Write> {
    let message_id = input.message_id;
    Ok(command(caller, input.conversation_id, Action::DeleteMessage { message_id }))
}

/// Makes a command of the caller with a new id and the present time.
pub(super) fn command(caller: &Caller, conversation_id: ConversationId, action: Action) -> Write {
    let (actor_id, timestamp) = (caller.user_id, Timestamp::now());
    Write::Apply(Command { conversation_id, actor_id, id: MessageId::new(), timestamp, action })
}

async fn status_of(context: &Context, message: &Message) -> Result<MessageStatus> {
    let caller = context.caller()?;
    let receipts = context.chat.receipts_for(message.conversation_id, caller.user_id).await?;
    Ok(status(message, &caller, receipts))
}

impl Chat {
    /// Returns the least receipts of the other members, in a small conversation.
    pub(super) async fn receipts_for(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
        let conversation = self.store.conversation(id).await?;
        let is_small = conversation
            .is_some_and(|conversation| conversation.member_count <= limits::SMALL_CONVERSATION_MEMBERS_MAX);
        if is_small { self.store.receipts_of_others(id, user_id).await } else { Ok(None) }
    }
}

/// Returns a message's status for the caller. `receipts` are the least `(delivered_seq, read_seq)` of the other members.
pub(super) fn status(message: &Message, caller: &Caller, receipts: Option<(Seq, Seq)>) -> MessageStatus {
    match receipts {
        Some((_, read_seq)) if message.sender_id == caller.user_id && message.seq <= read_seq => MessageStatus::Read,
        Some((delivered_seq, _)) if message.sender_id == caller.user_id && message.seq <= delivered_seq => {
            MessageStatus::Delivered
        }
        _ => MessageStatus::Sent,
    }
}
