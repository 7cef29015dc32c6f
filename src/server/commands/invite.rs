//! `chinwag invite`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;

use super::operator;
use crate::auth::{Audit, COMMAND_LINE, new_invite_code};
use crate::domain::Timestamp;
use crate::domain::registration::Invite;
use crate::limits;
use crate::server::database::Database;
use crate::server::{arguments, config};

/// Makes an invitation and prints its code, with which people can register.
#[derive(Debug, Parser)]
#[command(name = "chinwag invite", bin_name = "chinwag invite", max_term_width = 110)]
struct Arguments {
    /// Number of accounts that can be created with it, up to 10000.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = uses)]
    uses: u64,

    /// Lifetime: a whole number with s, m, h or d, up to 365d.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = config::duration)]
    valid: Duration,

    #[command(flatten)]
    database: Database,
}

fn uses(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("takes a whole number from 1 to {}", limits::INVITE_USES_MAX))
}

/// Prints the code on standard output, for scripts.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let Arguments { uses, valid, database } = arguments::read(arguments)?;
    operator::run(&database, async |store| {
        let (code, code_hash) = new_invite_code()?;
        let invite = Invite::new(code_hash, uses, valid, Timestamp::now())?;
        store.insert_invite(&invite).await?;
        let (actor, detail) = (Some(COMMAND_LINE), invite.description());
        Audit { action: "invite.created", actor, detail: Some(&detail), ..Audit::default() }.log();
        println!("{code}");
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Arguments;
    use crate::limits;

    #[test]
    fn an_invitation_has_the_defaults_of_the_api() {
        let arguments = Arguments::try_parse_from(["chinwag invite"]).expect("valid");
        assert_eq!((arguments.uses, arguments.valid), (1, limits::INVITE_TTL));
        let refused = Arguments::try_parse_from(["chinwag invite", "--uses=x"]).expect_err("no number").to_string();
        assert!(refused.contains("takes a whole number from 1 to 10000"), "{refused}");
    }
}
