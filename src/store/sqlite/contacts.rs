//! Contacts.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::blocks::is_blocked;
use super::rows::{pair, value};
use super::sql::{one, run, sql};
use crate::domain::conversation::direct_key;
use crate::domain::rules::contact::Consent;
use crate::domain::user::ContactFrom;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::Contacts;
use crate::store::queries::contacts::{SET_CONTACT_FROM, has_contact};
use crate::store::queries::row_limit;

/// user, contact, direct_key, messages that are read at each end
const USER_WITH_CONTACT: &str = concat!(
    "SELECT u.id FROM users u WHERE u.id = ?1 AND u.deleted_at IS NULL AND ",
    has_contact!("u.id", "?2", "?3", "?4")
);
/// user, contact. Neither is a deleted user, who may still be a member.
const INSERT_CONTACT: &str = "INSERT INTO contacts (user_id, contact_id) SELECT ?1, ?2 \
     WHERE (SELECT count(*) FROM users WHERE id IN (?1, ?2) AND deleted_at IS NULL) = 2 ON CONFLICT DO NOTHING";
/// conversation, user. The user's setting, and true if they left the conversation.
const CONSENT: &str = "SELECT u.contact_from, EXISTS (SELECT 1 FROM leavers WHERE conversation_id = ?1 AND user_id = u.id) \
     FROM users u WHERE u.id = ?2";
/// conversation, user
const INSERT_LEAVER: &str = "INSERT INTO leavers (conversation_id, user_id) SELECT ?1, id FROM users \
     WHERE id = ?2 AND deleted_at IS NULL ON CONFLICT DO NOTHING";
/// conversation, user
const DELETE_LEAVER: &str = "DELETE FROM leavers WHERE conversation_id = ?1 AND user_id = ?2";

/// Returns the consent of a user to be added by another one.
pub(super) fn consent(db: &Connection, id: ConversationId, user_id: UserId, actor_id: UserId) -> Result<Consent> {
    let (contact_from, has_left) = one(db, CONSENT, params![id, user_id], pair)?.unwrap_or_default();
    let is_blocked = is_blocked(db, actor_id, user_id)?;
    let consent = Consent { contact_from, is_blocked, has_left, has_contact: false };
    let has_contact = consent.depends_on_contacts() && !users_with_contact(db, &[user_id], actor_id)?.is_empty();
    Ok(Consent { has_contact, ..consent })
}

/// Notes that a user left by themselves.
pub(super) fn insert_leaver(db: &Connection, id: ConversationId, user_id: UserId) -> Result<usize> {
    run(db, INSERT_LEAVER, params![id, user_id])
}

/// Removes that note.
pub(super) fn delete_leaver(db: &Connection, id: ConversationId, user_id: UserId) -> Result<usize> {
    run(db, DELETE_LEAVER, params![id, user_id])
}

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

    async fn set_contact_from(&self, user_id: UserId, contact_from: ContactFrom) -> Result<()> {
        self.write(move |db| run(db, sql!(SET_CONTACT_FROM), params![user_id, contact_from]).map(drop)).await
    }
}
