//! The inputs of the operations. Unknown fields are ignored.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::{ConversationId, MessageId, Seq, UserId};
use crate::limits;

/// The input of an operation that takes none.
#[derive(Deserialize)]
pub struct Nothing {}

/// The number of items of a page: 1 to 200, 50 if it is not given. A number, or its text in a query.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit(pub usize);

impl Default for PageLimit {
    fn default() -> Self {
        Self(limits::PAGE_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || D::Error::custom(format_args!("takes a whole number from 1 to {}", limits::PAGE_MAX));
        let number = whole_number(deserializer).ok().flatten().and_then(|number| usize::try_from(number).ok());
        number.filter(|number| (1..=limits::PAGE_MAX).contains(number)).map(Self).ok_or_else(refused)
    }
}

/// The number of an event, from 0. A number, or its text in a query.
#[derive(Clone, Copy, Debug)]
pub struct SeqInput(pub Seq);

impl<'de> Deserialize<'de> for SeqInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer).ok().flatten().and_then(|number| Seq::try_from(number).ok());
        number.map(Self).ok_or_else(|| D::Error::custom("takes a whole number from 0"))
    }
}

/// A number or its text; `None` if it is neither.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct WholeNumber;
    impl Visitor<'_> for WholeNumber {
        type Value = Option<u64>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a whole number")
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(u64::try_from(number).ok())
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.parse().ok())
        }
    }
    deserializer.deserialize_any(WholeNumber)
}

/// `account.register`
#[derive(Deserialize)]
pub struct Register {
    /// 2 to 32 of `A-Za-z0-9._-`.
    pub username: String,
    /// The display name; the username if it is not given.
    pub name: Option<String>,
    /// 8 to 256 characters.
    pub password: String,
}

/// `session.login`
#[derive(Deserialize)]
pub struct Login {
    /// In any case.
    pub username: String,
    /// As it was set.
    pub password: String,
}

/// `session.refresh`
#[derive(Deserialize)]
pub struct Refresh {
    /// The newest one.
    pub refresh_token: String,
}

/// `me.update`
#[derive(Deserialize)]
pub struct UpdateMe {
    /// A new name.
    pub name: Option<String>,
    /// A new password, which ends the other sessions.
    pub password: Option<String>,
    /// The present password, needed to set a new one.
    pub current_password: Option<String>,
}

/// `user.list`
#[derive(Deserialize)]
pub struct ListUsers {
    /// The beginning of a username or a name.
    pub q: Option<String>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// The number of items.
    #[serde(default)]
    pub limit: PageLimit,
}

/// `user.get`
#[derive(Deserialize)]
pub struct GetUser {
    /// The user.
    pub user_id: UserId,
}

/// `conversation.create`
#[derive(Deserialize)]
pub struct CreateConversation {
    /// `direct` or `group`.
    pub r#type: String,
    /// A group's name.
    pub name: Option<String>,
    /// The other members (the creator may be among them).
    pub member_ids: Vec<UserId>,
}

/// `conversation.list`
#[derive(Deserialize)]
pub struct ListConversations {
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// The number of items.
    #[serde(default)]
    pub limit: PageLimit,
}

/// `conversation.get`, `conversation.delete`
#[derive(Deserialize)]
pub struct OneConversation {
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// `conversation.update`
#[derive(Deserialize)]
pub struct UpdateConversation {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The new name.
    pub name: String,
}

/// `member.list`
#[derive(Deserialize)]
pub struct ListMembers {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// The number of items.
    #[serde(default)]
    pub limit: PageLimit,
}

/// `member.add`
#[derive(Deserialize)]
pub struct AddMember {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The new member.
    pub user_id: UserId,
    /// Their role; `member` if it is not given.
    pub role: Option<String>,
}

/// `member.update`
#[derive(Deserialize)]
pub struct UpdateMember {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The member.
    pub user_id: UserId,
    /// The new role.
    pub role: String,
}

/// `member.remove`
#[derive(Deserialize)]
pub struct RemoveMember {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The member.
    pub user_id: UserId,
}

/// `message.list`
#[derive(Deserialize)]
pub struct ListMessages {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The newest messages before a number.
    pub before_seq: Option<SeqInput>,
    /// The oldest messages after a number.
    pub after_seq: Option<SeqInput>,
    /// Half before and half from a number on.
    pub around_seq: Option<SeqInput>,
    /// The number of items.
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.send`
#[derive(Deserialize)]
pub struct SendMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The client's choice, which makes retries safe.
    pub id: Option<MessageId>,
    /// The text.
    pub content: String,
    /// `text`, if it is given.
    pub r#type: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

/// `message.edit`
#[derive(Deserialize)]
pub struct EditMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message.
    pub message_id: MessageId,
    /// The new text.
    pub content: String,
}

/// `message.delete`
#[derive(Deserialize)]
pub struct OneMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message.
    pub message_id: MessageId,
}
