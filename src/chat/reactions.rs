//! Operations on reactions.

use super::messages::command;
use super::presence_view::PresenceView;
use super::{Context, no_conversation};
use crate::domain::command::{Action, Write};
use crate::domain::emoji::Emoji;
use crate::domain::message::Message;
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::store::{EmojiAndUser, Store};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::ReactionObject;
use crate::wire::requests::reactions::{ListReactions, React};

/// Reacts to a message.
pub fn add(caller: &Caller, input: React) -> Result<Write> {
    react(caller, &input, true)
}

/// Takes a reaction back.
pub fn remove(caller: &Caller, input: React) -> Result<Write> {
    react(caller, &input, false)
}

/// Removes all reactions of one kind, for an admin.
pub fn clear(caller: &Caller, input: React) -> Result<Write> {
    let (message_id, emoji) = (input.message_id, Emoji::parse(&input.emoji)?);
    Ok(command(caller, input.conversation_id, Action::ClearReactions { message_id, emoji }))
}

fn react(caller: &Caller, input: &React, is_added: bool) -> Result<Write> {
    let (message_id, emoji) = (input.message_id, Emoji::parse(&input.emoji)?);
    Ok(command(caller, input.conversation_id, Action::React { message_id, emoji, is_added }))
}

/// Lists who reacted to a message with which emoji.
pub async fn list(context: Context, input: ListReactions) -> Result<Answer> {
    let ListReactions { conversation_id: id, message_id, emoji, cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::reaction(cursor.as_deref())?);
    let only = emoji.as_deref().map(Emoji::parse).transpose()?;
    let user_id = context.caller()?.user_id;
    chat.store.member(id, user_id).await?.ok_or_else(no_conversation)?;
    let message = chat.store.message_by_id(id, message_id).await?.ok_or_else(|| Error::not_found("message"))?;
    let reactors = if message.reactions.is_empty() {
        // A deleted message may have rows that are not swept yet.
        Vec::new()
    } else {
        chat.store.reactors(id, message.seq, only.as_ref(), after.as_ref(), limit + 1).await?
    };
    let presence = chat.presence_for(user_id, reactors.iter().map(|(_, user)| user.id)).await?;
    let object = |reactor| reaction_object(&presence, reactor);
    let cursor = |(emoji, user): &EmojiAndUser| cursor::after_reaction(emoji, user.id);
    Ok(Answer::encoded(list_page(&reactors, limit, context.page_bytes, object, cursor)?))
}

fn reaction_object<'a>(presence: &PresenceView<'_>, (emoji, user): &'a EmojiAndUser) -> ReactionObject<'a> {
    ReactionObject::new(emoji, user, presence.of(user.id))
}

/// Marks the reader's own reactions to messages of a conversation. One question to the store, and none if there are no reactions.
pub(super) async fn mark_own(
    store: &dyn Store,
    reader_id: UserId,
    id: ConversationId,
    messages: Vec<&mut Message>,
) -> Result<()> {
    let kinds_of = |message: &Message| {
        let seq = message.seq;
        message.reactions.counts().iter().map(move |kind| (seq, kind.emoji.clone())).collect::<Vec<_>>()
    };
    let kinds: Vec<_> = messages.iter().flat_map(|message| kinds_of(message)).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    let own = store.own_reactions(reader_id, id, &kinds).await?;
    for message in messages {
        let seq = message.seq;
        message.reactions.mark_own(|emoji| own.iter().any(|(own_seq, own)| *own_seq == seq && own == emoji));
    }
    Ok(())
}
