//! Operations on what users are notified of.

use std::sync::Arc;

use super::{Context, no_conversation};
use crate::domain::Result;
use crate::domain::notifications::Notifications;
use crate::sync::publish_to_own_devices;
use crate::wire::answer::Answer;
use crate::wire::frames;
use crate::wire::requests::notifications::UpdateNotifications;

/// Sets what the caller is notified of in a conversation. The caller's devices are informed, and nobody else.
pub async fn update(context: Context, input: UpdateNotifications) -> Result<Answer> {
    let UpdateNotifications { conversation_id: id, level, until } = input;
    let (user_id, notifications) = (context.caller()?.user_id, Notifications::parse(&level, until.as_deref())?);
    let chat = Arc::clone(&context.chat);
    chat.run_to_completion(async move |chat| {
        if chat.store.set_notifications(id, user_id, notifications).await?.ok_or_else(no_conversation)? {
            for (_, state) in chat.store.unread_states(&[(id, user_id)]).await? {
                publish_to_own_devices(chat.bus.as_ref(), user_id, id, &frames::conversation_state(id, &state));
            }
        }
        Ok(Answer::no_content())
    })
    .await
}
