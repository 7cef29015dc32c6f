//! `chinwag migrate`.

use std::ffi::OsString;

use clap::Parser;

use crate::domain::Result;
use crate::server::arguments;
use crate::server::database::Database;
use crate::store;

/// Migrates the database, as a server does at its start, and ends.
#[derive(Debug, Parser)]
#[command(name = "chinwag migrate", bin_name = "chinwag migrate", max_term_width = 110)]
struct Migrate {
    /// Distributes the tables as well, over the workers of PostgreSQL's extension citus (experimental). Stop all servers before; it can be
    /// repeated
    #[arg(long)]
    distribute: bool,

    /// Prints the statements of --distribute, and does nothing else
    #[arg(long, requires = "distribute")]
    print: bool,

    #[command(flatten)]
    database: Database,
}

/// Migrates, and distributes the tables if that is asked for.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let Migrate { distribute, print, database } = arguments::read(arguments)?;
    if print {
        print!("{}", store::distribution_script());
        return Ok(());
    }
    let url = database.store_url()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let migrated: Result<()> = runtime.block_on(async {
        if !distribute {
            return store::open(&url).await.map(drop);
        }
        let servers = store::distribute(&url).await?;
        println!(
            "The tables are distributed; {servers} database servers have their rows. Start the servers of Chinwag now."
        );
        Ok(())
    });
    migrated.map_err(|error| error.detail.into_owned())
}
