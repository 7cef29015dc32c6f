//! Contacts.

use async_trait::async_trait;

use super::connection::PgConnection;
use super::rows::{self, Columns};
use super::{Postgres, bounded};
use crate::domain::conversation::direct_key;
use crate::domain::user::ContactFrom;
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::store::Contacts;
use crate::store::queries::contacts::{SET_CONTACT_FROM, has_contact};
use crate::store::queries::message_search::DIRECT_CONVERSATION;
use crate::store::queries::row_limit;

/// users, contact, direct_keys, messages that are read at each end. Each array has one element for each user. The nested select has a LIMIT, so
/// that each user is looked up by id: the planner's other ways read the whole table.
const USERS_WITH_CONTACT: &str = concat!(
    "SELECT u.id FROM unnest($1::uuid[], $3::text[]) AS w (user_id, direct_key) \
     CROSS JOIN LATERAL (SELECT * FROM users WHERE users.id = w.user_id LIMIT 1) AS u WHERE u.deleted_at IS NULL AND ",
    has_contact!("u.id", "$2", "w.direct_key", "$4")
);
/// user, contacts. The caller holds the locks of all. In one order for all transactions, because an insert waits for one of the same row.
pub(super) const INSERT_CONTACTS: &str = "INSERT INTO contacts (user_id, contact_id) \
     SELECT $1, w.contact_id FROM unnest($2::uuid[]) AS w (contact_id) ORDER BY w.contact_id ON CONFLICT DO NOTHING";
/// users, contacts. Those of these pairs that are to be inserted: of users who live, and without the contacts that are there.
const NEW_CONTACTS: &str = "SELECT DISTINCT w.user_id, w.contact_id FROM unnest($1::uuid[], $2::uuid[]) AS w (user_id, contact_id) \
     JOIN users adder ON adder.id = w.user_id AND adder.deleted_at IS NULL \
     JOIN users added ON added.id = w.contact_id AND added.deleted_at IS NULL \
     WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.user_id = w.user_id AND c.contact_id = w.contact_id)";
/// users, contacts. Those that [`new_contacts`] returns.
pub(super) const INSERT_NEW_CONTACTS: &str =
    "INSERT INTO contacts (user_id, contact_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])";

/// Reads who may begin a conversation with a user.
pub(super) fn contact_from(columns: &mut Columns<'_>) -> Result<ContactFrom> {
    columns.parsed(ContactFrom::parse)
}

/// user, contact. A row if the user lives and has the contact in the table.
const HAS_NOTED_CONTACT: &str = "SELECT 1 FROM contacts c JOIN users u ON u.id = c.user_id AND u.deleted_at IS NULL \
     WHERE c.user_id = $1 AND c.contact_id = $2";
/// user, conversation, messages that are read at each end. True if the user lives and wrote one of them.
const HAS_WRITTEN: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL) AND ( \
     EXISTS (SELECT 1 FROM (SELECT sender_id FROM messages WHERE conversation_id = $2 ORDER BY seq LIMIT $3) oldest \
         WHERE oldest.sender_id = $1) \
     OR EXISTS (SELECT 1 FROM (SELECT sender_id FROM messages WHERE conversation_id = $2 ORDER BY seq DESC LIMIT $3) newest \
         WHERE newest.sender_id = $1))";

/// The same as [`Contacts::users_with_contact`] for one user, in statements that each name one conversation. Up to three round trips.
async fn user_has_contact(connection: &PgConnection, user_id: UserId, contact_id: UserId) -> Result<bool> {
    if !connection.rows(HAS_NOTED_CONTACT, &[&user_id, &contact_id]).await?.is_empty() {
        return Ok(true);
    }
    let direct = connection.rows(DIRECT_CONVERSATION, &[&direct_key(user_id, contact_id)]).await?;
    let Some(direct) = rows::first(&direct, rows::value::<ConversationId>)? else { return Ok(false) };
    let written = connection.rows(HAS_WRITTEN, &[&user_id, &direct, &row_limit(limits::CONTACT_MESSAGES_MAX)]).await?;
    Ok(rows::first(&written, rows::value)?.unwrap_or_default())
}

/// The same as [`Contacts::users_with_contact`], on the caller's connection.
pub(super) async fn users_with_contact(
    connection: &PgConnection,
    user_ids: &[UserId],
    contact_id: UserId,
) -> Result<Vec<UserId>> {
    if connection.is_distributed() {
        let mut found = Vec::new();
        for user_id in user_ids {
            if user_has_contact(connection, *user_id, contact_id).await? {
                found.push(*user_id);
            }
        }
        return Ok(found);
    }
    connection.prepare(&[USERS_WITH_CONTACT]).await?;
    let keys: Vec<String> = user_ids.iter().map(|user_id| direct_key(*user_id, contact_id)).collect();
    let messages = row_limit(limits::CONTACT_MESSAGES_MAX);
    let found = connection.send(USERS_WITH_CONTACT, &[&user_ids, &contact_id, &keys, &messages]).await?;
    rows::all(&found, rows::value)
}

/// Returns the contacts to insert, on a distributed database. The caller holds the locks of all, so that nobody else inserts the same before the transaction
/// ends. Citus makes inserts into a copied table wait for each other if they have ON CONFLICT, and deadlocks them if they look into a table themselves: each locks
/// the table's shard for an insert first, and then alone.
pub(super) async fn new_contacts(
    connection: &PgConnection,
    user_ids: &[UserId],
    contact_ids: &[UserId],
) -> Result<(Vec<UserId>, Vec<UserId>)> {
    let new: Vec<(UserId, UserId)> =
        rows::all(&connection.rows(NEW_CONTACTS, &[&user_ids, &contact_ids]).await?, rows::pair)?;
    Ok(new.into_iter().unzip())
}

#[async_trait]
impl Contacts for Postgres {
    async fn users_with_contact(&self, user_ids: &[UserId], contact_id: UserId) -> Result<Vec<UserId>> {
        bounded(async { users_with_contact(&*self.connection().await?, user_ids, contact_id).await }).await
    }

    async fn set_contact_from(&self, user_id: UserId, contact_from: ContactFrom) -> Result<()> {
        // A creation or an addition that has read the setting holds the user's lock until it is committed.
        self.change_users(&[user_id], SET_CONTACT_FROM, &[&user_id, &contact_from.as_str()]).await
    }
}
