//! Registration: the callers that may register, and invitations.

use async_trait::async_trait;

use crate::domain::registration::{Invite, RegistrationMode};
use crate::domain::user::User;
use crate::domain::{Error, Result, Timestamp};

/// The name of the registration mode among the settings.
pub(super) const REGISTRATION: &str = "registration";

/// The store's methods for registration.
#[async_trait]
pub trait Registration: Send + Sync {
    /// Returns the mode that an operator has set. `None` if the configuration of each server decides.
    async fn registration_mode(&self) -> Result<Option<RegistrationMode>>;

    /// Sets the mode for all servers on this database. `None` leaves it to the configuration of each server.
    async fn set_registration_mode(&self, mode: Option<RegistrationMode>) -> Result<()>;

    /// Inserts an invitation. Deletes some expired ones as well.
    async fn insert_invite(&self, invite: &Invite) -> Result<()>;

    /// Inserts a user and takes one use of the invitation with this hash, in one transaction. Fails with `invalid` (field `invite`) if
    /// there is no such invitation, or if it is used up or has expired at `at`. Fails with `username_taken` as
    /// [`insert_user`](super::Users::insert_user) does, and then takes no use.
    async fn insert_invited_user(&self, user: &User, password_hash: &str, code_hash: &str, at: Timestamp)
    -> Result<()>;
}

/// The error for an invitation that cannot be used.
pub(super) fn invalid_invite() -> Error {
    Error::field("invite", "is unknown, used up or expired")
}
