//! Operations on saved messages.

use std::sync::Arc;

use super::{Context, no_conversation};
use crate::domain::saved::SavedMessage;
use crate::domain::{Error, Result, Timestamp};
use crate::sync::publish_to_own_devices;
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::frames;
use crate::wire::list::list as list_page;
use crate::wire::objects::SavedObject;
use crate::wire::requests::messages::OneMessage;
use crate::wire::requests::saved::ListSaved;

/// Saves a message for the caller. The caller's devices are informed, and nobody else.
pub async fn save(context: Context, input: OneMessage) -> Result<Answer> {
    let OneMessage { conversation_id: id, message_id } = input;
    let (chat, user_id) = (Arc::clone(&context.chat), context.caller()?.user_id);
    chat.run_to_completion(async move |chat| {
        let at = Timestamp::now();
        if chat.store.save_message(user_id, id, message_id, at).await? {
            publish_to_own_devices(chat.bus.as_ref(), user_id, id, &frames::saved(id, message_id, Some(at)));
        }
        Ok(Answer::no_content())
    })
    .await
}

/// Ends that, also for a message that is deleted, or in a conversation that the caller is not in any more.
pub async fn unsave(context: Context, input: OneMessage) -> Result<Answer> {
    let OneMessage { conversation_id: id, message_id } = input;
    let (chat, user_id) = (Arc::clone(&context.chat), context.caller()?.user_id);
    chat.run_to_completion(async move |chat| {
        if chat.store.unsave_message(user_id, id, message_id).await? {
            publish_to_own_devices(chat.bus.as_ref(), user_id, id, &frames::saved(id, message_id, None));
            return Ok(Answer::no_content());
        }
        chat.store.member(id, user_id).await?.ok_or_else(no_conversation)?;
        chat.store.message_by_id(id, message_id).await?.ok_or_else(|| Error::not_found("message"))?;
        Ok(Answer::no_content())
    })
    .await
}

/// Lists the caller's saved messages, the one that was saved last first.
pub async fn list(context: Context, input: ListSaved) -> Result<Answer> {
    let ListSaved { cursor, limit } = input;
    let (user_id, limit, after) = (context.caller()?.user_id, limit.0, cursor::saved(cursor.as_deref())?);
    let saved = context.chat.store.saved_messages(user_id, after, limit + 1).await?;
    let cursor = |last: &SavedMessage| cursor::after_saved(last.position());
    Ok(Answer::encoded(list_page(&saved, limit, context.page_bytes, SavedObject::new, cursor)?))
}
