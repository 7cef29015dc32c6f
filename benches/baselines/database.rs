//! The database of a measurement: an existing one, or a new one.

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::postgres;

/// The kind of Chinwag's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
}

/// A database. Dropping it removes its folder.
pub(crate) struct Database {
    pub(crate) kind: StoreKind,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// Opens the database that follows `--sqlite` or `--postgres`, or creates one when nothing follows.
    pub(crate) fn from_arguments(arguments: &Arguments) -> Result<Self, String> {
        let (name, kind) = match (arguments.has("--sqlite"), arguments.has("--postgres")) {
            (true, false) => ("--sqlite", StoreKind::Sqlite),
            (false, true) => ("--postgres", StoreKind::Postgres),
            _ => return Err("takes --sqlite [FILE] or --postgres [URL]".to_owned()),
        };
        let Some(named) = arguments.value(name) else { return Self::create(kind) };
        let url = if kind == StoreKind::Sqlite { format!("sqlite:{named}") } else { named.to_owned() };
        Ok(Self { kind, url, _folder: None })
    }

    /// Creates a database. SQLite's is in the system's temporary folder, like that of `chinwag bench`. PostgreSQL's is on the server
    /// that the tests share, with default durability.
    pub(crate) fn create(kind: StoreKind) -> Result<Self, String> {
        match kind {
            StoreKind::Sqlite => {
                let folder = tempfile::Builder::new().prefix("chinwag-baselines-").tempdir();
                let folder = folder.map_err(|error| error.to_string())?;
                let url = format!("sqlite:{}", folder.path().join("chinwag.db").display());
                Ok(Self { kind, url, _folder: Some(folder) })
            }
            StoreKind::Postgres if postgres::bin("postgres").is_none() => {
                Err("skipped: PostgreSQL's programs are not installed".to_owned())
            }
            StoreKind::Postgres => {
                let runtime = Runtime::new().map_err(|error| error.to_string())?;
                Ok(Self { kind, url: runtime.block_on(postgres::database()), _folder: None })
            }
        }
    }

    /// Returns the path of SQLite's file.
    pub(crate) fn path(&self) -> &str {
        self.url.trim_start_matches("sqlite:")
    }
}
