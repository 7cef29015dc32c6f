//! Contacts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::rows::value;
use super::sql::{one, run};
use crate::domain::conversation::direct_key;
use crate::domain::{Result, UserId};
use crate::limits;
use crate::store::Contacts;
use crate::store::queries::contacts::has_contact;
use crate::store::queries::row_limit;

/// user, contact, direct_key, messages that are read at each end
const USER_WITH_CONTACT: &str = concat!(
    "SELECT u.id FROM users u WHERE u.id = ?1 AND u.deleted_at IS NULL AND ",
    has_contact!("u.id", "?2", "?3", "?4")
);
/// user, contact. Neither is a deleted user, who may still be a member.
const INSERT_CONTACT: &str = "INSERT INTO contacts (user_id, contact_id) SELECT ?1, ?2 \
     WHERE (SELECT count(*) FROM users WHERE id IN (?1, ?2) AND deleted_at IS NULL) = 2 ON CONFLICT DO NOTHING";
/// user
pub(super) const DELETE_CONTACTS: &str = "DELETE FROM contacts WHERE user_id = ?1 OR contact_id = ?1";

/// Notes a contact of a user.
pub(super) fn insert_contact(db: &Connection, user_id: UserId, contact_id: UserId) -> Result<usize> {
    run(db, INSERT_CONTACT, params![user_id, contact_id])
}

/// The same as [`Contacts::users_with_contact`], on the caller's connection.
pub(super) fn users_with_contact(db: &Connection, user_ids: &[UserId], contact_id: UserId) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    for &user_id in user_ids {
        let key = direct_key(user_id, contact_id);
        let row = params![user_id, contact_id, key, row_limit(limits::CONTACT_MESSAGES_MAX)];
        found.extend(one(db, USER_WITH_CONTACT, row, value::<UserId>)?);
    }
    Ok(found)
}

#[async_trait]
impl Contacts for Sqlite {
    async fn users_with_contact(&self, user_ids: &[UserId], contact_id: UserId) -> Result<Vec<UserId>> {
        let user_ids = user_ids.to_vec();
        self.read(move |db| users_with_contact(db, &user_ids, contact_id)).await
    }
}
