//! Operations on conversations.

use std::slice;
use std::sync::Arc;

use bytes::Bytes;

use super::messages::command;
use super::{Chat, Context, no_conversation};
use crate::bus::Envelope;
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::conversation::{Conversation, ConversationKind, CreatedConversation, GroupName, NewConversation};
use crate::domain::conversation_view::ConversationView;
use crate::domain::session::Caller;
use crate::domain::{ConversationId, FieldError, RefusedFields, Result, Timestamp, UserId};
use crate::limits;
use crate::registry::Scope;
use crate::store::hide_deleted_names;
use crate::wire::answer::Answer;
use crate::wire::list::list as list_page;
use crate::wire::objects::{CreatedObject, ViewObject};
use crate::wire::requests::conversations::{
    CreateConversation, ListConversations, OneConversation, UpdateConversation,
};
use crate::wire::{cursor, frames};

/// Creates a conversation. Two users have only one direct conversation. The same id again is a retry.
pub async fn create(context: Context, input: CreateConversation) -> Result<Answer> {
    let caller = context.caller()?;
    let chat = &context.chat;
    let new = check(input, &caller, !chat.settings.unlimited)?;
    chat.rate_limits.charge_new_members(caller.user_id, new.other_ids.len() + 1)?;
    let created = chat.run_to_completion(async move |chat| chat.create(new).await).await?;
    let CreatedConversation { id, is_new, not_added } = &created;
    let view = view(chat, &caller, *id).await?;
    let presence = chat.presence_for(caller.user_id, peer_id(&view)).await?;
    let object = CreatedObject { view: ViewObject::new(&view, |id| presence.of(id)), not_added };
    Answer::created(*is_new, format!("/v1/conversations/{id}"), &object)
}

