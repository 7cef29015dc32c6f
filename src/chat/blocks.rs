//! Operations on blocks.

use std::sync::Arc;

use super::{Chat, Context};
use crate::bus::Envelope;
use crate::domain::block::{Block, NewBlock};
use crate::domain::{Code, Error, Result, Timestamp, UserId};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::BlockObject;
use crate::wire::requests::blocks::ListBlocks;
use crate::wire::requests::users::GetUser;

/// Blocks a user. The user is not told.
pub async fn block(context: Context, input: GetUser) -> Result<Answer> {
    let (user_id, blocked_id) = (context.caller()?.user_id, input.user_id);
    if blocked_id == user_id {
        return Err(Error::field("user_id", "is your own"));
    }
    let new = NewBlock { user_id, blocked_id, created_at: Timestamp::now() };
    context.chat.change_block(user_id, blocked_id, async move |chat| chat.store.insert_block(&new).await).await
}

/// Ends the caller's block of a user, if there is one.
pub async fn unblock(context: Context, input: GetUser) -> Result<Answer> {
    let (chat, user_id, blocked_id) = (&context.chat, context.caller()?.user_id, input.user_id);
    chat.store.user(blocked_id).await?.ok_or_else(|| Error::not_found("user"))?;
    chat.change_block(user_id, blocked_id, async move |chat| chat.store.delete_block(user_id, blocked_id).await).await
}

/// Lists the users whom the caller blocks by username.
pub async fn list(context: Context, input: ListBlocks) -> Result<Answer> {
    let ListBlocks { cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::key(cursor.as_deref())?);
    let user_id = context.caller()?.user_id;
    let blocks = chat.store.blocks(user_id, after.as_deref(), limit + 1).await?;
    let cursor = |last: &Block| cursor::after_key(&last.user.username.key());
    Ok(Answer::encoded(list_page(&blocks, limit, context.page_bytes, BlockObject::new, cursor)?))
}

impl Chat {
    /// Runs a change of the blocks between two users, and has their presence announced if it hides them from each other or shows them
    /// again. Any other change is announced to nobody: otherwise users who are blocked could find out who is online, by blocking back.
    async fn change_block<Fut>(
        self: &Arc<Self>,
        one: UserId,
        other: UserId,
        change: impl FnOnce(Arc<Self>) -> Fut + Send + 'static,
    ) -> Result<Answer>
    where
        Fut: Future<Output = Result<bool>> + Send + 'static,
    {
        self.run_to_completion(async move |chat| {
            let changed = change(Arc::clone(&chat)).await;
            // If the outcome is unknown, the presence is announced all the same, as the store has it.
            if changed.as_ref().map_or_else(|error| error.code == Code::Unavailable, |changed| *changed) {
                chat.bus.publish(Envelope::BlockChanged(one, other));
            }
            changed.map(|_| Answer::no_content())
        })
        .await
    }
}
