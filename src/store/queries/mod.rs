//! The SQL that both databases understand, by noun, with `$n` for parameters. (SQLite's adapter replaces them by `?n`.)
//!
//! The columns of a row come in the order of its `…_columns!` list. Each adapter has one function for each list that reads it. The
//! comment above a statement lists its parameters.

pub(super) mod accounts;
pub(super) mod blocks;
pub(super) mod contacts;
pub(super) mod conversations;
pub(super) mod deletions;
pub(super) mod heads;
pub(super) mod known_networks;
pub(super) mod leftovers;
pub(super) mod member_settings;
pub(super) mod members;
pub(super) mod mentions;
pub(super) mod message_search;
pub(super) mod messages;
pub(super) mod pins;
pub(super) mod quotas;
pub(super) mod quotes;
pub(super) mod reactions;
pub(super) mod receipts;
pub(super) mod registration;
pub(super) mod reports;
pub(super) mod saved;
pub(super) mod sessions;
pub(super) mod tickets;
pub(super) mod unread;
pub(super) mod user_settings;
pub(super) mod users;

/// The last Unicode character. A folded prefix with it appended is greater than every text that starts with the prefix.
pub(super) const TEXT_END: &str = "\u{10FFFF}";

/// Converts a limit for SQL.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The number of columns in a list.
const fn width(columns: &str) -> usize {
    let (mut commas, mut index) = (0, 0);
    while index < columns.len() {
        if columns.as_bytes()[index] == b',' {
            commas += 1;
        }
        index += 1;
    }
    commas + 1
}
