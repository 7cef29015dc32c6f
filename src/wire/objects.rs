//! The objects of the API, as clients read them.

use serde::Serialize;

use super::message::{MessageObject, MessageStatus};
use crate::domain::account::Account;
use crate::domain::block::Block;
use crate::domain::conversation::{Conversation, GroupName, Member};
use crate::domain::conversation_view::ConversationView;
use crate::domain::emoji::Emoji;
use crate::domain::message::Message;
use crate::domain::message_search::Excerpt;
use crate::domain::notifications::{NotificationLevel, Notifications};
use crate::domain::pin::Pin;
use crate::domain::saved::SavedMessage;
use crate::domain::session::Session;
use crate::domain::user::{MySettings, Status, User};
use crate::domain::{ConversationId, MessageId, Seq, SessionId, Timestamp, UserId};

/// A user with their presence.
#[derive(Serialize)]
pub struct UserObject<'a> {
    id: UserId,
    username: &'a str,
    name: &'a str,
    status: &'static str,
    last_seen_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl<'a> UserObject<'a> {
    /// Makes the object. Without a status the reader may not see the user's presence: they read `offline`, and no `last_seen_at`.
    pub fn new(user: &'a User, status: Option<Status>) -> Self {
        Self {
            id: user.id,
            username: user.username.as_str(),
            name: user.name.as_str(),
            status: status_word(status.unwrap_or(Status::Offline)),
            last_seen_at: status.and(user.last_seen_at),
            created_at: user.created_at,
        }
    }
}

/// A pinned message.
#[derive(Serialize)]
pub struct PinObject<'a> {
    message: MessageObject<'a>,
    /// The user who pinned it.
    user_id: UserId,
    pinned_at: Timestamp,
}

impl<'a> PinObject<'a> {
    /// Makes the object.
    pub fn new(pin: &'a Pin, status: MessageStatus) -> Self {
        let Pin { message, user_id, pinned_at } = pin;
        Self { message: MessageObject::new(message, status), user_id: *user_id, pinned_at: *pinned_at }
    }
}

/// A message that the reader has saved.
#[derive(Serialize)]
pub struct SavedObject<'a> {
    conversation_id: ConversationId,
    message_id: MessageId,
    saved_at: Timestamp,
    /// Its status is `sent`, as that of a message that a search found. `null` if the reader does not see it any more.
    message: Option<MessageObject<'a>>,
}

impl<'a> SavedObject<'a> {
    /// Makes the object.
    pub fn new(saved: &'a SavedMessage) -> Self {
        let SavedMessage { conversation_id, message_id, saved_at, message } = saved;
        let message = message.as_ref().map(|message| MessageObject::new(message, MessageStatus::Sent));
        Self { conversation_id: *conversation_id, message_id: *message_id, saved_at: *saved_at, message }
    }
}

/// A user's reaction to a message.
#[derive(Serialize)]
pub struct ReactionObject<'a> {
    emoji: &'a str,
    user: UserObject<'a>,
}

impl<'a> ReactionObject<'a> {
    /// Makes the object.
    pub fn new(emoji: &'a Emoji, user: &'a User, status: Option<Status>) -> Self {
        Self { emoji: emoji.as_str(), user: UserObject::new(user, status) }
    }
}

/// A user as they see themselves.
#[derive(Serialize)]
pub struct MeObject<'a> {
    #[serde(flatten)]
    user: UserObject<'a>,
    settings: MySettingsObject,
}

/// The settings that a user changes.
#[derive(Serialize)]
pub struct MySettingsObject {
    contact_from: &'static str,
    send_receipts: bool,
    show_last_seen: bool,
    do_not_disturb_until: Option<Timestamp>,
}

impl MySettingsObject {
    /// Makes the object, with the settings as they are now.
    pub fn new(settings: MySettings) -> Self {
        let MySettings { contact_from, send_receipts, show_last_seen, do_not_disturb_until } =
            settings.at(Timestamp::now());
        Self { contact_from: contact_from.as_str(), send_receipts, show_last_seen, do_not_disturb_until }
    }
}

