//! Operations on members.

use std::collections::HashSet;

use super::messages::command;
use super::presence_view::PresenceView;
use super::{Chat, Context, no_conversation};
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::conversation::{Member, Role};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, Result, UserId};
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::objects::{MemberObject, ShownReceipts};
use crate::wire::requests::members::{AddMember, ListMembers, RemoveMember, UpdateMember};

/// Lists a conversation's members by username.
pub async fn list(context: Context, input: ListMembers) -> Result<Answer> {
    let ListMembers { conversation_id: id, cursor, limit } = input;
    let (chat, limit, after) = (&context.chat, limit.0, cursor::key(cursor.as_deref())?);
    let user_id = context.caller()?.user_id;
    chat.store.member(id, user_id).await?.ok_or_else(no_conversation)?;
    let members = chat.store.members(id, after.as_deref(), limit + 1).await?;
    let views = chat.member_views(user_id, members.iter().map(|member| member.user.id).collect()).await?;
    let object = |member| views.object(member);
    let cursor = |last: &Member| cursor::after_key(&last.user.username.key());
    Ok(Answer::encoded(list_page(&members, limit, context.page_bytes, object, cursor)?))
}

/// Members as one reader sees them.
struct MemberViews<'a> {
    presence: PresenceView<'a>,
    /// Those whose `read_seq` the reader may not see.
    hidden_readers: HashSet<UserId>,
}

impl MemberViews<'_> {
    fn object<'a>(&self, member: &'a Member) -> MemberObject<'a> {
        let (id, status) = (member.user.id, self.presence.of(member.user.id));
        // A block hides both.
        let receipts = match status {
            None => ShownReceipts::None,
            Some(_) if self.hidden_readers.contains(&id) => ShownReceipts::Delivered,
            Some(_) => ShownReceipts::All,
        };
        MemberObject::new(member, status, receipts)
    }
}

impl Chat {
    async fn member_views(&self, reader_id: UserId, ids: Vec<UserId>) -> Result<MemberViews<'_>> {
        let hidden_readers = self.store.hidden_readers(reader_id, &ids).await?.into_iter().collect();
        Ok(MemberViews { presence: self.presence_for(reader_id, ids).await?, hidden_readers })
    }
}

/// Adds a member.
pub fn add(caller: &Caller, input: AddMember) -> Result<Write> {
    let role = input.role.as_deref().map_or(Ok(Role::Member), parse_role)?;
    Ok(command(caller, input.conversation_id, Action::AddMember { user_id: input.user_id, role }))
}

/// Returns the member. The status is 201 if they are new.
pub async fn added(context: Context, write: Write, outcome: Outcome) -> Result<Answer> {
    let (id, member, views) = changed_member(&context, &write).await?;
    let object = views.object(&member);
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
    let (_, member, views) = changed_member(&context, &write).await?;
    Answer::ok(&views.object(&member))
}

/// Removes a member. A caller who removes themselves leaves.
pub fn remove(caller: &Caller, input: RemoveMember) -> Result<Write> {
    Ok(command(caller, input.conversation_id, Action::RemoveMember { user_id: input.user_id }))
}

/// Returns the member that a command changed, and how its actor sees members.
async fn changed_member<'a>(context: &'a Context, write: &Write) -> Result<(ConversationId, Member, MemberViews<'a>)> {
    let id = write.conversation_id();
    let user_id: Option<UserId> = write.as_command().and_then(|command| command.action.user_id());
    let user_id = user_id.ok_or_else(|| Error::internal("the command changes no member"))?;
    let member = context.chat.store.member(id, user_id).await?;
    let member = member.ok_or_else(|| Error::not_found("member"))?;
    let views = context.chat.member_views(write.actor_id(), vec![user_id]).await?;
    Ok((id, member, views))
}

fn parse_role(text: &str) -> Result<Role> {
    Role::parse(text).ok_or_else(|| Error::field("role", "takes `member`, `admin` or `owner`"))
}
