//! The versions of the schema, and the binaries that may run on each.
//!
//! Both adapters apply the missing migrations at start, in one transaction under a lock. Migrations expand first and contract a
//! release later, so that the previous release can run beside the next one while nodes are replaced.

use crate::domain::{Code, Error, Result};

/// One version of the schema.
pub(super) struct Migration {
    /// Its number, from 1 without a gap.
    pub version: i64,
    /// A binary must know at least this version to run on the schema.
    pub needs: i64,
}

/// All migrations, in order. The schema files hold their statements, one section for each.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, needs: 1 },
    // A binary that knows no edits would replay a conversation with gaps.
    Migration { version: 2, needs: 2 },
    Migration { version: 3, needs: 2 },
    Migration { version: 4, needs: 2 },
    // The first kind of change that an older binary does not know will need this version.
    Migration { version: 5, needs: 2 },
    Migration { version: 6, needs: 2 },
    Migration { version: 7, needs: 2 },
    // A node that does not know the stored mode of registration goes by its own configuration, as it did before.
    Migration { version: 8, needs: 2 },
    // A node that does not know disabled users refuses them all the same, because their password hashes match nothing.
    Migration { version: 9, needs: 2 },
    Migration { version: 10, needs: 2 },
    // Beside a node that does not know it, a deleted user's name can be registered again on that node. Nothing else goes wrong.
    Migration { version: 11, needs: 2 },
    // A node that does not know removals delivers one within a heartbeat, as any event that it missed.
    Migration { version: 12, needs: 2 },
    Migration { version: 13, needs: 2 },
    // A node that does not know it notes no contacts and asks nobody for consent, as it did before.
    Migration { version: 14, needs: 2 },
    // A node that does not know blocks takes messages from users who are blocked, and shows presence to them, as it did before.
    Migration { version: 15, needs: 2 },
    // A node that does not know it enforces no quotas, as before.
    Migration { version: 16, needs: 2 },
    // A node that does not know it leaves the notes of who left behind when it sweeps a deleted group. They do no harm: no other group ever has
    // its id.
    Migration { version: 17, needs: 2 },
    // A node that does not know the mark of unread messages counts without it, and leaves it when its user sends.
    Migration { version: 18, needs: 2 },
    // A node that does not know the setting shows the receipts of all users.
    Migration { version: 19, needs: 2 },
    // A node that does not know the setting writes the time of all users.
    Migration { version: 20, needs: 2 },
    // A node that does not know it indexes nothing. Its messages are found after the next scan of a node that does.
    Migration { version: 21, needs: 2 },
    // A node that does not know reactions passes their events on, and shows no reactions in history.
    Migration { version: 22, needs: 5 },
    // A node that does not know pins passes their events on, and shows none in history.
    Migration { version: 23, needs: 5 },
    // On SQLite it needs itself, see `sqlite_needs`.
    Migration { version: 24, needs: 5 },
    // A node that does not know the choices shows none and leaves them as they are.
    Migration { version: 25, needs: 5 },
    // A node that does not know mentions finds none in what it is sent, and leaves those of a message that it edits or deletes. Those of a deleted message are
    // neither shown nor counted; those of an edited one stay until it is edited again.
    Migration { version: 26, needs: 5 },
    // A node that does not know saved messages leaves those of a conversation or a user that it sweeps. They show nothing.
    Migration { version: 27, needs: 5 },
    // A node that does not know it has no lease, sends nothing to other nodes and hears nothing from them. It finds their events once a heartbeat, as before.
    Migration { version: 28, needs: 5 },
    // A node that does not know the count changes blocks without it. Nodes that receive its packets hide and show presence, and send it once more after their
    // next comparison.
    Migration { version: 29, needs: 5 },
    // It changes plans alone.
    Migration { version: 30, needs: 5 },
];

const POSTGRES: &str = include_str!("../../schema.sql");
const SQLITE: &str = include_str!("sqlite/schema.sql");
/// The text that begins a section of a schema, before its number.
const SECTION: &str = "\n-- Version ";

impl Migration {
    /// Returns the version that a binary must know to run on SQLite's schema. No other node runs beside this one there, so that an earlier binary
    /// comes back only by a downgrade, and it would not find the tables of the index that version 24 replaces.
    pub(super) fn sqlite_needs(&self) -> i64 {
        if self.version == 24 { 24 } else { self.needs }
    }

