//! How values travel, and how rows are read.

use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, FromSqlOwned, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::errors::told;
use crate::domain::conversation::{Conversation, Kind, Member, Role, Title, View};
use crate::domain::event::{Event, Happening};
use crate::domain::message::{Message, Note};
use crate::domain::session::{Caller, Session};
use crate::domain::user::{Arrival, Company, Name, User, Username};
use crate::domain::{ConversationId, Error, MessageId, Result, SessionId, TicketId, Timestamp, UserId};

macro_rules! as_uuid {
    ($($id:ident),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
                self.0.to_sql(ty, out)
            }
            fn accepts(ty: &Type) -> bool {
                <Uuid as ToSql>::accepts(ty)
            }
            to_sql_checked!();
        }
        impl<'a> FromSql<'a> for $id {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
                Uuid::from_sql(ty, raw).map(Self)
            }
            fn accepts(ty: &Type) -> bool {
                <Uuid as FromSql>::accepts(ty)
            }
        }
    )*};
}
as_uuid!(ConversationId, MessageId, SessionId, TicketId, UserId);

/// Microseconds from 1970, where our times start, to 2000, where PostgreSQL's do.
const EPOCH: i64 = 946_684_800_000_000;

impl ToSql for Timestamp {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        // The last time of all is PostgreSQL's "infinity" as it stands.
        out.put_i64(if self.0 == i64::MAX { self.0 } else { self.0.saturating_sub(EPOCH) });
        Ok(IsNull::No)
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Timestamp {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH)))
    }
    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// A row that is read from left to right, as its list of columns is written in [`super::super::queries`].
pub(super) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    /// From its first column.
    pub(super) fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub(super) fn next<T: FromSql<'a>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next).map_err(told);
        self.next += 1;
        value
    }

    /// The next column, of words that only the code knows.
    pub(super) fn word<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T> {
        let text: &str = self.next()?;
        parse(text).ok_or_else(|| unknown(text))
    }

    /// What an outer join may not have found: `width` columns, the first of which is never NULL otherwise.
    fn joined<T>(&mut self, width: usize, read: fn(&mut Self) -> Result<T>) -> Result<Option<T>> {
        let start = self.next;
        let found = self.next::<Option<Uuid>>()?.is_some();
        self.next = start;
        if found {
            read(self).map(Some)
        } else {
            self.next += width;
            Ok(None)
        }
    }
}

/// Reads `user_columns!`.
pub(super) fn user(columns: &mut Columns<'_>) -> Result<User> {
    Ok(User {
        id: columns.next()?,
        username: Username::stored(columns.next()?),
        name: Name::stored(columns.next()?),
        created_at: columns.next()?,
        last_seen_at: columns.next()?,
    })
}
const USER_WIDTH: usize = 5;

/// Reads `user_columns!` and the membership version.
pub(super) fn arrival(columns: &mut Columns<'_>) -> Result<Arrival> {
    Ok(Arrival { user: user(columns)?, membership_version: columns.next()?, session: None, company: None })
}

/// Reads the newest number and the members.
pub(super) fn company(columns: &mut Columns<'_>) -> Result<Company> {
    Ok(Company { head: columns.next()?, members: columns.next()? })
}

/// Reads `user_columns!` and the password's hash.
pub(super) fn credentials(columns: &mut Columns<'_>) -> Result<(User, String)> {
    Ok((user(columns)?, columns.next()?))
}

/// Reads `member_columns!`.
pub(super) fn member(columns: &mut Columns<'_>) -> Result<Member> {
    Ok(Member {
        user: user(columns)?,
        role: columns.word(Role::parse)?,
        joined_at: columns.next()?,
        joined_seq: columns.next()?,
        delivered_seq: columns.next()?,
        read_seq: columns.next()?,
    })
}

/// Reads a session.
pub(super) fn session(columns: &mut Columns<'_>) -> Result<Session> {
    Ok(Session {
        id: columns.next()?,
        user_id: columns.next()?,
        generation: columns.next()?,
        created_at: columns.next()?,
        rotated_at: columns.next()?,
        expires_at: columns.next()?,
        ended_at: columns.next()?,
    })
}

/// Reads whose ticket it was.
pub(super) fn caller(columns: &mut Columns<'_>) -> Result<Caller> {
    Ok(Caller { user_id: columns.next()?, session_id: columns.next()?, expires_at: columns.next()? })
}

/// Reads `conversation_columns!`.
pub(super) fn conversation(columns: &mut Columns<'_>) -> Result<Conversation> {
    Ok(Conversation {
        id: columns.next()?,
        kind: columns.word(Kind::parse)?,
        name: columns.next::<Option<String>>()?.map(Title::stored),
        creator_id: columns.next()?,
        created_at: columns.next()?,
        member_count: columns.next()?,
        last_seq: columns.next()?,
        active_at: columns.next()?,
    })
}

/// Reads `message_columns!`.
pub(super) fn message(columns: &mut Columns<'_>) -> Result<Message> {
    Ok(Message {
        id: columns.next()?,
        conversation_id: columns.next()?,
        seq: columns.next()?,
        sender_id: columns.next()?,
        content: columns.next()?,
        reply_to: columns.next()?,
        timestamp: columns.next()?,
        edited_at: columns.next()?,
        deleted_at: columns.next()?,
        note: note(columns)?,
    })
}
const MESSAGE_WIDTH: usize = 12;

/// Reads what `EVENTS_AFTER` selects.
pub(super) fn event(columns: &mut Columns<'_>) -> Result<Event> {
    let seq = columns.next()?;
    let change: Option<&str> = columns.next()?;
    let happening = Happening::stored(change).ok_or_else(|| unknown(change.unwrap_or_default()))?;
    Ok(Event { seq, happening, message: message(columns)? })
}

/// Reads `message_columns!` where there may be none.
pub(super) fn joined_message(columns: &mut Columns<'_>) -> Result<Option<Message>> {
    columns.joined(MESSAGE_WIDTH, message)
}

/// Reads what `view_select!` selects.
pub(super) fn view(columns: &mut Columns<'_>) -> Result<View> {
    Ok(View {
        conversation: conversation(columns)?,
        role: columns.word(Role::parse)?,
        read_seq: columns.next()?,
        unread_count: columns.next()?,
        peer: columns.joined(USER_WIDTH, user)?,
        last_message: joined_message(columns)?,
    })
}

/// Reads a column of any kind.
pub(super) fn value<T: FromSqlOwned>(columns: &mut Columns<'_>) -> Result<T> {
    columns.next()
}

/// Reads two columns of any kind.
pub(super) fn pair<A: FromSqlOwned, B: FromSqlOwned>(columns: &mut Columns<'_>) -> Result<(A, B)> {
    Ok((columns.next()?, columns.next()?))
}

fn note(columns: &mut Columns<'_>) -> Result<Option<Note>> {
    let kind: Option<&str> = columns.next()?;
    let (user_id, value) = pair(columns)?;
    kind.map(|kind| Note::stored(kind, user_id, value).ok_or_else(|| unknown(kind))).transpose()
}

fn unknown(word: &str) -> Error {
    Error::internal(format!("PostgreSQL holds a word that this version does not know: {word}"))
}