impl<'a> MeObject<'a> {
    /// Makes the object.
    pub fn new(user: &'a User, status: Status, settings: MySettings) -> Self {
        Self { user: UserObject::new(user, Some(status)), settings: MySettingsObject::new(settings) }
    }
}

/// A user as an operator sees them.
#[derive(Serialize)]
pub struct AccountObject<'a> {
    #[serde(flatten)]
    user: UserObject<'a>,
    is_admin: bool,
    disabled_at: Option<Timestamp>,
    quota_conversations: i64,
    quota_new_a_day: i64,
}

impl<'a> AccountObject<'a> {
    /// Makes the object.
    pub fn new(account: &'a Account, status: Option<Status>) -> Self {
        let Account { user, is_admin, disabled_at, quotas } = account;
        Self {
            user: UserObject::new(user, status),
            is_admin: *is_admin,
            disabled_at: *disabled_at,
            quota_conversations: quotas.conversations,
            quota_new_a_day: quotas.new_a_day,
        }
    }
}

/// A new invitation.
#[derive(Serialize)]
pub struct InviteObject<'a> {
    /// For `invite` of `POST /v1/users/register`. The server cannot show it again.
    pub code: &'a str,
    /// The number of accounts that can be created with it.
    pub uses: i64,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The settings that operators change.
#[derive(Serialize)]
pub struct SettingsObject {
    /// The callers that may register.
    pub registration: &'static str,
    /// True if the server's configuration says so, and no operator.
    pub registration_is_default: bool,
}

/// Returns the name that the API uses.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Offline => "offline",
    }
}

/// A conversation, the same for all its members.
#[derive(Serialize)]
pub struct ConversationObject<'a> {
    id: ConversationId,
    r#type: &'static str,
    name: Option<&'a str>,
    creator_id: UserId,
    created_at: Timestamp,
    member_count: i64,
    last_seq: Seq,
}

impl<'a> ConversationObject<'a> {
    /// Makes the object.
    pub fn new(conversation: &'a Conversation) -> Self {
        Self {
            id: conversation.id,
            r#type: conversation.kind.as_str(),
            name: conversation.name.as_ref().map(GroupName::as_str),
            creator_id: conversation.creator_id,
            created_at: conversation.created_at,
            member_count: conversation.member_count,
            last_seq: conversation.last_seq,
        }
    }
}

/// A member's choice of notifications in a conversation.
#[derive(Serialize)]
pub struct NotificationsObject {
    level: &'static str,
    until: Option<Timestamp>,
}

impl NotificationsObject {
    /// Makes the object, with the choice as it is now.
    pub fn new(notifications: Notifications) -> Self {
        let Notifications { level, until } = notifications.at(Timestamp::now());
        Self { level: level.as_str(), until }
    }
}

/// A conversation as one of its members sees it.
#[derive(Serialize)]
pub struct ViewObject<'a> {
    #[serde(flatten)]
    conversation: ConversationObject<'a>,
    role: &'static str,
    peer: Option<UserObject<'a>>,
    last_message: Option<MessageObject<'a>>,
    read_seq: Seq,
    unread_from_seq: Option<Seq>,
    unread_count: i64,
    mention_count: i64,
    notifications: NotificationsObject,
    /// True if the level is `none`, for clients that know no levels.
    muted: bool,
}

impl<'a> ViewObject<'a> {
    /// Makes the object. `status_of` returns a user's presence, as [`UserObject::new`] takes it.
    pub fn new(view: &'a ConversationView, status_of: impl Fn(UserId) -> Option<Status>) -> Self {
        Self {
            conversation: ConversationObject::new(&view.conversation),
            role: view.role.as_str(),
            peer: view.peer.as_ref().map(|peer| UserObject::new(peer, status_of(peer.id))),
            last_message: view.last_message.as_ref().map(|message| MessageObject::new(message, MessageStatus::Sent)),
            read_seq: view.read_seq,
            unread_from_seq: view.unread_from_seq,
            unread_count: view.unread_count,
            mention_count: view.mention_count,
            notifications: NotificationsObject::new(view.notifications),
            muted: view.notifications.at(Timestamp::now()).level == NotificationLevel::None,
        }
    }
}

