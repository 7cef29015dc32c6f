//! Rare writes that touch several tables: each one transaction on a link of the pool, in as few round trips as can be.

use futures_util::future::{join, join3, join4, join5};

use super::link::Link;
use super::rows::Columns;
use crate::domain::conversation::{NewConversation, Role, Title};
use crate::domain::{ConversationId, Error, Result, SessionId, Timestamp, UserId};
use crate::store::queries;

/// users; those there are. Locked in one order for all, because two transactions may raise the versions of the same people.
const LOCK_USERS: &str = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
/// users
const RAISE_MEMBERSHIP_VERSIONS: &str =
    "UPDATE users SET membership_version = membership_version + 1 WHERE id = ANY($1)";
/// conversation, users, roles, joined_at
const INSERT_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at) \
     SELECT $1, m.user_id, m.role, $4 FROM unnest($2::uuid[], $3::text[]) AS m (user_id, role)";
/// conversation
const LOCK_COUNTER: &str = "SELECT 1 FROM counters WHERE conversation_id = $1 FOR UPDATE";
/// conversation
const ROLES: &str = "SELECT user_id, role FROM members WHERE conversation_id = $1";
/// conversation
const DELETE_MESSAGES: &str = "DELETE FROM messages WHERE conversation_id = $1";
/// conversation
const DELETE_CHANGES: &str = "DELETE FROM changes WHERE conversation_id = $1";
/// conversation; its counter and members go with it, by their foreign keys
const DELETE_CONVERSATION: &str = "DELETE FROM conversations WHERE id = $1";
/// users, at
pub(super) const TOUCH_USERS: &str = "WITH locked AS ( \
         SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE \
     ) UPDATE users u SET last_seen_at = greatest(u.last_seen_at, $2) FROM locked WHERE u.id = locked.id";

/// at, limit. Those that somebody else is taking away are passed over: two who wait for each other's would never end.
pub(super) const SWEEP_TICKETS: &str = "DELETE FROM tickets WHERE id IN ( \
         SELECT id FROM tickets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Sets a password and ends the other sessions: one round trip.
pub(super) async fn change_password(
    link: &Link,
    id: UserId,
    hash: &str,
    keep: SessionId,
    at: Timestamp,
) -> Result<Vec<SessionId>> {
    link.prepare(&[queries::SET_PASSWORD, queries::END_OTHER_SESSIONS]).await?;
    let (begun, set, ended, committed) = join4(
        link.begin(),
        link.send_count(queries::SET_PASSWORD, &[&id, &hash]),
        link.send(queries::END_OTHER_SESSIONS, &[&id, &keep, &at]),
        link.commit(),
    )
    .await;
    begun?;
    set?;
    let ended = ended?;
    committed?;
    ended.iter().map(|row| Columns::of(row).next()).collect()
}

/// Makes a conversation, or finds the one that is there: if the pair has one, or if an earlier try made it. Two round trips.
pub(super) async fn create_conversation(link: &Link, new: &NewConversation) -> Result<(ConversationId, bool)> {
    let mut users = vec![new.creator_id];
    users.extend(&new.other_ids);
    let mut roles = vec![Role::Member.as_str(); users.len()];
    roles[0] = new.creator_role().as_str();
    let members = i64::try_from(users.len()).unwrap_or(i64::MAX);
    let (id, at) = (&new.id, &new.created_at);
    let (kind, name) = (new.kind.as_str(), new.name.as_ref().map(Title::as_str));
    let direct_key = new.direct_key();

    link.prepare(&[LOCK_USERS, queries::INSERT_CONVERSATION, queries::EXISTING_CONVERSATION]).await?;
    link.prepare(&[queries::INSERT_COUNTER, INSERT_MEMBERS, RAISE_MEMBERSHIP_VERSIONS]).await?;
    // The pair's key first, and the users after: whoever waits for the other's key holds nothing that the other needs.
    let (begun, inserted, found, existing) = join4(
        link.begin(),
        link.send_count(queries::INSERT_CONVERSATION, &[id, &kind, &name, &new.creator_id, at, &direct_key]),
        link.send(LOCK_USERS, &[&users]),
        link.send(queries::EXISTING_CONVERSATION, &[id, &direct_key]),
    )
    .await;
    begun?;
    let (inserted, found, existing) = (inserted?, found?, existing?);
    if inserted == 0 {
        link.rollback().await?;
        // Gone again since: the same call will make it.
        let row = existing.first().ok_or_else(|| Error::unavailable("the conversation vanished while it was made"))?;
        return Ok((Columns::of(row).next()?, false));
    }
    let found: Vec<UserId> = found.iter().map(|row| Columns::of(row).next()).collect::<Result<_>>()?;
    if let Some(missing) = users.iter().find(|user_id| found.binary_search(user_id).is_err()) {
        link.rollback().await?;
        return Err(Error::field("member_ids", format!("there is no user {missing}")));
    }
    let (counted, joined, raised, committed) = join4(
        link.send_count(queries::INSERT_COUNTER, &[id, &members, at]),
        link.send_count(INSERT_MEMBERS, &[id, &users, &roles, at]),
        link.send_count(RAISE_MEMBERSHIP_VERSIONS, &[&users]),
        link.commit(),
    )
    .await;
    counted?;
    joined?;
    raised?;
    committed?;
    Ok((new.id, true))
}

/// Deletes a conversation: two round trips, the first of which decides.
pub(super) async fn delete_conversation(link: &Link, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
    link.prepare(&[LOCK_COUNTER, ROLES]).await?;
    link.prepare(&[LOCK_USERS, RAISE_MEMBERSHIP_VERSIONS, DELETE_CHANGES, DELETE_MESSAGES, DELETE_CONVERSATION])
        .await?;
    let (begun, locked, members) = join3(link.begin(), link.send(LOCK_COUNTER, &[&id]), link.send(ROLES, &[&id])).await;
    begun?;
    locked?;
    let mut users = Vec::new();
    let mut role = None;
    for row in &members? {
        let mut columns = Columns::of(row);
        let user_id: UserId = columns.next()?;
        if user_id == actor_id {
            role = Some(columns.word(Role::parse)?);
        }
        users.push(user_id);
    }
    let refused = match role {
        None => Some(Error::not_found("conversation")),
        Some(Role::Owner) => None,
        Some(_) => Some(Error::forbidden("Only the owner can delete the conversation.")),
    };
    if let Some(error) = refused {
        link.rollback().await?;
        return Err(error);
    }
    let (written, committed) = join(
        join5(
            link.send(LOCK_USERS, &[&users]),
            link.send_count(RAISE_MEMBERSHIP_VERSIONS, &[&users]),
            link.send_count(DELETE_CHANGES, &[&id]),
            link.send_count(DELETE_MESSAGES, &[&id]),
            link.send_count(DELETE_CONVERSATION, &[&id]),
        ),
        link.commit(),
    )
    .await;
    let (locked, raised, forgotten, emptied, deleted) = written;
    locked?;
    raised?;
    forgotten?;
    emptied?;
    deleted?;
    committed?;
    Ok(users)
}
