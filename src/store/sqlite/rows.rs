//! Rows to values and back: one function for each list of columns in [`crate::store::queries`].

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row, ToSql};
use uuid::Uuid;

use crate::domain::conversation::{Conversation, Kind, Member, Role, Title, View};
use crate::domain::event::{Event, Happening};
use crate::domain::message::{Message, Note};
use crate::domain::session::{Caller, Session};
use crate::domain::user::{Arrival, Name, User, Username};
use crate::domain::{ConversationId, MessageId, SessionId, TicketId, Timestamp, UserId};

/// Where the columns of the other person begin in a row of a view: after the conversation, role, `read_seq` and count.
const VIEW_PEER: usize = 8 + 3;
/// Where the columns of the newest message begin.
const VIEW_MESSAGE: usize = VIEW_PEER + 5;

macro_rules! kept_as {
    ($($name:ident: $inner:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$inner>::column_result(value).map(Self)
            }
        }
    )*};
}
kept_as!(UserId: Uuid, ConversationId: Uuid, MessageId: Uuid, SessionId: Uuid, TicketId: Uuid, Timestamp: i64);

macro_rules! kept_as_word {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
                self.as_str().to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}
kept_as_word!(Kind, Role);

/// The first column.
pub(super) fn first<T: FromSql>(row: &Row<'_>) -> Result<T> {
    row.get(0)
}

/// The first two columns.
pub(super) fn pair<A: FromSql, B: FromSql>(row: &Row<'_>) -> Result<(A, B)> {
    Ok((row.get(0)?, row.get(1)?))
}

pub(super) fn user(row: &Row<'_>) -> Result<User> {
    user_at(row, 0)
}

fn user_at(row: &Row<'_>, at: usize) -> Result<User> {
    Ok(User {
        id: row.get(at)?,
        username: Username::stored(row.get(at + 1)?),
        name: Name::stored(row.get(at + 2)?),
        created_at: row.get(at + 3)?,
        last_seen_at: row.get(at + 4)?,
    })
}

pub(super) fn arrival(row: &Row<'_>) -> Result<Arrival> {
    Ok(Arrival { user: user(row)?, membership_version: row.get(5)?, session: None, company: None })
}

pub(super) fn credentials(row: &Row<'_>) -> Result<(User, String)> {
    Ok((user(row)?, row.get(5)?))
}

pub(super) fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        generation: row.get(2)?,
        created_at: row.get(3)?,
        rotated_at: row.get(4)?,
        expires_at: row.get(5)?,
        ended_at: row.get(6)?,
    })
}

/// Reads whose ticket it was.
pub(super) fn caller(row: &Row<'_>) -> Result<Caller> {
    Ok(Caller { user_id: row.get(0)?, session_id: row.get(1)?, expires_at: row.get(2)? })
}

pub(super) fn member(row: &Row<'_>) -> Result<Member> {
    Ok(Member {
        user: user(row)?,
        role: row.get(5)?,
        joined_at: row.get(6)?,
        joined_seq: row.get(7)?,
        delivered_seq: row.get(8)?,
        read_seq: row.get(9)?,
    })
}

pub(super) fn conversation(row: &Row<'_>) -> Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        kind: row.get(1)?,
        name: row.get::<_, Option<_>>(2)?.map(Title::stored),
        creator_id: row.get(3)?,
        created_at: row.get(4)?,
        member_count: row.get(5)?,
        last_seq: row.get(6)?,
        active_at: row.get(7)?,
    })
}

pub(super) fn message(row: &Row<'_>) -> Result<Message> {
    message_at(row, 0)
}

fn message_at(row: &Row<'_>, at: usize) -> Result<Message> {
    Ok(Message {
        id: row.get(at)?,
        conversation_id: row.get(at + 1)?,
        seq: row.get(at + 2)?,
        sender_id: row.get(at + 3)?,
        content: row.get(at + 4)?,
        reply_to: row.get(at + 5)?,
        timestamp: row.get(at + 6)?,
        edited_at: row.get(at + 7)?,
        deleted_at: row.get(at + 8)?,
        note: note_at(row, at + 9)?,
    })
}

pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    let change: Option<String> = row.get(1)?;
    let happening = Happening::stored(change.as_deref()).ok_or(FromSqlError::InvalidType)?;
    Ok(Event { seq: row.get(0)?, happening, message: message_at(row, 2)? })
}

fn note_at(row: &Row<'_>, at: usize) -> Result<Option<Note>> {
    let ValueRef::Text(_) = row.get_ref(at)? else { return Ok(None) };
    let note = Note::stored(row.get_ref(at)?.as_str()?, row.get(at + 1)?, row.get(at + 2)?);
    note.map(Some).ok_or_else(|| FromSqlError::InvalidType.into())
}

pub(super) fn view(row: &Row<'_>) -> Result<View> {
    let present = |at: usize| Ok::<_, rusqlite::Error>(row.get_ref(at)? != ValueRef::Null);
    Ok(View {
        conversation: conversation(row)?,
        role: row.get(8)?,
        read_seq: row.get(9)?,
        unread_count: row.get(10)?,
        peer: present(VIEW_PEER)?.then(|| user_at(row, VIEW_PEER)).transpose()?,
        last_message: present(VIEW_MESSAGE)?.then(|| message_at(row, VIEW_MESSAGE)).transpose()?,
    })
}