/// A message that a search found.
#[derive(Serialize)]
pub struct FoundMessageObject<'a> {
    /// Its status is `sent`, as that of a conversation's last message.
    message: MessageObject<'a>,
    /// The part of the text around what was found.
    excerpt: &'a str,
    /// The matches, in UTF-16 code units of the excerpt.
    ranges: &'a [(usize, usize)],
}

impl<'a> FoundMessageObject<'a> {
    /// Makes the object.
    pub fn new((message, excerpt): &'a (Message, Excerpt)) -> Self {
        let Excerpt { text, ranges } = excerpt;
        Self { message: MessageObject::new(message, MessageStatus::Sent), excerpt: text, ranges }
    }
}

/// The answer to the call that creates a conversation.
#[derive(Serialize)]
pub struct CreatedObject<'a> {
    /// The conversation as its creator sees it.
    #[serde(flatten)]
    pub view: ViewObject<'a>,
    /// Those of `member_ids` who are no members.
    pub not_added: &'a [UserId],
}

/// The receipts of a member that a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownReceipts {
    /// How far the member has received and read.
    All,
    /// How far the member has received.
    Delivered,
    /// Neither. The member stays where they joined.
    None,
}

/// A member of a conversation.
#[derive(Serialize)]
pub struct MemberObject<'a> {
    user: UserObject<'a>,
    role: &'static str,
    joined_at: Timestamp,
    delivered_seq: Seq,
    read_seq: Option<Seq>,
}

impl<'a> MemberObject<'a> {
    /// Makes the object, with the member's presence as [`UserObject::new`] takes it.
    pub fn new(member: &'a Member, status: Option<Status>, receipts: ShownReceipts) -> Self {
        let is_hidden = receipts == ShownReceipts::None;
        Self {
            user: UserObject::new(&member.user, status),
            role: member.role.as_str(),
            joined_at: member.joined_at,
            delivered_seq: if is_hidden { member.joined_seq } else { member.delivered_seq },
            read_seq: (receipts == ShownReceipts::All).then_some(member.read_seq),
        }
    }
}

/// A block, as the user sees it who made it.
#[derive(Serialize)]
pub struct BlockObject<'a> {
    user: UserObject<'a>,
    created_at: Timestamp,
}

impl<'a> BlockObject<'a> {
    /// Makes the object. Nobody sees the presence of a user whom they block.
    pub fn new(block: &'a Block) -> Self {
        Self { user: UserObject::new(&block.user, None), created_at: block.created_at }
    }
}

/// The tokens of a login or a refresh.
#[derive(Serialize)]
pub struct TokensObject<'a> {
    /// For `Authorization: Bearer`.
    pub access_token: &'a str,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// For `POST /v1/users/refresh`.
    pub refresh_token: &'a str,
    /// The user of the session.
    pub user: UserObject<'a>,
}

/// A session, as its user sees it.
#[derive(Serialize)]
pub struct SessionObject<'a> {
    id: SessionId,
    /// The time of the login.
    created_at: Timestamp,
    /// The time of the last login or refresh, which a client in use repeats once in the lifetime of an access token.
    used_at: Timestamp,
    user_agent: Option<&'a str>,
    /// True for the session of this call.
    current: bool,
}

impl<'a> SessionObject<'a> {
    /// Makes the object for a caller in the session `current`.
    pub fn new(session: &'a Session, current: SessionId) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            used_at: session.rotated_at,
            user_agent: session.user_agent.as_deref(),
            current: session.id == current,
        }
    }
}

/// A ticket, which opens one WebSocket.
#[derive(Serialize)]
pub struct TicketObject<'a> {
    /// For `?ticket=`.
    pub ticket: &'a str,
    /// Seconds until the ticket expires.
    pub expires_in: u64,
}
