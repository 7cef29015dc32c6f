//! `chinwag registration`.

use std::ffi::OsString;

use clap::Parser;

use super::operator;
use crate::auth::{Audit, COMMAND_LINE};
use crate::domain::registration::RegistrationMode;
use crate::server::arguments;
use crate::server::database::Database;

/// Shows or changes who may register. A change takes effect at once, on all servers of the database.
///
/// It overrides CHINWAG_REGISTRATION. The mode default ends that.
#[derive(Debug, Parser)]
#[command(name = "chinwag registration", bin_name = "chinwag registration", max_term_width = 110)]
struct Registration {
    /// open (everybody), invite (with an invitation), closed (nobody) or default (by each server's CHINWAG_REGISTRATION)
    #[arg(value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,

    #[command(flatten)]
    database: Database,
}

/// `Mode(None)` leaves the mode to each server's configuration.
#[derive(Clone, Copy, Debug)]
struct Mode(Option<RegistrationMode>);

fn mode(text: &str) -> Result<Mode, String> {
    let known = if text == "default" { Some(None) } else { RegistrationMode::parse(text).map(Some) };
    known.map(Mode).ok_or_else(|| "takes open, invite, closed or default".to_owned())
}

/// Sets the mode, if one is given, and prints the mode that holds.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let Registration { mode, database } = arguments::read(arguments)?;
    operator::run(&database, async |store| {
        if let Some(Mode(mode)) = mode {
            store.set_registration_mode(mode).await?;
            let detail = format!("registration: {}", mode.map_or("default", RegistrationMode::as_str));
            let actor = Some(COMMAND_LINE);
            Audit { action: "settings.changed", actor, detail: Some(&detail), ..Audit::default() }.log();
        }
        match store.registration_mode().await? {
            Some(mode) => println!("{}", mode.as_str()),
            None => println!("default: each server goes by its own CHINWAG_REGISTRATION"),
        }
        Ok(())
    })
}
