//! Inputs of the operations on invitations.

use serde::Deserialize;

/// `invite.create`
#[derive(Deserialize)]
pub struct CreateInvite {
    /// The number of accounts that can be created with it. By default one.
    pub uses: Option<u64>,
    /// The lifetime in seconds. By default [`crate::limits::INVITE_TTL`].
    pub expires_in: Option<u64>,
}
