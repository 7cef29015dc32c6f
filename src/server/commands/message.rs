//! `chinwag message`.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use super::operator;
use crate::auth::{Audit, COMMAND_LINE};
use crate::chat::reports::{audit_removal, remove_beside_servers};
use crate::domain::{ConversationId, Error, MessageId};
use crate::server::arguments;
use crate::server::database::Database;

/// Administers messages in the database.
#[derive(Debug, Parser)]
#[command(name = "chinwag message", bin_name = "chinwag message", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deletes a message of any conversation, for everybody. A running server delivers the deletion within 5 seconds, and clients can see that
    /// an operator made it. A message that is deleted already stays so.
    Remove {
        /// The id of the conversation.
        conversation_id: String,

        /// The id of the message.
        message_id: String,
    },
}

/// Runs the command. It prints nothing.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let Arguments { command: Command::Remove { conversation_id, message_id }, database } = arguments::read(arguments)?;
    operator::run(&database, async |store| {
        // Nothing can have an id of another form.
        let conversation_id =
            ConversationId::parse(&conversation_id).ok_or_else(|| Error::not_found("conversation"))?;
        let message_id = MessageId::parse(&message_id).ok_or_else(|| Error::not_found("message"))?;
        let removed = remove_beside_servers(&*store, conversation_id, message_id).await?;
        audit_removal(Audit::default(), removed.as_ref(), COMMAND_LINE);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
