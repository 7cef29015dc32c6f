//! The objects of the API, as clients read them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::conversation::{Conversation, GroupName, Member};
use crate::domain::conversation_view::ConversationView;
use crate::domain::event::EventKind;
use crate::domain::message::{Message, SystemNote};
use crate::domain::user::{Status, User};
use crate::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};

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
    /// Makes the object.
    pub fn new(user: &'a User, status: Status) -> Self {
        Self {
            id: user.id,
            username: user.username.as_str(),
            name: user.name.as_str(),
            status: status_word(status),
            last_seen_at: user.last_seen_at,
            created_at: user.created_at,
        }
    }
}

/// Returns the name that the API uses.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Offline => "offline",
    }
}

/// The status of a message, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// The message is durable.
    Sent,
    /// The devices of all other members have received it.
    Delivered,
    /// All other members have read it.
    Read,
}

impl MessageStatus {
    /// Returns the name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// A message. [`write_message`](super::message::write_message) writes the same bytes, faster.
#[derive(Serialize)]
pub struct MessageObject<'a> {
    id: MessageId,
    conversation_id: ConversationId,
    seq: Seq,
    sender_id: UserId,
    r#type: &'static str,
    content: &'a str,
    reply_to: Option<MessageId>,
    timestamp: Timestamp,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    reactions: [(); 0],
    status: MessageStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<SystemNoteObject<'a>>,
    #[serde(flatten)]
    extra: Option<Map<String, Value>>,
}

impl<'a> MessageObject<'a> {
    /// Makes the object, with the message's status for the caller.
    pub fn new(message: &'a Message, status: MessageStatus) -> Self {
        Self {
            id: message.id,
            conversation_id: message.conversation_id,
            seq: message.seq,
            sender_id: message.sender_id,
            r#type: message.kind(),
            content: &message.content,
            reply_to: message.reply_to,
            timestamp: message.timestamp,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            reactions: [],
            status,
            system: message.note.as_ref().map(SystemNoteObject::new),
            extra: message.extra.as_ref().and_then(|extra| serde_json::from_str(extra.as_str()).ok()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct SystemNoteObject<'a> {
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> SystemNoteObject<'a> {
    pub(super) fn new(note: &'a SystemNote) -> Self {
        let (role, name) = match note {
            SystemNote::MemberAdded { .. } | SystemNote::MemberUpdated { .. } => (note.value(), None),
            SystemNote::ConversationUpdated { .. } => (None, note.value()),
            SystemNote::MemberRemoved { .. } | SystemNote::Other { .. } => (None, None),
        };
        Self { kind: note.kind(), user_id: note.user_id(), role, name }
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

/// A conversation as one of its members sees it.
#[derive(Serialize)]
pub struct ViewObject<'a> {
    #[serde(flatten)]
    conversation: ConversationObject<'a>,
    role: &'static str,
    peer: Option<UserObject<'a>>,
    last_message: Option<MessageObject<'a>>,
    read_seq: Seq,
    unread_count: i64,
    muted: bool,
}

impl<'a> ViewObject<'a> {
    /// Makes the object. `status_of` returns a user's presence.
    pub fn new(view: &'a ConversationView, status_of: impl Fn(UserId) -> Status) -> Self {
        Self {
            conversation: ConversationObject::new(&view.conversation),
            role: view.role.as_str(),
            peer: view.peer.as_ref().map(|peer| UserObject::new(peer, status_of(peer.id))),
            last_message: view.last_message.as_ref().map(|message| MessageObject::new(message, MessageStatus::Sent)),
            read_seq: view.read_seq,
            unread_count: view.unread_count,
            muted: false,
        }
    }
}

/// A member of a conversation.
#[derive(Serialize)]
pub struct MemberObject<'a> {
    user: UserObject<'a>,
    role: &'static str,
    joined_at: Timestamp,
    delivered_seq: Seq,
    read_seq: Seq,
}

impl<'a> MemberObject<'a> {
    /// Makes the object, with the member's presence.
    pub fn new(member: &'a Member, status: Status) -> Self {
        Self {
            user: UserObject::new(&member.user, status),
            role: member.role.as_str(),
            joined_at: member.joined_at,
            delivered_seq: member.delivered_seq,
            read_seq: member.read_seq,
        }
    }
}

/// A page of a list.
#[derive(Serialize)]
pub struct List<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
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

/// A ticket, which opens one WebSocket.
#[derive(Serialize)]
pub struct TicketObject<'a> {
    /// For `?ticket=`.
    pub ticket: &'a str,
    /// Seconds until the ticket expires.
    pub expires_in: u64,
}
