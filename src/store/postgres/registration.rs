//! Registration.

use async_trait::async_trait;

use super::rows::Columns;
use super::users::{NewUser, insert_user};
use super::{Postgres, bounded};
use crate::domain::registration::{Invite, RegistrationMode};
use crate::domain::user::User;
use crate::domain::{Result, Timestamp};
use crate::limits;
use crate::store::queries::registration::{DELETE_SETTING, INSERT_INVITE, SET_SETTING, SETTING};
use crate::store::registration::{REGISTRATION, Registration};

/// at, limit. Skips invitations that another node is deleting, as tickets are.
const SWEEP_INVITES: &str = "DELETE FROM invites WHERE code_hash IN ( \
         SELECT code_hash FROM invites WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Reads a registration mode.
fn mode(columns: &mut Columns<'_>) -> Result<RegistrationMode> {
    columns.parsed(RegistrationMode::parse)
}

#[async_trait]
impl Registration for Postgres {
    async fn registration_mode(&self) -> Result<Option<RegistrationMode>> {
        self.one(SETTING, &[&REGISTRATION], mode).await
    }

    async fn set_registration_mode(&self, mode: Option<RegistrationMode>) -> Result<()> {
        match mode {
            Some(mode) => self.count(SET_SETTING, &[&REGISTRATION, &mode.as_str()]).await.map(drop),
            None => self.count(DELETE_SETTING, &[&REGISTRATION]).await.map(drop),
        }
    }

    async fn insert_invite(&self, invite: &Invite) -> Result<()> {
        let Invite { code_hash, uses, created_at, expires_at } = invite;
        self.count(SWEEP_INVITES, &[created_at, &limits::INVITES_SWEPT]).await?;
        self.count(INSERT_INVITE, &[code_hash, uses, created_at, expires_at]).await.map(drop)
    }

    async fn insert_invited_user(
        &self,
        user: &User,
        password_hash: &str,
        code_hash: &str,
        at: Timestamp,
    ) -> Result<()> {
        let new_user = NewUser::new(user, password_hash, false);
        bounded(async { Box::pin(insert_user(&*self.connection().await?, &new_user, Some((code_hash, at)))).await })
            .await
    }
}
