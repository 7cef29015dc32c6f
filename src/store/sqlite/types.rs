//! Conversions between the domain's values and SQLite's.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Result, ToSql};
use uuid::Uuid;

use crate::domain::conversation::{ConversationKind, Role};
use crate::domain::registration::RegistrationMode;
use crate::domain::report::Resolution;
use crate::domain::user::ContactFrom;
use crate::domain::{ConversationId, MessageId, ReportId, SessionId, TicketId, Timestamp, UserId};

macro_rules! stored_as {
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
stored_as!(UserId: Uuid, ConversationId: Uuid, MessageId: Uuid, ReportId: Uuid, SessionId: Uuid, TicketId: Uuid,
    Timestamp: i64);

macro_rules! stored_as_text {
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
stored_as_text!(ContactFrom, ConversationKind, RegistrationMode, Resolution, Role);
