//! The versions of the schema, and who may run on which.
//!
//! Both adapters apply what is missing at start, in one transaction under a lock. Migrations expand first and contract a
//! release later, so that the previous release can run beside the next one while nodes are replaced.

use crate::domain::{Code, Error, Result};

/// One step of the schema.
pub(super) struct Migration {
    /// Its number, from 1 without a gap.
    pub version: i64,
    /// The newest version that a binary must at least know to live with this one.
    pub needs: i64,
    /// PostgreSQL's statements.
    pub postgres: &'static str,
    /// SQLite's statements.
    pub sqlite: &'static str,
}

/// All of them, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        needs: 1,
        postgres: include_str!("../../schema.sql"),
        sqlite: include_str!("sqlite/schema.sql"),
    },
    Migration {
        version: 2,
        needs: 1,
        postgres: "CREATE TABLE tickets (
                id               uuid PRIMARY KEY,
                user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
                session_id       uuid NOT NULL,
                token_expires_at timestamptz NOT NULL,
                expires_at       timestamptz NOT NULL
            );
            CREATE INDEX tickets_by_user ON tickets (user_id);
            CREATE INDEX tickets_by_expiry ON tickets (expires_at);",
        sqlite: "CREATE TABLE tickets (
                id               BLOB PRIMARY KEY,
                user_id          BLOB NOT NULL REFERENCES users ON DELETE CASCADE,
                session_id       BLOB NOT NULL,
                token_expires_at INTEGER NOT NULL,
                expires_at       INTEGER NOT NULL
            ) STRICT;
            CREATE INDEX tickets_by_user ON tickets (user_id);
            CREATE INDEX tickets_by_expiry ON tickets (expires_at);",
    },
];

/// Where both adapters note what they applied.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
    version bigint PRIMARY KEY,
    needs   bigint NOT NULL
)";

/// What is still to be applied to a database that is at `version` and `needs` at least that version of a binary.
pub(super) fn pending(version: i64, needs: i64) -> Result<&'static [Migration]> {
    let known = MIGRATIONS.len();
    let applied = usize::try_from(version).unwrap_or(0).min(known);
    if needs > i64::try_from(known).unwrap_or(i64::MAX) {
        return Err(Error::new(
            Code::Unavailable,
            format!("the database is at schema version {version}, which this version of chinwag is too old for"),
        ));
    }
    Ok(&MIGRATIONS[applied..])
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, pending};

    #[test]
    fn versions_count_from_one() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version), Ok(index + 1));
            assert!(migration.needs <= migration.version);
        }
    }

    #[test]
    fn a_binary_that_is_too_old_is_refused() {
        let newest = i64::try_from(MIGRATIONS.len()).expect("few");
        assert_eq!(pending(0, 0).map(<[_]>::len).ok(), Some(MIGRATIONS.len()));
        assert_eq!(pending(newest, 1).map(<[_]>::len).ok(), Some(0));
        assert_eq!(pending(newest + 1, newest).map(<[_]>::len).ok(), Some(0), "a newer schema that we can live with");
        assert!(pending(newest + 1, newest + 1).is_err());
    }
}
