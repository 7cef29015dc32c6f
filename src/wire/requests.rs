//! The inputs of the operations. Unknown fields are ignored.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::{ConversationId, MessageId, ReportId, Seq, SessionId, UserId};
use crate::limits;

/// The input of an operation that takes none.
#[derive(Deserialize)]
pub struct Nothing {}

/// The number of items of a page: 1 to [`limits::PAGE_MAX`], by default [`limits::PAGE_DEFAULT`]. A number, or its text in a query.
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

/// Reads a number or its text. Returns `None` if it is neither.
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
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Register {
    pub username: String,
    /// The display name. By default the username.
    pub name: Option<String>,
    pub password: String,
    /// The code of an invitation, where registration needs one.
    pub invite: Option<String>,
}

/// `session.login`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Login {
    /// In upper or lower case.
    pub username: String,
    pub password: String,
}

/// `session.refresh`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Refresh {
    pub refresh_token: String,
}

/// `session.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListSessions {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `session.end`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneSession {
    pub session_id: SessionId,
}

/// `me.update`
#[derive(Deserialize)]
pub struct UpdateMe {
    /// The new display name.
    pub name: Option<String>,
    /// The new password. It ends the other sessions.
    pub password: Option<String>,
    /// The present password. It is needed to set a new one.
    pub current_password: Option<String>,
    /// The settings that change.
    pub settings: Option<UpdateMySettings>,
}

/// The `settings` of `me.update`
#[derive(Default, Deserialize)]
pub struct UpdateMySettings {
    /// The users who may begin a conversation with this user: `everyone`, `contacts` or `nobody`.
    pub contact_from: Option<String>,
    /// False if other members do not see how far this user has read, nor this user how far they have.
    pub send_receipts: Option<bool>,
    /// False if others do not see when this user was last seen.
    pub show_last_seen: Option<bool>,
    /// The time until which the user's clients show no notifications. `null` ends it at once.
    #[serde(default)]
    pub do_not_disturb_until: Nullable<String>,
}

/// A field of which `null` is a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nullable<T> {
    /// The field is missing.
    #[default]
    Missing,
    /// The field is given.
    Given(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

/// `me.delete`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct DeleteMe {
    pub password: String,
}

/// `user.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListUsers {
    /// The beginning of a username or a name.
    pub q: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `user.get`, and every operation on one user that takes nothing else
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct GetUser {
    pub user_id: UserId,
}

/// `block.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListBlocks {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `account.create`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct CreateAccount {
    pub username: String,
    /// The display name. By default the username.
    pub name: Option<String>,
    pub password: String,
    #[serde(default)]
    pub is_admin: bool,
}

/// `account.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateAccount {
    pub user_id: UserId,
    /// The new password. It ends the user's sessions.
    pub password: Option<String>,
    pub is_admin: Option<bool>,
    /// A disabled user cannot log in. Disabling ends the user's sessions.
    pub disabled: Option<bool>,
    /// Conversations that the user may have made.
    pub quota_conversations: Option<u64>,
    /// Conversations that the user may begin in a day with nobody who has the user as a contact.
    pub quota_new_a_day: Option<u64>,
}

/// `invite.create`
#[derive(Deserialize)]
pub struct CreateInvite {
    /// The number of accounts that can be created with it. By default one.
    pub uses: Option<u64>,
    /// The lifetime in seconds. By default [`limits::INVITE_TTL`].
    pub expires_in: Option<u64>,
}

/// `settings.update`
#[derive(Deserialize)]
pub struct UpdateSettings {
    /// `open`, `invite`, `closed`, or `default` for each server's configuration.
    pub registration: Option<String>,
}

/// `conversation.create`
#[derive(Deserialize)]
pub struct CreateConversation {
    /// Chosen by the client, which makes retries safe.
    pub id: Option<ConversationId>,
    /// `direct` or `group`.
    pub r#type: String,
    /// Only for a group.
    pub name: Option<String>,
    /// The other members. The creator can be among them.
    pub member_ids: Vec<UserId>,
}

/// `conversation.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListConversations {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `conversation.get`, `conversation.delete`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneConversation {
    pub conversation_id: ConversationId,
}

/// `conversation.leave`
#[derive(Deserialize)]
pub struct LeaveConversations {
    /// At most [`limits::LEAVES_MAX`].
    pub conversation_ids: Vec<ConversationId>,
}

/// `conversation.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateConversation {
    pub conversation_id: ConversationId,
    pub name: String,
}

/// `member.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListMembers {
    pub conversation_id: ConversationId,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `member.add`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct AddMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    /// By default `member`.
    pub role: Option<String>,
}

/// `member.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub role: String,
}

/// `member.remove`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct RemoveMember {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
}

/// `message.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListMessages {
    pub conversation_id: ConversationId,
    /// Asks for the newest messages before this number.
    pub before_seq: Option<SeqInput>,
    /// Asks for the oldest messages after this number.
    pub after_seq: Option<SeqInput>,
    /// Asks for half of the messages before this number and half from it on.
    pub around_seq: Option<SeqInput>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.search`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SearchMessages {
    /// Words, phrases and filters.
    pub q: String,
    /// Searches in this conversation alone.
    pub conversation_id: Option<ConversationId>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.send`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SendMessage {
    pub conversation_id: ConversationId,
    /// Chosen by the client, which makes retries safe.
    pub id: Option<MessageId>,
    pub content: String,
    /// Only `text` is supported.
    pub r#type: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
}

/// `message.read`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReadMessages {
    pub conversation_id: ConversationId,
    /// The number up to which the caller has read.
    pub seq: SeqInput,
}

/// `message.unread`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct MarkUnread {
    pub conversation_id: ConversationId,
    /// The number from which messages count as unread.
    pub from_seq: SeqInput,
}

/// `notifications.update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct UpdateNotifications {
    pub conversation_id: ConversationId,
    /// `all`, `mentions` or `none`.
    pub level: String,
    /// The time after which the level is `all` again. By default never.
    pub until: Option<String>,
}

/// `message.edit`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct EditMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub content: String,
}

/// `pin.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListPins {
    pub conversation_id: ConversationId,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `saved.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListSaved {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `reaction.add`, `reaction.remove`, `reaction.clear`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct React {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub emoji: String,
}

/// `reaction.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListReactions {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    /// Lists the reactions with this emoji alone.
    pub emoji: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `message.report`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReportMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    /// For the operators.
    pub reason: Option<String>,
}

/// `report.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListReports {
    /// `open` or `settled`. By default `open`.
    pub state: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `report.settle`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SettleReport {
    pub report_id: ReportId,
    /// `dismissed`, or `removed`, which removes the message.
    pub resolution: String,
}

/// `message.delete`, and every operation on one message that takes nothing else
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneMessage {
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
}
