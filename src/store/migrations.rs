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
}

/// All of them, in order. What they say stands in the schemas, a section each.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, needs: 1 },
    // A binary that knows no edits would replay a conversation with holes in it.
    Migration { version: 2, needs: 2 },
    Migration { version: 3, needs: 2 },
    Migration { version: 4, needs: 2 },
    // The first kind of change that an older binary does not know will need this version.
    Migration { version: 5, needs: 2 },
];

const POSTGRES: &str = include_str!("../../schema.sql");
const SQLITE: &str = include_str!("sqlite/schema.sql");
/// What begins a section of a schema, before its number.
const SECTION: &str = "\n-- Version ";

impl Migration {
    /// PostgreSQL's statements.
    pub(super) fn postgres(&self) -> &'static str {
        self.section(POSTGRES)
    }

    /// SQLite's statements.
    pub(super) fn sqlite(&self) -> &'static str {
        self.section(SQLITE)
    }

    /// The rest of the line that begins a section is a comment, with the number in it or without.
    fn section(&self, schema: &'static str) -> &'static str {
        let index = usize::try_from(self.version).unwrap_or(0);
        let after_mark = schema.split(SECTION).nth(index).unwrap_or_default();
        after_mark.split_once('\n').map_or("", |(_, statements)| statements)
    }
}

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
    if (1..known).contains(&applied) {
        tracing::info!(from = applied, to = known, "migrating the database, which takes longer the larger it is");
    }
    Ok(&MIGRATIONS[applied..])
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
                let mark = format!("{SECTION}{}", migration.version);
                assert!(schema.contains(&mark), "{mark}");
                assert!(schema.split_once(&mark).expect("there").1.contains(migration.section(schema)), "{mark}");
            }
            assert!(migration.sqlite().contains("CREATE TABLE"), "version {}", migration.version);
            // The fourth is SQLite's alone.
            let is_empty = !migration.postgres().contains(" TABLE ");
            assert_eq!(is_empty, migration.version == 4, "version {}", migration.version);
            assert_eq!([POSTGRES, SQLITE].map(|schema| schema.matches(SECTION).count()), [MIGRATIONS.len(); 2]);
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
