//! The checks of a database: each is a statement that selects what is wrong. A healthy database has no rows for any of them.
//!
//! They look for what the schema does not hold by itself, and for what it holds, because a database can be damaged by hand or by a disk.
//! Rows that a running server is about to sweep are no faults, and neither are rows that a node of an older schema leaves behind.

mod distributed;
mod references;
mod rules;

use uuid::Uuid;

use self::distributed::DISTRIBUTED;
use self::references::REFERENCES;
use self::rules::RULES;

/// A check.
#[derive(Debug)]
pub struct Check {
    /// The name by which an operator knows the check: the table, and the column or the rule.
    pub name: &'static str,
    /// One sentence about a fault.
    pub says: &'static str,
    /// The noun of a fault's `other_id`.
    pub other: &'static str,
    pub(super) sql: &'static str,
    /// SQLite's statement, if it is another one.
    pub(super) sqlite: Option<&'static str>,
    /// The statement for a distributed database, if it is another one: Citus refuses some.
    pub(super) distributed: Option<&'static str>,
}

/// A row that a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Fault {
    pub conversation_id: Option<Uuid>,
    /// A user or a message; [`Check::other`] says which.
    pub other_id: Option<Uuid>,
    /// A number of the conversation, or a count.
    pub number: Option<i64>,
}

impl Check {
    pub(super) fn sqlite(&self) -> &'static str {
        self.sqlite.unwrap_or(self.sql)
    }

    pub(super) fn postgres(&self, is_distributed: bool) -> &'static str {
        self.distributed.filter(|_| is_distributed).unwrap_or(self.sql)
    }

    /// Returns the check with another statement for a distributed database.
    const fn or_distributed(self, sql: &'static str) -> Self {
        Self { distributed: Some(sql), ..self }
    }
}

/// Returns every check, those of the numbers first.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    RULES.iter().chain(REFERENCES)
}

/// Returns the further checks of a distributed database.
pub(super) fn distributed_checks() -> &'static [Check] {
    DISTRIBUTED
}

macro_rules! no_id {
    () => {
        "CAST(NULL AS uuid)"
    };
}
use no_id;

macro_rules! no_number {
    () => {
        "CAST(NULL AS bigint)"
    };
}
use no_number;

/// True if the conversation of the row `t` exists.
macro_rules! has_conversation {
    () => {
        "EXISTS (SELECT 1 FROM conversations c WHERE c.id = t.conversation_id)"
    };
}
use has_conversation;

const fn check(name: &'static str, says: &'static str, other: &'static str, sql: &'static str) -> Check {
    Check { name, says, other, sql, sqlite: None, distributed: None }
}
