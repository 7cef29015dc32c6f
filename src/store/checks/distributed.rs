//! The checks of the rows that a distributed database stores twice: by conversation, and by user.

use super::{Check, check, no_number};

/// Rows of one table of members that the other one has not. The set operation reads both tables whole, because their rows are on different shards.
macro_rules! members_without {
    ($table:literal, $other:literal) => {
        concat!(
            "SELECT t.conversation_id, t.user_id, ",
            no_number!(),
            " FROM (SELECT conversation_id, user_id FROM ",
            $table,
            " EXCEPT SELECT conversation_id, user_id FROM ",
            $other,
            ") t"
        )
    };
}

/// The conversations of users are those of the members.
pub(super) const DISTRIBUTED: &[Check] = &[
    check(
        "user_conversations.missing",
        "is missing in the list of the user's conversations; chinwag migrate --distribute makes the lists again",
        "user",
        members_without!("members", "user_conversations"),
    ),
    check(
        "user_conversations.left",
        "is in the list of a user who is no member; chinwag migrate --distribute makes the lists again",
        "user",
        members_without!("user_conversations", "members"),
    ),
];
