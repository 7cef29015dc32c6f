//! Operations on members.

use super::messages::command;
use super::presence_view::PresenceView;
use super::{Context, no_conversation};
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::conversation::{Member, Role};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::MemberObject;
use crate::wire::requests::{AddMember, ListMembers, RemoveMember, UpdateMember};

/// Lists a conversation's members by username.
pub async fn list(context: Context, input: ListMembers) -> Result<Answer> {
    let ListMembers { conversation_id: id, cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::key(cursor.as_deref())?);
    let user_id = context.caller()?.user_id;
    chat.store.member(id, user_id).await?.ok_or_else(no_conversation)?;
    let members = chat.store.members(id, after.as_deref(), limit + 1).await?;
    let presence = chat.presence_for(user_id, members.iter().map(|member| member.user.id)).await?;
    let object = |member| member_object(&presence, member);
    let cursor = |last: &Member| cursor::after_key(&last.user.username.key());
    Ok(Answer::encoded(list_page(&members, limit, context.page_bytes, object, cursor)?))
}

fn member_object<'a>(presence: &PresenceView<'_>, member: &'a Member) -> MemberObject<'a> {
    MemberObject::new(member, presence.of(member.user.id))
}

/// Adds a member.
pub fn add(caller: &Caller, input: AddMember) -> Result<Write> {
    let role = input.role.as_deref().map_or(Ok(Role::Member), parse_role)?;
    Ok(command(caller, input.conversation_id, Action::AddMember { user_id: input.user_id, role }))
}

/// Returns the member. The status is 201 if they are new.
pub async fn added(context: Context, write: Write, outcome: Outcome) -> Result<Answer> {
    let (id, member, presence) = changed_member(&context, &write).await?;
    let object = member_object(&presence, &member);
    let location = format!("/v1/conversations/{id}/members/{}", member.user.id);
    Answer::created(outcome != Outcome::NoChange, location, &object)
}

/// Changes a member's role.
pub fn update(caller: &Caller, input: UpdateMember) -> Result<Write> {
    let (user_id, role) = (input.user_id, parse_role(&input.role)?);
    Ok(command(caller, input.conversation_id, Action::SetRole { user_id, role }))
}

/// Returns the member with their new role.
pub async fn updated(context: Context, write: Write, _: Outcome) -> Result<Answer> {
    let (_, member, presence) = changed_member(&context, &write).await?;
    Answer::ok(&member_object(&presence, &member))
}

/// Removes a member. A caller who removes themselves leaves.
pub fn remove(caller: &Caller, input: RemoveMember) -> Result<Write> {
    Ok(command(caller, input.conversation_id, Action::RemoveMember { user_id: input.user_id }))
}

/// Returns the member that a command changed, and the member's presence.
async fn changed_member<'a>(context: &'a Context, write: &Write) -> Result<(ConversationId, Member, PresenceView<'a>)> {
    let id = write.conversation_id();
    let user_id: Option<UserId> = write.as_command().and_then(|command| command.action.user_id());
    let user_id = user_id.ok_or_else(|| Error::internal("the command changes no member"))?;
    let member = context.chat.store.member(id, user_id).await?;
    let member = member.ok_or_else(|| Error::not_found("member"))?;
    let presence = context.chat.presence_for(write.actor_id(), [user_id]).await?;
    Ok((id, member, presence))
}

fn parse_role(text: &str) -> Result<Role> {
    Role::parse(text).ok_or_else(|| Error::field("role", "takes `member`, `admin` or `owner`"))
}
