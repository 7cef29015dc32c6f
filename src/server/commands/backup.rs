//! `chinwag backup` and `chinwag restore`.

use std::ffi::OsString;
use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Parser;

use crate::server::arguments;
use crate::server::database::Database;
use crate::store;

/// Saves the database in a new file, also while a server runs: chinwag backup FILE.
///
/// The file has everything that was acknowledged before. The secret that signs tokens is not in it: save jwt-secret of the data
/// folder too. For PostgreSQL use pg_dump.
#[derive(Parser)]
#[command(name = "chinwag backup", bin_name = "chinwag backup", max_term_width = 110)]
struct Backup {
    /// The file to create; only its owner can read it
    file: PathBuf,

    #[command(flatten)]
    database: Database,
}

/// Replaces the database by one that chinwag backup has saved: chinwag restore FILE.
///
/// It refuses while a server runs. The replaced database is kept beside the new one. For PostgreSQL use pg_restore.
#[derive(Parser)]
#[command(name = "chinwag restore", bin_name = "chinwag restore", max_term_width = 110)]
struct Restore {
    /// The file that chinwag backup has created
    file: PathBuf,

    #[command(flatten)]
    database: Database,
}

/// Runs `chinwag backup`.
pub fn backup(arguments: &[OsString]) -> Result<(), String> {
    let Backup { file, database } = arguments::read(arguments)?;
    let saved = store::backup(&database.store_url()?, &file);
    saved.map_err(|error| error.detail.into_owned())?;
    say(&format!("The database is saved in {}.", file.display()));
    Ok(())
}

/// Runs `chinwag restore`.
pub fn restore(arguments: &[OsString]) -> Result<(), String> {
    let Restore { file, database } = arguments::read(arguments)?;
    let url = database.store_url()?;
    if !database.has_url() {
        database.create_folder()?;
    }
    let kept = store::restore(&url, &file).map_err(|error| error.detail.into_owned())?;
    say(&format!("The database is restored from {}.", file.display()));
    if let Some(kept) = kept {
        say(&format!("The database before is kept as {}.", kept.display()));
    }
    Ok(())
}

/// Prints a line. Nobody may be there to read it, which changes nothing.
fn say(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}
