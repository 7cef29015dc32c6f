//! The options. clap prints their comments as the help.

use clap::Parser;

/// Talks from a terminal or a pipe: lists conversations, shows history, sends messages and prints those that arrive.
///
/// A line is a message to the open conversation; a line that begins with / is a command, and /help lists them. After a lost
/// connection it comes back by itself, shows what it missed and sends what was not acknowledged, each message once.
/// Times are in UTC.
///
/// With --json it prints one JSON object a line: the server's events as they come, and what happens to the connection.
/// Then each line of input is an object too: {"content": "hi", "to": "@grace"}, where "to" may be left out if a conversation is
/// open, and "id" may be chosen to make a repetition safe.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(verbatim_doc_comment, name = "chinwag chat", bin_name = "chinwag chat", version, max_term_width = 110)]
pub(super) struct Options {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) server: String,

    /// The user who logs in; asked for on a terminal
    #[arg(long, value_name = "NAME")]
    pub(super) username: Option<String>,

    /// Reads the password from the first line of standard input; without it a terminal asks for it
    #[arg(long)]
    pub(super) password_stdin: bool,

    /// Registers the user first
    #[arg(long)]
    pub(super) register: bool,

    /// Opens a conversation: @ and a username, a group's name or a conversation's id
    #[arg(long, value_name = "WHOM")]
    pub(super) to: Option<String>,

    /// JSON instead of text, in both directions
    #[arg(long)]
    pub(super) json: bool,

    /// Goes on listening when the input has ended, until it is interrupted
    #[arg(long)]
    pub(super) follow: bool,
}
