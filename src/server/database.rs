//! The data folder and the database: the settings that the server shares with the commands of an operator.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use clap::Args;

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct Database {
    /// Folder of the SQLite database and of the generated secret; created if missing.
    #[arg(long = "data", global = true, env = "CHINWAG_DATA", value_name = "FOLDER", default_value = "./data")]
    pub folder: PathBuf,

    /// Database of accounts and messages: postgres://USER:PASSWORD@HOST/NAME (also postgresql://…; several hosts, and libpq's parameters of
    /// TLS) or sqlite:FILE [default: SQLite, chinwag.db in the data folder]
    #[arg(long = "database-url", global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub url: Option<String>,
}

impl Database {
    /// Returns the URL of the store.
    pub fn store_url(&self) -> Result<String, String> {
        let Some(url) = &self.url else {
            return Ok(format!("sqlite:{}", self.folder.join("chinwag.db").display()));
        };
        // The error does not show the URL, which can contain a password.
        let known = ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
        known
            .then(|| url.clone())
            .ok_or_else(|| "DATABASE_URL (--database-url) takes postgres://…, postgresql://… or sqlite:FILE".to_owned())
    }

    /// Returns the name of the variable that says where the database is.
    pub fn variable(&self) -> &'static str {
        if self.url.is_some() { "DATABASE_URL" } else { "CHINWAG_DATA" }
    }

    /// Creates the data folder.
    pub fn create_folder(&self) -> Result<(), String> {
        // Only the user that runs the server has access, because the folder holds messages and password hashes.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| format!("CHINWAG_DATA takes a writable folder: {}: {error}", self.folder.display()))
    }
}
