//! A database for a measurement: one that is named, or a fresh one.

use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::postgres;

/// Which of Chinwag's two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A database's URL, and what goes with it when it is dropped.
pub(crate) struct Database {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// The one that `--sqlite` or `--postgres` names, or a fresh one if they name none.
    pub(crate) fn wanted(arguments: &Arguments) -> Result<Self, String> {
        let (name, kind) = match (arguments.has("--sqlite"), arguments.has("--postgres")) {
            (true, false) => ("--sqlite", Kind::Sqlite),
            (false, true) => ("--postgres", Kind::Postgres),
            _ => return Err("takes --sqlite [FILE] or --postgres [URL]".to_owned()),
        };
        let Some(named) = arguments.value(name) else { return Self::fresh(kind) };
        let url = if kind == Kind::Sqlite { format!("sqlite:{named}") } else { named.to_owned() };
        Ok(Self { kind, url, _folder: None })
    }

    /// A new one: SQLite in the system's folder for what is temporary, where `chinwag bench` has its own; PostgreSQL on the server
    /// that the tests share, as durable as it is by default.
    pub(crate) fn fresh(kind: Kind) -> Result<Self, String> {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::Builder::new().prefix("chinwag-limits-").tempdir();
                let folder = folder.map_err(|error| error.to_string())?;
                let url = format!("sqlite:{}", folder.path().join("chinwag.db").display());
                Ok(Self { kind, url, _folder: Some(folder) })
            }
            Kind::Postgres if postgres::bin("postgres").is_none() => {
                Err("skipped: PostgreSQL's programs are not installed".to_owned())
            }
            Kind::Postgres => {
                let runtime = Runtime::new().map_err(|error| error.to_string())?;
                Ok(Self { kind, url: runtime.block_on(postgres::database()), _folder: None })
            }
        }
    }

    /// SQLite's file.
    pub(crate) fn file(&self) -> &str {
        self.url.trim_start_matches("sqlite:")
    }
}
