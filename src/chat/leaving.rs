//! Leaving many conversations at once.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream;

use super::Context;
use super::messages::command;
use crate::domain::command::Action;
use crate::domain::{ConversationId, Error, Result};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::leaving::leaving;
use crate::wire::requests::conversations::LeaveConversations;

/// Leaves conversations. Each leave is the numbered write that it is alone, and has an answer of its own.
pub async fn leave(context: Context, input: LeaveConversations) -> Result<Answer> {
    let (chat, caller) = (&context.chat, context.caller()?);
    let mut ids = input.conversation_ids;
    if ids.len() > limits::LEAVES_MAX {
        let detail = format!("takes at most {} conversations at once", limits::LEAVES_MAX);
        return Err(Error::field("conversation_ids", detail));
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let leave = async |id: ConversationId| {
        let left = chat.write(command(&caller, id, Action::RemoveMember { user_id: caller.user_id })).await;
        (id, left.map(drop))
    };
    let left: Vec<(ConversationId, Result<()>)> =
        stream::iter(ids).map(leave).buffered(limits::LEAVES_IN_FLIGHT_MAX).collect().await;
    leaving(&left)
}
