//! Ids: UUIDs that cannot be mistaken for one another.

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
            /// A new id (UUID version 7: it sorts by the time it was made).
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads the usual hyphenated form, in either case.
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == uuid::fmt::Hyphenated::LENGTH)
                    .then(|| Uuid::try_parse(text).ok().map(Self))
                    .flatten()
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
    /// Names a user.
    UserId
);
id!(
    /// Names a conversation.
    ConversationId
);
id!(
    /// Names a message within its conversation; the client may choose it.
    MessageId
);
id!(
    /// Names a session: one login and its refresh token family.
    SessionId
);
id!(
    /// Names a ticket: leave to open one connection.
    TicketId
);
id!(
    /// Names a connection: one WebSocket.
    ConnectionId
);

#[cfg(test)]
#[path = "id_property_tests.rs"]
mod properties;
