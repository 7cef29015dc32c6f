//! Ids: UUIDs with a type for each noun.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id: a UUID version 7, which sorts by its time.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Parses a UUID in every form that JSON takes: with or without hyphens, in braces, or as a URN, in upper or lower case.
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// The id of a user.
    UserId
);
id!(
    /// The id of a conversation.
    ConversationId
);
impl ConversationId {
    /// The least id.
    pub const FIRST: Self = Self(Uuid::nil());
    /// The greatest id.
    pub const LAST: Self = Self(Uuid::max());

    /// Returns the least id that is greater than this one. `None` after [`ConversationId::LAST`].
    pub fn next(self) -> Option<Self> {
        self.0.as_u128().checked_add(1).map(|next| Self(Uuid::from_u128(next)))
    }
}
id!(
    /// The id of a message within its conversation. The client can choose it.
    MessageId
);
id!(
    /// The id of a report.
    ReportId
);
id!(
    /// The id of a session: one login and its family of refresh tokens.
    SessionId
);
id!(
    /// The id of a ticket, which opens one connection.
    TicketId
);
id!(
    /// The id of a connection: one WebSocket.
    ConnectionId
);
id!(
    /// The id of one life of a node: of its process, from its start to its end.
    Incarnation
);

#[cfg(test)]
#[path = "id_property_tests.rs"]
mod properties;
