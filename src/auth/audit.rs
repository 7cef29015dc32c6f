//! The audit log: log lines of target `audit` about accounts and sessions.

use std::net::IpAddr;

use crate::domain::{SessionId, UserId};

/// The actor of a command that works on the database.
pub const COMMAND_LINE: &str = "command line";

/// A line of the audit log. No field is ever a secret: a password, a token, a code, or a hash of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Audit<'a> {
    /// The act that the line records, done or refused, such as `session.started`.
    pub action: &'static str,
    /// The client's network, as the rate limits see it.
    pub address: Option<IpAddr>,
    /// The user whose account or session it is. A text that is no user's name is left out, because people type passwords into the wrong
    /// field.
    pub user_id: Option<UserId>,
    /// The name of that user.
    pub username: Option<&'a str>,
    /// The session that was started or ended.
    pub session_id: Option<SessionId>,
    /// The operator, if it is not the user: the id of an admin, or [`COMMAND_LINE`].
    pub actor: Option<&'a str>,
    /// The changed fields, or the reason of a refusal.
    pub detail: Option<&'a str>,
}

impl Audit<'_> {
    /// Writes the line.
    pub fn log(self) {
        let Self { action, address, user_id, username, session_id, actor, detail } = self;
        tracing::info!(
            target: "audit",
            action,
            address = address.map(display),
            user_id = user_id.map(display),
            username,
            session_id = session_id.map(display),
            actor,
            detail,
            "audit"
        );
    }
}
