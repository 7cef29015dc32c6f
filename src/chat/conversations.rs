//! Conversations and their members.

use std::sync::Arc;

use bytes::Bytes;

use super::messages::command;
use super::{Chat, no_conversation};
use crate::bus::Envelope;
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::conversation::{Conversation, Kind, Member, NewConversation, Role, Title, View};
use crate::domain::session::Caller;
use crate::domain::{ConversationId, Error, Result, Timestamp, UserId};
use crate::limits;
use crate::registry::Scope;
use crate::store::ActivityCursor;
use crate::wire::frames;

/// A conversation that somebody wants to have, as it came.
pub struct NewGroup {
    /// `direct` or `group`.
    pub kind: String,
    /// A group's name.
    pub name: Option<String>,
    /// The others.
    pub member_ids: Vec<UserId>,
}

impl NewGroup {
    fn check(self, caller: &Caller) -> Result<NewConversation> {
        let kind = Kind::parse(&self.kind).ok_or_else(|| Error::field("type", "takes `direct` or `group`"))?;
        let mut other_ids = self.member_ids;
        other_ids.sort_unstable();
        other_ids.dedup();
        other_ids.retain(|id| *id != caller.user_id);
        if other_ids.len() > limits::INITIAL_MEMBERS {
            let detail = format!("takes at most {} members; add more later", limits::INITIAL_MEMBERS);
            return Err(Error::field("member_ids", detail));
        }
        let name = match (kind, self.name) {
            (Kind::Direct, Some(_)) => return Err(Error::field("name", "a direct conversation has none")),
            (Kind::Direct, None) if other_ids.len() != 1 => {
                return Err(Error::field("member_ids", "a direct conversation takes exactly one other person"));
            }
            (_, name) => name.as_deref().map(Title::parse).transpose()?,
        };
        Ok(NewConversation {
            id: ConversationId::new(),
            kind,
            name,
            creator_id: caller.user_id,
            created_at: Timestamp::now(),
            other_ids,
        })
    }
}

impl Chat {
    /// Makes a conversation, and tells its members. Says whether it is new: a direct pair has only one.
    pub async fn create_conversation(self: &Arc<Self>, caller: &Caller, wanted: NewGroup) -> Result<(View, bool)> {
        let (new, caller) = (wanted.check(caller)?, *caller);
        self.run_to_completion(async move |chat| {
            let (id, is_new) = chat.store.create_conversation(&new).await?;
            if is_new {
                let members: Vec<UserId> = new.other_ids.iter().copied().chain([caller.user_id]).collect();
                let told = chat.tidings("conversation.created", &new.made(), &members).await;
                chat.bus.publish(Envelope::Created { conversation_id: id, members: members.clone(), frames: told });
                chat.begin_hearing(id, &members).await;
            }
            Ok((chat.conversation(&caller, id).await?, is_new))
        })
        .await
    }

    /// Makes the silent seats of a new conversation live. Somebody may have sent something already, or have left; nobody waits
    /// for anybody else. Whom it fails for comes back, and finds the conversation.
    async fn begin_hearing(self: &Arc<Self>, id: ConversationId, members: &[UserId]) {
        let is_empty = self.store.head(id).await == Ok(Some(0));
        let connections = members.iter().flat_map(|user_id| self.registry.of_user(*user_id));
        for connection in connections.filter(|connection| connection.scope == Scope::All) {
            if is_empty && self.registry.go_live(&connection, id, 0).is_ok() {
                continue;
            }
            self.subscriptions.catch_up_in_background(&connection, id, 0);
        }
    }

    /// For each of these users who is connected, the frame that tells them that a conversation begins or ends.
    async fn tidings(&self, kind: &'static str, about: &Conversation, users: &[UserId]) -> Vec<(UserId, Bytes)> {
        let mut told = Vec::new();
        for &user_id in users {
            if !self.registry.of_user(user_id).is_empty() {
                // A version that cannot be read now is corrected by the next one.
                let version = self.store.membership_version(user_id).await.unwrap_or_default();
                told.push((user_id, frames::conversation_told(kind, about, version)));
            }
        }
        told
    }

    /// A conversation as the caller sees it.
    pub async fn conversation(&self, caller: &Caller, id: ConversationId) -> Result<View> {
        self.store.view(id, caller.user_id).await?.ok_or_else(no_conversation)
    }

    /// The caller's conversations, latest activity first.
    pub async fn conversations(
        &self,
        caller: &Caller,
        after: Option<ActivityCursor>,
        limit: usize,
    ) -> Result<Vec<View>> {
        self.store.views(caller.user_id, after, limit).await
    }

    /// Names a group.
    pub async fn rename(&self, caller: &Caller, id: ConversationId, name: &str) -> Result<View> {
        let name = Title::parse(name)?;
        self.change(caller, id, Action::Rename { name }).await?;
        self.conversation(caller, id).await
    }

    /// Deletes a group, and tells those who were in it.
    pub async fn delete_conversation(self: &Arc<Self>, caller: &Caller, id: ConversationId) -> Result<()> {
        let actor_id = caller.user_id;
        self.run_to_completion(async move |chat| {
            let conversation = chat.store.conversation(id).await?.ok_or_else(no_conversation)?;
            let members = chat.store.delete_conversation(id, actor_id).await?;
            let told = chat.tidings("conversation.deleted", &conversation, &members).await;
            chat.bus.publish(Envelope::Deleted { conversation_id: id, members, frames: told });
            Ok(())
        })
        .await
    }

    /// The members by username, after a folded username.
    pub async fn members(
        &self,
        caller: &Caller,
        id: ConversationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Member>> {
        self.store.member(id, caller.user_id).await?.ok_or_else(no_conversation)?;
        self.store.members(id, after, limit).await
    }

    /// Lets somebody in. Says whether they are new.
    pub async fn add_member(
        &self,
        caller: &Caller,
        id: ConversationId,
        user_id: UserId,
        role: Option<&str>,
    ) -> Result<(Member, bool)> {
        let role = role.map_or(Ok(Role::Member), parse_role)?;
        let outcome = self.change(caller, id, Action::AddMember { user_id, role }).await?;
        Ok((self.member(id, user_id).await?, outcome != Outcome::NoChange))
    }

    /// Gives a member a role.
    pub async fn set_role(&self, caller: &Caller, id: ConversationId, user_id: UserId, role: &str) -> Result<Member> {
        self.change(caller, id, Action::SetRole { user_id, role: parse_role(role)? }).await?;
        self.member(id, user_id).await
    }

    /// Removes a member, or leaves.
    pub async fn remove_member(&self, caller: &Caller, id: ConversationId, user_id: UserId) -> Result<()> {
        self.change(caller, id, Action::RemoveMember { user_id }).await.map(drop)
    }

    async fn change(&self, caller: &Caller, conversation_id: ConversationId, action: Action) -> Result<Outcome> {
        self.write(Write::Apply(command(caller, conversation_id, action))).await
    }

    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Member> {
        self.store.member(id, user_id).await?.ok_or_else(|| Error::not_found("member"))
    }
}

fn parse_role(text: &str) -> Result<Role> {
    Role::parse(text).ok_or_else(|| Error::field("role", "takes `member`, `admin` or `owner`"))
}
