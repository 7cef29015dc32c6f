//! Conversations and their members.

use super::user::{Name, User};
use super::{ConversationId, FieldError, Seq, Timestamp, UserId};

/// Longest name of a conversation, in characters.
const TITLE_MAX: usize = 100;

/// The two kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// Two people, for ever the same two, and only one such conversation for each pair.
    Direct,
    /// Any number of people, who come and go.
    Group,
}

impl ConversationKind {
    /// As the API and the stores spell it.
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

/// What a member may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Also renames, adds and removes members.
    Admin,
    /// Also gives roles and deletes the conversation. There is one in a group.
    Owner,
}

impl Role {
    /// As the API and the stores spell it.
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

/// A group's name: 1 to 100 characters, no control characters, not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

impl GroupName {
    /// Checks the form; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let length = text.chars().take(TITLE_MAX + 1).count();
        if (1..=TITLE_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("name", "takes 1 to 100 characters, none of them a control character"))
        }
    }

    /// A title that a store kept, and so was checked before.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A conversation, as anybody in it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Names it.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's name, if it has one.
    pub name: Option<GroupName>,
    /// Who made it.
    pub creator_id: UserId,
    /// When.
    pub created_at: Timestamp,
    /// How many are in it.
    pub member_count: i64,
    /// The number of the newest thing that happened in it; 0 if nothing did.
    pub last_seq: Seq,
    /// When the newest thing happened, or the conversation was made.
    pub active_at: Timestamp,
}

/// Somebody's being in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// The number of the event by which they came in; 0 if they were there from the beginning.
    pub joined_seq: Seq,
    /// Up to where their devices have received.
    pub delivered_seq: Seq,
    /// Up to where they have read.
    pub read_seq: Seq,
}

impl Member {
    /// What others see of them.
    pub fn name(&self) -> &Name {
        &self.user.name
    }
}

/// A conversation that is about to be made.
#[derive(Clone, Debug)]
pub struct NewConversation {
    /// Its id.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's name.
    pub name: Option<GroupName>,
    /// Who makes it, and is in it.
    pub creator_id: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The others, each once, without the creator; exactly one for a direct conversation.
    pub other_ids: Vec<UserId>,
}

impl NewConversation {
    /// The role that its maker has: owner of a group, an equal in a direct conversation.
    pub fn creator_role(&self) -> Role {
        match self.kind {
            ConversationKind::Direct => Role::Member,
            ConversationKind::Group => Role::Owner,
        }
    }

    /// The conversation, as it is when it has been made.
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

    /// What makes a direct conversation unique: the pair, whoever asked first. `None` for a group.
    pub fn direct_key(&self) -> Option<String> {
        let other = *self.other_ids.first()?;
        (self.kind == ConversationKind::Direct).then(|| {
            let (low, high) = (self.creator_id.min(other), self.creator_id.max(other));
            format!("{low}:{high}")
        })
    }
}
