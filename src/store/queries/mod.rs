//! The SQL that both databases understand, by noun, with `$n` for parameters (SQLite's adapter writes them `?n`).
//!
//! A row's columns come in the order of its `…_columns!` list; each adapter has one function that reads each list. The comment
//! above a statement lists its parameters.

pub(super) mod conversations;
pub(super) mod heads;
pub(super) mod members;
pub(super) mod messages;
pub(super) mod sessions;
pub(super) mod tickets;
pub(super) mod users;

/// Greater than every folded text that is a prefix of a username or a name.
pub(super) const TEXT_END: &str = "\u{10FFFF}";

/// A page's size as SQL takes it.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The number of columns in a list.
const fn width(columns: &str) -> usize {
    let (mut commas, mut at) = (0, 0);
    while at < columns.len() {
        if columns.as_bytes()[at] == b',' {
            commas += 1;
        }
        at += 1;
    }
    commas + 1
}
