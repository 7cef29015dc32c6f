//! The data folder and the database: the settings that the server shares with the commands of an operator.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct Database {
    /// Folder of the SQLite database and of the generated secret; created if missing.
    #[arg(long = "data", global = true, env = "CHINWAG_DATA", value_name = "FOLDER", default_value = "./data")]
    pub folder: PathBuf,

    /// Database of accounts and messages: postgres://USER:PASSWORD@HOST/NAME (also postgresql://…; ?sslmode=… sets TLS) or
    /// sqlite:FILE [default: SQLite, chinwag.db in the data folder]
    #[arg(long = "database-url", global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub url: Option<String>,

    /// File that contains the URL, as an alternative to --database-url, which shows its password [default: none]
    #[arg(
        long = "database-url-file",
        global = true,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "url"
    )]
    pub url_file: Option<PathBuf>,
}

/// The name of the file in the data folder with the secret that a server generates.
pub(super) const GENERATED_SECRET: &str = "jwt-secret";
/// The maximum length of a file with a URL in bytes. A longer file is another one.
const URL_BYTES_MAX: u64 = 8 * 1024;

impl Database {
    /// Returns the URL of the store.
    pub fn store_url(&self) -> Result<String, String> {
        let (url, variable) = match (&self.url, &self.url_file) {
            (Some(url), _) => (url.clone(), "DATABASE_URL (--database-url)"),
            (None, Some(file)) => (read_url(file)?, "the file of DATABASE_URL_FILE (--database-url-file)"),
            (None, None) => return Ok(format!("sqlite:{}", self.folder.join("chinwag.db").display())),
        };
        // The error does not show the URL, which can contain a password.
        let known = ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
        known.then_some(url).ok_or_else(|| format!("{variable} takes postgres://…, postgresql://… or sqlite:FILE"))
    }

    /// Returns true if the database is not the one in the data folder.
    pub fn has_url(&self) -> bool {
        self.url.is_some() || self.url_file.is_some()
    }

    /// Returns the name of the variable that says where the database is.
    pub fn variable(&self) -> &'static str {
        match (&self.url, &self.url_file) {
            (Some(_), _) => "DATABASE_URL",
            (None, Some(_)) => "DATABASE_URL_FILE",
            (None, None) => "CHINWAG_DATA",
        }
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

/// Reads the URL in a file, without the white space around it.
fn read_url(file: &Path) -> Result<String, String> {
    let refused = |cause: String| format!("DATABASE_URL_FILE (--database-url-file): {}: {cause}", file.display());
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| refused(error.to_string()))?;
    opened.take(URL_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    let is_url = !text.trim().is_empty() && text.len() as u64 <= URL_BYTES_MAX;
    is_url.then(|| text.trim().to_owned()).ok_or_else(|| refused("takes a file with one URL".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::Database;

    #[test]
    fn a_url_can_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("url");
        let database = Database { folder: PathBuf::new(), url: None, url_file: Some(file.clone()) };
        assert!(
            database.store_url().is_err_and(|error| error.starts_with("DATABASE_URL_FILE (--database-url-file): "))
        );
        fs::write(&file, "postgres://u:hunter2@host/x\n").expect("written");
        assert_eq!(database.store_url().as_deref(), Ok("postgres://u:hunter2@host/x"));
        assert_eq!((database.has_url(), database.variable()), (true, "DATABASE_URL_FILE"));
        for wrong in ["", "\n", "mysql://u:hunter2@host/x", &"hunter2".repeat(9_000)] {
            fs::write(&file, wrong).expect("written");
            let refused = database.store_url().expect_err("refused");
            assert!(refused.contains("DATABASE_URL_FILE") && !refused.contains("hunter2"), "{refused}");
        }
    }
}
