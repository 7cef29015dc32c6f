//! The frames without a number: what is so at this moment.

use bytes::Bytes;
use serde::Serialize;

use super::encoding::{Entries, frame};
use crate::domain::receipt::{Receipt, UnreadState};
use crate::domain::user::{MySettings, Status};
use crate::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};
use crate::wire::objects::{MySettingsObject, NotificationsObject, status_word};

/// Encodes the users who have connections, for a connection that is being set up.
pub fn presence_state(
    conversation_id: Option<ConversationId>,
    connected: &[(UserId, Status)],
    online_count: Option<usize>,
) -> Bytes {
    #[derive(Serialize)]
    struct State {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        users: Entries<UserId, &'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        online_count: Option<usize>,
    }
    let users = Entries(connected.iter().map(|(id, status)| (*id, status_word(*status))).collect());
    frame(&State { r#type: "presence.state", conversation_id, users, online_count })
}

/// Encodes the users whose presence changed since the last diff.
pub fn presence_diff(online: &[UserId], away: &[UserId], offline: &[UserId]) -> Bytes {
    #[derive(Serialize)]
    struct Diff<'a> {
        r#type: &'static str,
        online: &'a [UserId],
        away: &'a [UserId],
        offline: &'a [UserId],
    }
    frame(&Diff { r#type: "presence.diff", online, away, offline })
}

/// Encodes the beginning or the end of a user's typing. A client takes the beginning back by itself after
/// [`crate::limits::TYPING_SHOWN`].
pub fn typing(conversation_id: ConversationId, user_id: UserId, starts: bool) -> Bytes {
    #[derive(Serialize)]
    struct Typing {
        r#type: &'static str,
        conversation_id: ConversationId,
        user_id: UserId,
    }
    let r#type = if starts { "typing.start" } else { "typing.stop" };
    frame(&Typing { r#type, conversation_id, user_id })
}

/// How far a member has received and read. In JSON `read_seq` is null if the recipient may not see it.
#[derive(Serialize)]
pub(super) struct ReceiptObject {
    delivered_seq: Seq,
    read_seq: Option<Seq>,
}

pub(super) fn receipt_objects(receipts: &[Receipt]) -> Entries<UserId, ReceiptObject> {
    let object =
        |&Receipt { user_id, delivered_seq, read_seq }: &Receipt| (user_id, ReceiptObject { delivered_seq, read_seq });
    Entries(receipts.iter().map(object).collect())
}

/// Encodes the receipts that have risen in a conversation. The frame is `message.read` if it says of a member how far they have read.
pub fn receipts(conversation_id: ConversationId, receipts: &[Receipt]) -> Bytes {
    #[derive(Serialize)]
    struct Risen {
        r#type: &'static str,
        conversation_id: ConversationId,
        receipts: Entries<UserId, ReceiptObject>,
    }
    let has_read = receipts.iter().any(|receipt| receipt.read_seq.is_some());
    let r#type = if has_read { "message.read" } else { "message.delivered" };
    frame(&Risen { r#type, conversation_id, receipts: receipt_objects(receipts) })
}

/// Encodes a user's own state in a conversation, for the user's devices.
pub fn conversation_state(conversation_id: ConversationId, state: &UnreadState) -> Bytes {
    #[derive(Serialize)]
    struct State {
        r#type: &'static str,
        conversation_id: ConversationId,
        read_seq: Seq,
        unread_from_seq: Option<Seq>,
        unread_count: i64,
        mention_count: i64,
        notifications: NotificationsObject,
        last_seq: Seq,
    }
    let UnreadState { read_seq, unread_from_seq, last_seq, unread_count, mention_count, notifications } = *state;
    frame(&State {
        r#type: "conversation.state",
        conversation_id,
        read_seq,
        unread_from_seq,
        unread_count,
        mention_count,
        notifications: NotificationsObject::new(notifications),
        last_seq,
    })
}

/// Encodes that a user has saved a message at this time, or has it saved no more, for the user's devices.
pub fn saved(conversation_id: ConversationId, message_id: MessageId, saved_at: Option<Timestamp>) -> Bytes {
    #[derive(Serialize)]
    struct Change {
        r#type: &'static str,
        conversation_id: ConversationId,
        message_id: MessageId,
        #[serde(skip_serializing_if = "Option::is_none")]
        saved_at: Option<Timestamp>,
    }
    let r#type = if saved_at.is_some() { "message.saved" } else { "message.unsaved" };
    frame(&Change { r#type, conversation_id, message_id, saved_at })
}

/// Encodes a user's settings, for the user's devices.
pub fn settings_updated(settings: MySettings) -> Bytes {
    #[derive(Serialize)]
    struct Updated {
        r#type: &'static str,
        settings: MySettingsObject,
    }
    frame(&Updated { r#type: "settings.updated", settings: MySettingsObject::new(settings) })
}
