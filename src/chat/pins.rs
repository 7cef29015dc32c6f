//! Operations on pinned messages.

use super::messages::{command, status};
use super::reactions::mark_own;
use super::{Context, no_conversation};
use crate::domain::Result;
use crate::domain::Seq;
use crate::domain::command::{Action, Write};
use crate::domain::pin::Pin;
use crate::domain::session::Caller;
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::PinObject;
use crate::wire::requests::messages::OneMessage;
use crate::wire::requests::pins::ListPins;

/// Pins a message.
pub fn pin(caller: &Caller, input: OneMessage) -> Result<Write> {
    Ok(command(caller, input.conversation_id, Action::Pin { message_id: input.message_id, is_pinned: true }))
}

/// Unpins a message.
pub fn unpin(caller: &Caller, input: OneMessage) -> Result<Write> {
    Ok(command(caller, input.conversation_id, Action::Pin { message_id: input.message_id, is_pinned: false }))
}

/// Lists the pinned messages of a conversation, the newest message first.
pub async fn list(context: Context, input: ListPins) -> Result<Answer> {
    let ListPins { conversation_id: id, cursor, limit } = input;
    let (caller, limit, before) = (context.caller()?, limit.0, cursor::seq(cursor.as_deref())?);
    let store = &context.chat.store;
    store.member(id, caller.user_id).await?.ok_or_else(no_conversation)?;
    let mut pins = store.pins(id, before.unwrap_or(Seq::MAX), limit + 1).await?;
    mark_own(&**store, caller.user_id, id, pins.iter_mut().map(|pin| &mut pin.message).collect()).await?;
    let receipts = if pins.iter().any(|pin| pin.message.sender_id == caller.user_id) {
        context.chat.receipts_for(id, caller.user_id).await?
    } else {
        None
    };
    let object = |pin| PinObject::new(pin, status(&pin.message, &caller, receipts));
    let cursor = |last: &Pin| cursor::after_seq(last.message.seq);
    Ok(Answer::encoded(list_page(&pins, limit, context.page_bytes, object, cursor)?))
}
