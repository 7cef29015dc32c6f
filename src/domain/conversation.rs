//! Conversations and their members.

use std::collections::HashSet;

use super::user::{Name, User};
use super::visible::checked_name;
use super::{ConversationId, FieldError, Seq, Timestamp, UserId};

/// Characters of a group's name.
const GROUP_NAME_CHARS_MAX: usize = 100;

/// The two kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// A conversation of two users who never change. Each pair of users has at most one.
    Direct,
    /// A conversation of any number of users, who can be added and removed.
    Group,
}

impl ConversationKind {
    /// Returns the name that the API and the stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// The inverse of [`ConversationKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Direct, Self::Group].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The rights of a member. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and sends messages.
    Member,
    /// Also renames the group, adds and removes members, and deletes messages of others.
    Admin,
    /// Also assigns roles and deletes the group. A group has one owner.
    Owner,
}

impl Role {
    /// Returns the name that the API and the stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The inverse of [`Role::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.as_str() == text)
    }
}

/// A group's name: 1 to 100 characters, not blank, none that changes the line or the direction of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

impl GroupName {
    /// Checks the form. White space around the name is removed.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        checked_name(text, GROUP_NAME_CHARS_MAX, "takes 1 to 100 characters").map(Self)
    }

    /// Takes a name from a store, which was checked before it was stored.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A conversation, the same for all its members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    /// Only a group can have a name.
    pub name: Option<GroupName>,
    pub creator_id: UserId,
    pub created_at: Timestamp,
    pub member_count: i64,
    /// The number of the newest event, or 0 without one.
    pub last_seq: Seq,
    /// When the newest message was sent, or else the conversation was created.
    pub active_at: Timestamp,
}

/// A user's membership in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Member {
    pub user: User,
    pub role: Role,
    pub joined_at: Timestamp,
    /// The number of the event that added the member, or 0 for a member from the creation on.
    pub joined_seq: Seq,
    /// The number up to which the user's devices have received events.
    pub delivered_seq: Seq,
    /// The number up to which the user has read.
    pub read_seq: Seq,
    /// True in a direct conversation of which one user blocks the other.
    pub is_blocked: bool,
}

impl Member {
    /// Returns the name that others see.
    pub fn name(&self) -> &Name {
        &self.user.name
    }
}

/// A conversation before it is created.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct NewConversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    /// Only a group can have a name.
    pub name: Option<GroupName>,
    /// The creator is a member too.
    pub creator_id: UserId,
    pub created_at: Timestamp,
    /// The other members, each once, without the creator. A direct conversation has exactly one.
    pub other_ids: Vec<UserId>,
    /// False for load tests, where the creator's quotas do not count.
    pub has_quotas: bool,
}

impl NewConversation {
    /// Returns the creator's role: owner of a group, member of a direct conversation.
    pub fn creator_role(&self) -> Role {
        match self.kind {
            ConversationKind::Direct => Role::Member,
            ConversationKind::Group => Role::Owner,
        }
    }

    /// Returns the other members without these users.
    pub fn others_without(&self, not_added: &[UserId]) -> Vec<UserId> {
        let not_added: HashSet<&UserId> = not_added.iter().collect();
        self.other_ids.iter().filter(|id| !not_added.contains(id)).copied().collect()
    }

    /// Returns the conversation as it is just after its creation.
    pub fn to_conversation(&self) -> Conversation {
        Conversation {
            id: self.id,
            kind: self.kind,
            name: self.name.clone(),
            creator_id: self.creator_id,
            created_at: self.created_at,
            member_count: i64::try_from(self.other_ids.len() + 1).unwrap_or(i64::MAX),
            last_seq: 0,
            active_at: self.created_at,
        }
    }

    /// Returns the key that makes a direct conversation unique. Returns `None` for a group.
    pub fn direct_key(&self) -> Option<String> {
        let other = *self.other_ids.first()?;
        (self.kind == ConversationKind::Direct).then(|| direct_key(self.creator_id, other))
    }
}

/// A conversation that was created, or that existed already.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct CreatedConversation {
    pub id: ConversationId,
    pub is_new: bool,
    /// Those who were asked for and are no members: they refused, or they left since an earlier try.
    pub not_added: Vec<UserId>,
}

/// Returns the key of the direct conversation of two users: both in a fixed order.
pub fn direct_key(one: UserId, other: UserId) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}