fn check(input: CreateConversation, caller: &Caller, has_quotas: bool) -> Result<NewConversation> {
    let mut refused = RefusedFields::default();
    let kind = ConversationKind::parse(&input.r#type);
    let kind = refused.check(kind.ok_or_else(|| FieldError::new("type", "takes `direct` or `group`")));
    let mut other_ids = input.member_ids;
    other_ids.sort_unstable();
    other_ids.dedup();
    other_ids.retain(|id| *id != caller.user_id);
    refused.check(check_members(kind, &other_ids));
    let name = refused.check(check_name(kind, input.name.as_deref()));
    let (Some(kind), Some(name)) = (kind, name) else { return Err(refused.into()) };
    refused.none_or_error()?;
    let (id, creator_id, created_at) = (input.id.unwrap_or_default(), caller.user_id, Timestamp::now());
    Ok(NewConversation { id, kind, name, creator_id, created_at, other_ids, has_quotas })
}

fn check_members(kind: Option<ConversationKind>, other_ids: &[UserId]) -> Result<(), FieldError> {
    let refuse = |detail: String| Err(FieldError::new("member_ids", detail));
    match kind {
        Some(ConversationKind::Direct) if other_ids.len() != 1 => {
            refuse("a direct conversation takes exactly one other user".to_owned())
        }
        _ if other_ids.len() > limits::INITIAL_MEMBERS_MAX => {
            refuse(format!("takes at most {} members; add more later", limits::INITIAL_MEMBERS_MAX))
        }
        _ => Ok(()),
    }
}

fn check_name(kind: Option<ConversationKind>, name: Option<&str>) -> Result<Option<GroupName>, FieldError> {
    if kind == Some(ConversationKind::Direct) && name.is_some() {
        return Err(FieldError::new("name", "a direct conversation has none"));
    }
    name.map(GroupName::parse).transpose()
}

/// Lists the caller's conversations, latest activity first.
pub async fn list(context: Context, input: ListConversations) -> Result<Answer> {
    let (chat, limit) = (&context.chat, input.limit.0);
    let after = cursor::activity(input.cursor.as_deref())?;
    let user_id = context.caller()?.user_id;
    chat.rate_limits.check_reads(user_id)?;
    let mut views = chat.store.conversation_views(user_id, after, limit + 1).await?;
    charge_counting(chat, user_id, &views);
    hide_deleted_names(&*chat.store, views.iter_mut().filter_map(|view| view.last_message.as_mut())).await?;
    let presence = chat.presence_for(user_id, views.iter().filter_map(peer_id)).await?;
    let object = |view| ViewObject::new(view, |id| presence.of(id));
    let cursor = |last: &ConversationView| cursor::after_activity((last.conversation.active_at, last.conversation.id));
    Ok(Answer::encoded(list_page(&views, limit, context.page_bytes, object, cursor)?))
}

/// Returns a conversation as the caller sees it.
pub async fn get(context: Context, input: OneConversation) -> Result<Answer> {
    answer(&context, input.conversation_id).await
}

async fn answer(context: &Context, id: ConversationId) -> Result<Answer> {
    let (chat, caller) = (&context.chat, context.caller()?);
    let view = view(chat, &caller, id).await?;
    let presence = chat.presence_for(caller.user_id, peer_id(&view)).await?;
    Answer::ok(&ViewObject::new(&view, |id| presence.of(id)))
}

/// Charges the messages and mentions that were looked at to count the unread ones: 200 conversations can have 600,000 of them.
fn charge_counting(chat: &Chat, user_id: UserId, views: &[ConversationView]) {
    let rows: i64 = views.iter().map(|view| view.rows_counted).sum();
    chat.rate_limits.charge_dear_read(user_id, usize::try_from(rows).unwrap_or(0) / limits::UNREAD_SCANNED_PER_TOKEN);
}

fn peer_id(view: &ConversationView) -> Option<UserId> {
    view.peer.as_ref().map(|peer| peer.id)
}

async fn view(chat: &Chat, caller: &Caller, id: ConversationId) -> Result<ConversationView> {
    let mut view = chat.store.conversation_view(id, caller.user_id).await?.ok_or_else(no_conversation)?;
    charge_counting(chat, caller.user_id, slice::from_ref(&view));
    hide_deleted_names(&*chat.store, view.last_message.as_mut()).await?;
    Ok(view)
}

/// Renames a group.
pub fn update(caller: &Caller, input: UpdateConversation) -> Result<Write> {
    let name = GroupName::parse(&input.name)?;
    Ok(command(caller, input.conversation_id, Action::Rename { name }))
}

/// Returns the conversation with its new name.
pub async fn updated(context: Context, write: Write, _: Outcome) -> Result<Answer> {
    answer(&context, write.conversation_id()).await
}

/// Deletes a group, and informs its members.
pub async fn delete(context: Context, input: OneConversation) -> Result<Answer> {
    let (id, actor_id) = (input.conversation_id, context.caller()?.user_id);
    let delete = async move |chat: Arc<Chat>| {
        let conversation = chat.store.conversation(id).await?.ok_or_else(no_conversation)?;
        let members = chat.store.delete_conversation(id, actor_id).await?;
        let frames = chat.frames_for("conversation.deleted", &conversation, &members).await;
        chat.bus.publish(Envelope::Deleted { conversation_id: id, members, frames });
        chat.sweeper.notify_one();
        Ok(())
    };
    context.chat.run_to_completion(delete).await?;
    Ok(Answer::no_content())
}

impl Chat {
    /// Creates a conversation, or finds the direct one of the two users, and informs the members of a new one.
    async fn create(self: &Arc<Self>, mut new: NewConversation) -> Result<CreatedConversation> {
        let created = self.store.create_conversation(&new).await?;
        if created.is_new {
            let id = created.id;
            new.other_ids = new.others_without(&created.not_added);
            let members: Vec<UserId> = new.other_ids.iter().copied().chain([new.creator_id]).collect();
            let frames = self.frames_for("conversation.created", &new.to_conversation(), &members).await;
            self.bus.publish(Envelope::Created { conversation_id: id, members: members.clone(), frames });
            self.activate_subscriptions(id, &members).await;
        }
        Ok(created)
    }

    /// Activates the paused subscriptions of a new conversation. A member may have sent a message already, or have left. Each connection
    /// catches up in a task of its own, so that none waits for another. If that fails for a connection, its client reconnects and finds the
    /// conversation.
    async fn activate_subscriptions(self: &Arc<Self>, id: ConversationId, members: &[UserId]) {
        let is_empty = self.store.head(id).await == Ok(Some(0));
        let connections = members.iter().flat_map(|user_id| self.registry.of_user(*user_id));
        for connection in connections.filter(|connection| connection.scope == Scope::All) {
            if is_empty && self.registry.activate(&connection, id, 0).is_ok() {
                continue;
            }
            self.subscriptions.catch_up_in_background(&connection, id, 0, true);
        }
    }

    /// Encodes a frame about a conversation for each of these users who is connected to this node.
    async fn frames_for(&self, kind: &'static str, about: &Conversation, users: &[UserId]) -> Vec<(UserId, Bytes)> {
        let mut frames = Vec::new();
        for &user_id in users {
            if !self.registry.of_user(user_id).is_empty() {
                // A version that cannot be read now is corrected by the next one.
                let version = self.store.membership_version(user_id).await.unwrap_or_default();
                frames.push((user_id, frames::conversation_lifecycle(kind, about, version)));
            }
        }
        frames
    }
}
