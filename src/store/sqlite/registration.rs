//! Registration.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::value;
use super::sql::{one, run, sql};
use super::users::insert_user;
use crate::domain::registration::{Invite, RegistrationMode};
use crate::domain::user::User;
use crate::domain::{Result, Timestamp};
use crate::limits;
use crate::store::queries::registration::{DELETE_SETTING, INSERT_INVITE, SET_SETTING, SETTING, TAKE_INVITE};
use crate::store::registration::{REGISTRATION, Registration, invalid_invite};

/// at, limit
const SWEEP_INVITES: &str = "DELETE FROM invites WHERE code_hash IN \
    (SELECT code_hash FROM invites WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

#[async_trait]
impl Registration for Sqlite {
    async fn registration_mode(&self) -> Result<Option<RegistrationMode>> {
        self.read(|db| one(db, sql!(SETTING), [REGISTRATION], value)).await
    }

    async fn set_registration_mode(&self, mode: Option<RegistrationMode>) -> Result<()> {
        self.write(move |db| {
            match mode {
                Some(mode) => run(db, sql!(SET_SETTING), params![REGISTRATION, mode])?,
                None => run(db, sql!(DELETE_SETTING), [REGISTRATION])?,
            };
            Ok(())
        })
        .await
    }

    async fn insert_invite(&self, invite: &Invite) -> Result<()> {
        let Invite { code_hash, uses, created_at, expires_at } = invite.clone();
        self.write(move |db| {
            run(db, SWEEP_INVITES, params![created_at, limits::INVITES_SWEPT])?;
            run(db, sql!(INSERT_INVITE), params![code_hash, uses, created_at, expires_at])?;
            Ok(())
        })
        .await
    }

    async fn insert_invited_user(
        &self,
        user: &User,
        password_hash: &str,
        code_hash: &str,
        at: Timestamp,
    ) -> Result<()> {
        let (user, password_hash, code_hash) = (user.clone(), password_hash.to_owned(), code_hash.to_owned());
        self.write(move |db| match run(db, sql!(TAKE_INVITE), params![code_hash, at])? {
            0 => Err(invalid_invite()),
            _ => insert_user(db, &user, &password_hash, false),
        })
        .await
    }
}