    /// PostgreSQL's statements.
    pub(super) fn postgres(&self) -> &'static str {
        self.section(POSTGRES)
    }

    /// SQLite's statements.
    pub(super) fn sqlite(&self) -> &'static str {
        self.section(SQLITE)
    }

    /// Returns the statements of this version's section, without the rest of the line that begins it, which is a comment.
    fn section(&self, schema: &'static str) -> &'static str {
        let index = usize::try_from(self.version).unwrap_or(0);
        let section = schema.split(SECTION).nth(index).unwrap_or_default();
        section.split_once('\n').map_or("", |(_, statements)| statements)
    }
}

/// The table of the migrations that were applied, in both databases.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
    version bigint PRIMARY KEY,
    needs   bigint NOT NULL
)";

/// The version, in [`TABLE`], of a database into which `chinwag copy` copies. No binary serves it, whatever its own version.
pub(super) const UNFINISHED_COPY: i64 = i64::MAX;

/// Returns the migrations that are missing in a database at schema version `version`. Fails if this binary does not know version
/// `needs`, which the database requires.
pub(super) fn pending(version: i64, needs: i64) -> Result<&'static [Migration]> {
    if version == UNFINISHED_COPY {
        let detail = "the database is a copy that is not finished; run chinwag copy again";
        return Err(Error::new(Code::Unavailable, detail));
    }
    let known = MIGRATIONS.len();
    let applied = usize::try_from(version).unwrap_or(0).min(known);
    if needs > i64::try_from(known).unwrap_or(i64::MAX) {
        return Err(Error::new(
            Code::Unavailable,
            format!("the database is at schema version {version}, and this version of chinwag is too old for it"),
        ));
    }
    Ok(&MIGRATIONS[applied..])
}

/// Logs that migrations of a database are about to be applied, unless it is new.
pub(super) fn log_start(pending: &[Migration]) {
    if let Some(first) = pending.first().filter(|first| first.version > 1) {
        let from = first.version - 1;
        tracing::info!(from, to = MIGRATIONS.len(), "migrating the database; a large one takes longer");
    }
}

/// Checks that no migration is missing in a database at schema version `version`, for commands that do not migrate.
pub(super) fn require_current(version: i64, needs: i64) -> Result<()> {
    if pending(version, needs)?.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Code::Unavailable,
        format!("the database is at schema version {version}; start a server of this version on it first"),
    ))
}

/// Checks that a database has this binary's schema, and not a newer one on which it can run. Tables and columns of a newer one would not be
/// copied.
pub(super) fn require_same(version: i64) -> Result<()> {
    let known = MIGRATIONS.len();
    if usize::try_from(version) == Ok(known) {
        return Ok(());
    }
    let detail =
        format!("the database is at schema version {version}, and this version of chinwag copies version {known}");
    Err(Error::new(Code::Unavailable, detail))
}

/// The error for a database without chinwag's tables, for commands that create none.
pub(super) fn no_database(place: &str) -> Error {
    Error::new(Code::Unavailable, format!("{place} is no database of chinwag; start a server on it first"))
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, POSTGRES, SECTION, SQLITE, pending};

    #[test]
    fn versions_count_from_one() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version), Ok(index + 1));
            assert!(migration.needs <= migration.version);
            for schema in [POSTGRES, SQLITE] {
                let heading = format!("{SECTION}{}", migration.version);
                assert!(schema.contains(&heading), "{heading}");
                assert!(schema.split_once(&heading).expect("there").1.contains(migration.section(schema)), "{heading}");
            }
            let is_empty = |statements: &str| ![" TABLE ", " INDEX "].iter().any(|noun| statements.contains(noun));
            // Versions 28 and 30 change nothing in SQLite, versions 4 and 24 nothing in PostgreSQL.
            let sqlite_is_empty = is_empty(migration.sqlite());
            assert_eq!(sqlite_is_empty, [28, 30].contains(&migration.version), "version {}", migration.version);
            let is_empty = is_empty(migration.postgres());
            assert_eq!(is_empty, [4, 24].contains(&migration.version), "version {}", migration.version);
            assert_eq!([POSTGRES, SQLITE].map(|schema| schema.matches(SECTION).count()), [MIGRATIONS.len(); 2]);
        }
    }

    #[test]
    fn a_binary_that_is_too_old_is_refused() {
        let newest = i64::try_from(MIGRATIONS.len()).expect("few");
        assert_eq!(pending(0, 0).map(<[_]>::len).ok(), Some(MIGRATIONS.len()));
        assert_eq!(pending(newest, 1).map(<[_]>::len).ok(), Some(0));
        assert_eq!(
            pending(newest + 1, newest).map(<[_]>::len).ok(),
            Some(0),
            "a newer schema on which this binary can run"
        );
        assert!(pending(newest + 1, newest + 1).is_err());
    }
}
