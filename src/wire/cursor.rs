//! Opaque cursors: the positions where the next pages of lists start.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;

use crate::domain::emoji::Emoji;
use crate::domain::message_search::MessagePosition;
use crate::domain::saved::SavedPosition;
use crate::domain::{ConversationId, Error, MessageId, ReportId, Result, Seq, SessionId, Timestamp, UserId};

/// Returns the cursor after a text key.
pub fn after_key(key: &str) -> String {
    BASE64.encode(key)
}

/// Returns the text key of a cursor. Fails with `invalid` when the cursor is not one of this module.
pub fn key(cursor: Option<&str>) -> Result<Option<String>> {
    cursor.map(|cursor| text(cursor).ok_or_else(invalid_cursor)).transpose()
}

/// Returns the session of a cursor. Fails with `invalid` when the cursor is not one of this module.
pub fn session(cursor: Option<&str>) -> Result<Option<SessionId>> {
    cursor.map(|cursor| text(cursor).and_then(|id| SessionId::parse(&id)).ok_or_else(invalid_cursor)).transpose()
}

/// Returns the report of a cursor. Fails with `invalid` when the cursor is not one of this module.
pub fn report(cursor: Option<&str>) -> Result<Option<ReportId>> {
    cursor.map(|cursor| text(cursor).and_then(|id| ReportId::parse(&id)).ok_or_else(invalid_cursor)).transpose()
}

/// Returns the cursor after the number of an event.
pub fn after_seq(seq: Seq) -> String {
    BASE64.encode(seq.to_string())
}

/// Returns the number of a cursor. Fails with `invalid` when the cursor is not one of this module.
pub fn seq(cursor: Option<&str>) -> Result<Option<Seq>> {
    let parse = |cursor: &str| text(cursor)?.parse().ok().filter(|seq: &Seq| *seq >= 0);
    cursor.map(|cursor| parse(cursor).ok_or_else(invalid_cursor)).transpose()
}

/// Returns the cursor after a reaction of a user.
pub fn after_reaction(emoji: &Emoji, user_id: UserId) -> String {
    BASE64.encode(format!("{emoji} {user_id}"))
}

/// Returns the reaction of a cursor. Fails with `invalid` when the cursor is not one of this module.
pub fn reaction(cursor: Option<&str>) -> Result<Option<(Emoji, UserId)>> {
    let parse = |cursor: &str| {
        let text = text(cursor)?;
        let (emoji, id) = text.split_once(' ')?;
        Some((Emoji::from_trusted(emoji.to_owned()), UserId::parse(id)?))
    };
    cursor.map(|cursor| parse(cursor).ok_or_else(invalid_cursor)).transpose()
}

/// Returns the cursor after a position in the order of latest activity.
pub fn after_activity((at, id): (Timestamp, ConversationId)) -> String {
    BASE64.encode(format!("{}.{id}", at.0))
}

/// Returns the position of a cursor in the order of latest activity. Fails with `invalid` when the cursor is not one of this module.
pub fn activity(cursor: Option<&str>) -> Result<Option<(Timestamp, ConversationId)>> {
    let parse = |cursor: &str| {
        let text = text(cursor)?;
        let (at, id) = text.split_once('.')?;
        Some((Timestamp(at.parse().ok().filter(|at| *at >= 0)?), ConversationId::parse(id)?))
    };
    cursor.map(|cursor| parse(cursor).ok_or_else(invalid_cursor)).transpose()
}

/// Bytes of a position among all messages: a time, a conversation and a number.
pub const MESSAGE_POSITION_BYTES: usize = 8 + 16 + 8;

/// Returns the bytes of a position among all messages, for the seal of its cursor: it can be that of a message of others.
pub fn message_position_bytes(position: MessagePosition) -> [u8; MESSAGE_POSITION_BYTES] {
    let MessagePosition { timestamp, conversation_id, seq } = position;
    let mut bytes = [0; MESSAGE_POSITION_BYTES];
    bytes[..8].copy_from_slice(&timestamp.0.to_be_bytes());
    bytes[8..24].copy_from_slice(conversation_id.0.as_bytes());
    bytes[24..].copy_from_slice(&seq.to_be_bytes());
    bytes
}

/// Returns the position of these bytes, which a cursor had under its seal. Fails with `invalid` for `None`: the cursor did not open.
pub fn message_position(opened: Option<[u8; MESSAGE_POSITION_BYTES]>) -> Result<MessagePosition> {
    let bytes = opened.ok_or_else(invalid_cursor)?;
    let number = |start: usize| bytes[start..].first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let id = bytes[8..].first_chunk().map_or(Uuid::nil(), |bytes| Uuid::from_bytes(*bytes));
    Ok(MessagePosition { timestamp: Timestamp(number(0)), conversation_id: ConversationId(id), seq: number(24) })
}

/// Returns the cursor after a position among a user's saved messages.
pub fn after_saved((saved_at, id, message_id): SavedPosition) -> String {
    BASE64.encode(format!("{}.{id}.{message_id}", saved_at.0))
}

/// Returns the position of a cursor among a user's saved messages. Fails with `invalid` when the cursor is not one of this module.
pub fn saved(cursor: Option<&str>) -> Result<Option<SavedPosition>> {
    let parse = |cursor: &str| {
        let text = text(cursor)?;
        let (saved_at, rest) = text.split_once('.')?;
        let (id, message_id) = rest.split_once('.')?;
        let saved_at = Timestamp(saved_at.parse().ok().filter(|at| *at >= 0)?);
        Some((saved_at, ConversationId::parse(id)?, MessageId::parse(message_id)?))
    };
    cursor.map(|cursor| parse(cursor).ok_or_else(invalid_cursor)).transpose()
}

fn text(cursor: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(cursor).ok()?).ok().filter(|text| !text.contains('\0'))
}

fn invalid_cursor() -> Error {
    Error::field("cursor", "must be the `next` of the previous page")
}

#[cfg(test)]
mod tests {
    use super::{
        activity, after_activity, after_key, after_saved, key, message_position, message_position_bytes, saved,
    };
    use crate::domain::message_search::MessagePosition;
    use crate::domain::{ConversationId, MessageId, Timestamp};

    #[test]
    fn cursors_round_trip() {
        let position = (Timestamp(1_700_000_000_000_000), ConversationId::new());
        assert_eq!(activity(Some(&after_activity(position))), Ok(Some(position)));
        assert_eq!(key(Some(&after_key("ada"))), Ok(Some("ada".to_owned())));
        assert_eq!(key(None), Ok(None));
        let saved_position = (position.0, position.1, MessageId::new());
        assert_eq!(saved(Some(&after_saved(saved_position))), Ok(Some(saved_position)));
        let position = MessagePosition { timestamp: position.0, conversation_id: position.1, seq: 7 };
        for position in [position, MessagePosition::LAST] {
            assert_eq!(message_position(Some(message_position_bytes(position))), Ok(position));
        }
    }

    #[test]
    fn forged_cursors_are_refused() {
        for forged in ["x", "AA", "!!!!", &after_key("1.2"), &after_key("\0"), ""] {
            assert!(activity(Some(forged)).is_err(), "{forged}");
            assert!(saved(Some(forged)).is_err(), "{forged}");
        }
        assert!(message_position(None).is_err());
    }
}

#[cfg(test)]
#[path = "cursor_property_tests.rs"]
mod properties;
