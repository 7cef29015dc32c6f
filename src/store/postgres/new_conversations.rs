//! New conversations: one transaction in three round trips, or four if it depends on somebody's contacts. On a distributed database it takes two more.

use std::collections::HashMap;

use futures_util::future::{OptionFuture, join, join3, join5};
use tokio_postgres::Row;

use super::blocks::BLOCKS_WITH;
use super::connection::{Params, PgConnection};
use super::contacts::{self, INSERT_CONTACTS, INSERT_NEW_CONTACTS, contact_from, users_with_contact};
use super::rows::{self, Columns};
use super::user_conversations::INSERT_MEMBERSHIPS;
use super::user_states::{STATE, UserState, state};
use super::users::RAISE_MEMBERSHIP_VERSIONS;
use super::{user_locks, user_states};
use crate::domain::conversation::{CreatedConversation, GroupName, NewConversation, Role};
use crate::domain::quotas::{Made, Quotas};
use crate::domain::rules::contact::{not_added, undecided};
use crate::domain::user::ContactFrom;
use crate::domain::{Code, ConversationId, Error, Result, UserId};
use crate::limits;
use crate::store::conversations::{existing, id_taken, no_such_member};
use crate::store::queries::conversations::{
    DELETED_CONVERSATION, EXISTING_CONVERSATION, INSERT_CONVERSATION, INSERT_CONVERSATION_OR_FAIL,
};
use crate::store::queries::heads::INSERT_COUNTER;
use crate::store::queries::quotas::{CREATOR_QUOTAS, SET_NEW_THAT_DAY};

/// conversation, users, roles, joined_at
const INSERT_MEMBERS: &str = "INSERT INTO members (conversation_id, user_id, role, joined_at) \
     SELECT $1, m.user_id, m.role, $4 FROM unnest($2::uuid[], $3::text[]) AS m (user_id, role)";
/// conversation, users. Returns those who are no members.
const NO_MEMBERS: &str = "SELECT w.id FROM unnest($2::uuid[]) AS w (id) \
     WHERE NOT EXISTS (SELECT 1 FROM members mb WHERE mb.conversation_id = $1 AND mb.user_id = w.id) ORDER BY w.id";

/// Reads the columns of [`CREATOR_QUOTAS`].
fn creator_quotas(columns: &mut Columns<'_>) -> Result<(Quotas, Made)> {
    let quotas = Quotas::from_stored(columns.next()?, columns.next()?);
    Ok((quotas, Made { day: columns.next()?, new_that_day: columns.next()?, conversations: columns.next()? }))
}

/// The beginning of the transaction: the conversation is inserted, unless there is one already.
struct Begun {
    is_inserted: bool,
    /// The conversation because of which it was not inserted, and its creator.
    found: Option<(ConversationId, UserId)>,
    /// True if a conversation with this id was deleted.
    is_deleted: bool,
    /// The rows of [`user_locks::lock_live`].
    live: Vec<Row>,
    /// The rows of [`BLOCKS_WITH`].
    blocked: Vec<Row>,
}

/// The decision about a conversation that is new.
struct Admitted {
    not_added: Vec<UserId>,
    /// The members besides the creator.
    others: Vec<UserId>,
    /// The day and the number of that day to keep, if the conversation counts for it.
    new_that_day: Option<(i64, i64)>,
}

/// Creates a conversation, or returns the existing one: the pair's direct conversation, or the one that an earlier try created.
pub(super) async fn create(connection: &PgConnection, new: &NewConversation) -> Result<CreatedConversation> {
    let begun = begin(connection, new).await?;
    match begun.existing(new) {
        Ok(None) => {}
        Ok(Some(id)) => {
            connection.rollback().await?;
            let not_added = rows::all(&connection.rows(NO_MEMBERS, &[&id, &new.other_ids]).await?, rows::value)?;
            return Ok(CreatedConversation { id, is_new: false, not_added });
        }
        Err(refusal) => return refuse(connection, refusal).await,
    }
    match admit(connection, new, &begun).await {
        Ok(admitted) => complete(connection, new, admitted).await,
        Err(refusal) => refuse(connection, refusal).await,
    }
}

async fn refuse<T>(connection: &PgConnection, refusal: Error) -> Result<T> {
    connection.rollback().await?;
    Err(refusal)
}

/// Begins the transaction, inserts the conversation, locks the users and reads what the decision needs.
///
/// The pair's key comes before the users: a transaction that waits for another transaction's key then holds no lock that the other needs. The
/// deleted ids come last. Each statement sees what was committed before it, and a deletion may be committed between any two of them: a
/// conversation that is found no more is found among the deleted.
async fn begin(connection: &PgConnection, new: &NewConversation) -> Result<Begun> {
    let NewConversation { id, creator_id, other_ids, .. } = new;
    let users: Vec<UserId> = [*creator_id].into_iter().chain(other_ids.iter().copied()).collect();
    let direct_key = new.direct_key();
    user_locks::prepare(connection).await?;
    connection.prepare(&[INSERT_CONVERSATION, BLOCKS_WITH, EXISTING_CONVERSATION, DELETED_CONVERSATION]).await?;
    let is_distributed = connection.is_distributed();
    let (begun, inserted, (live, blocked), found, deleted) = join5(
        connection.begin(),
        OptionFuture::from((!is_distributed).then(|| insert(connection, INSERT_CONVERSATION, new))),
        join(user_locks::lock_live(connection, &users), connection.send(BLOCKS_WITH, &[creator_id, other_ids])),
        connection.send(EXISTING_CONVERSATION, &[id, &direct_key]),
        connection.send(DELETED_CONVERSATION, &[id]),
    )
    .await;
    begun?;
    let mut begun = Begun {
        is_inserted: inserted.transpose()?.unwrap_or_default(),
        found: rows::first(&found?, rows::pair)?,
        is_deleted: !deleted?.is_empty(),
        live: live?,
        blocked: blocked?,
    };
    if is_distributed && begun.found.is_none() && !begun.is_deleted {
        insert_or_fail(connection, new).await?;
        begun.is_inserted = true;
    }
    Ok(begun)
}

/// Inserts the conversation. Returns false if there is one with its id, or with its pair.
async fn insert(connection: &PgConnection, sql: &'static str, new: &NewConversation) -> Result<bool> {
    let NewConversation { id, creator_id, created_at, .. } = new;
    let (kind, name) = (new.kind.as_str(), new.name.as_ref().map(GroupName::as_str));
    let row: Params<'_> = &[id, &kind, &name, creator_id, created_at, &new.direct_key()];
    connection.send_count(sql, row).await.map(|inserted| inserted > 0)
}

/// Inserts a conversation that was not found, on a distributed database: Citus makes inserts with ON CONFLICT into a copied table wait for each other. The pair cannot be
/// there, because the locks of its users are held. So what fails is the id, which another user has just taken.
async fn insert_or_fail(connection: &PgConnection, new: &NewConversation) -> Result<()> {
    connection.prepare(&[INSERT_CONVERSATION_OR_FAIL]).await?;
    match insert(connection, INSERT_CONVERSATION_OR_FAIL, new).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == Code::Invalid => refuse(connection, id_taken()).await,
        Err(error) => Err(error),
    }
}

impl Begun {
    /// Returns the conversation that exists instead of the new one. Fails with `id_taken` if the id belongs to another user's or to a deleted one.
    fn existing(&self, new: &NewConversation) -> Result<Option<ConversationId>> {
        // The conversation with this id may have been deleted since it was found. That of the pair is another one.
        if self.is_deleted && (self.is_inserted || self.found.is_none_or(|(id, _)| id == new.id)) {
            return Err(id_taken());
        }
        if self.is_inserted {
            return Ok(None);
        }
        // The pair's conversation may have been deleted in between. Then a retry creates it.
        let gone = || Error::unavailable("the conversation was deleted while it was created");
        existing(new, self.found.ok_or_else(gone)?).map(Some)
    }
}

/// Decides about a new conversation: who is left out, and if the creator's quotas have room for it.
async fn admit(connection: &PgConnection, new: &NewConversation, begun: &Begun) -> Result<Admitted> {
    let not_added = refusing(connection, new, &begun.live, &begun.blocked).await?;
    let others = new.others_without(&not_added);
    let new_that_day = check_quotas(connection, new, &others).await?;
    Ok(Admitted { not_added, others, new_that_day })
}

/// Writes the rows of a new conversation, and commits.
async fn complete(
    connection: &PgConnection,
    new: &NewConversation,
    Admitted { not_added, others, new_that_day }: Admitted,
) -> Result<CreatedConversation> {
    let NewConversation { id, creator_id, created_at, .. } = new;
    let users: Vec<UserId> = [*creator_id].into_iter().chain(others.iter().copied()).collect();
    let mut roles = vec![Role::Member.as_str(); users.len()];
    roles[0] = new.creator_role().as_str();
    let members = i64::try_from(users.len()).unwrap_or(i64::MAX);
    let is_distributed = connection.is_distributed();
    let raise_versions = connection.form(RAISE_MEMBERSHIP_VERSIONS, user_states::RAISE_MEMBERSHIP_VERSIONS);
    connection.prepare(&[INSERT_CONTACTS, INSERT_NEW_CONTACTS, INSERT_COUNTER, INSERT_MEMBERS, raise_versions]).await?;
    let (mut conversations, mut new_contacts) = (Vec::new(), None);
    if is_distributed {
        connection.prepare(&[INSERT_MEMBERSHIPS]).await?;
        conversations.resize(users.len(), *id);
        new_contacts = Some(contacts::new_contacts(connection, &vec![*creator_id; others.len()], &others).await?);
    }
    let memberships: Params<'_> = &[&users, &conversations];
    let (contacts_inserted, counted, members_inserted, by_user, committed) = join5(
        insert_contacts(connection, *creator_id, &others, new_contacts.as_ref()),
        connection.send_count(INSERT_COUNTER, &[id, &members, created_at]),
        connection.send_count(INSERT_MEMBERS, &[id, &users, &roles, created_at]),
        join3(
            count_for_quotas(connection, *creator_id, new_that_day),
            connection.send_count(raise_versions, &[&users]),
            OptionFuture::from(is_distributed.then(|| connection.send_count(INSERT_MEMBERSHIPS, memberships))),
        ),
        connection.commit(),
    )
    .await;
    contacts_inserted?;
    counted?;
    members_inserted?;
    let (counted_for_quotas, raised, listed) = by_user;
    counted_for_quotas?;
    raised?;
    listed.transpose()?;
    committed?;
    Ok(CreatedConversation { id: *id, is_new: true, not_added })
}

/// Makes the members contacts of the creator. `new`: those who are none yet, on a distributed database. The statements are prepared.
async fn insert_contacts(
    connection: &PgConnection,
    creator_id: UserId,
    others: &[UserId],
    new: Option<&(Vec<UserId>, Vec<UserId>)>,
) -> Result<u64> {
    match new {
        None => connection.send_count(INSERT_CONTACTS, &[&creator_id, &others]).await,
        Some((users, _)) if users.is_empty() => Ok(0),
        Some((users, contacts)) => connection.send_count(INSERT_NEW_CONTACTS, &[users, contacts]).await,
    }
}

/// Keeps the day and the number of that day, if the conversation counts for the creator's quotas. The statement is prepared.
async fn count_for_quotas(connection: &PgConnection, creator_id: UserId, counted: Option<(i64, i64)>) -> Result<()> {
    let Some((day, number)) = counted else { return Ok(()) };
    let set = connection.form(SET_NEW_THAT_DAY, user_states::SET_NEW_THAT_DAY);
    connection.send_count(set, &[&creator_id, &day, &number]).await.map(drop)
}

/// Returns the members who are left out because they refuse. `live` has the rows of [`user_locks::lock_live`], and `blocked` those of
/// [`BLOCKS_WITH`]. Fails if one does not exist, or refuses a direct conversation.
async fn refusing(
    connection: &PgConnection,
    new: &NewConversation,
    live: &[Row],
    blocked: &[Row],
) -> Result<Vec<UserId>> {
    let live: HashMap<UserId, ContactFrom> =
        rows::all(live, |columns| Ok((columns.next()?, contact_from(columns)?)))?.into_iter().collect();
    let setting = |id: &UserId| live.get(id).map(|setting| (*id, *setting)).ok_or_else(|| no_such_member(*id));
    setting(&new.creator_id)?;
    let asked: Vec<(UserId, ContactFrom)> = new.other_ids.iter().map(setting).collect::<Result<_>>()?;
    let undecided = undecided(&asked);
    let with_contact = if undecided.is_empty() {
        Vec::new()
    } else {
        users_with_contact(connection, &undecided, new.creator_id).await?
    };
    let blocked: Vec<UserId> = rows::all(blocked, rows::value)?;
    not_added(new.kind, &asked, &with_contact, &blocked)
}

/// Checks the quotas of the creator, who is locked. Returns the day and the number of that day to keep, if the conversation counts for it.
async fn check_quotas(
    connection: &PgConnection,
    new: &NewConversation,
    others: &[UserId],
) -> Result<Option<(i64, i64)>> {
    if !new.has_quotas {
        return Ok(None);
    }
    let is_distributed = connection.is_distributed();
    let set_new_that_day = connection.form(SET_NEW_THAT_DAY, user_states::SET_NEW_THAT_DAY);
    connection.prepare(&[CREATOR_QUOTAS, set_new_that_day]).await?;
    if is_distributed {
        connection.prepare(&[STATE]).await?;
    }
    let creator_id: Params<'_> = &[&new.creator_id];
    // The new conversation is counted too.
    let counted = limits::QUOTA_MAX + 1;
    let (creator, states, knowing) = join3(
        connection.send(CREATOR_QUOTAS, &[&new.creator_id, &counted]),
        OptionFuture::from(is_distributed.then(|| connection.send(STATE, creator_id))),
        users_with_contact(connection, others, new.creator_id),
    )
    .await;
    let (quotas, made) = rows::first(&creator?, creator_quotas)?.ok_or_else(|| no_such_member(new.creator_id))?;
    let mut made = Made { conversations: made.conversations - 1, ..made };
    if let Some(states) = states.transpose()? {
        let UserState { new_day, new_that_day, .. } = rows::first(&states, state)?.unwrap_or_default();
        made = Made { day: new_day, new_that_day, ..made };
    }
    quotas.check(made, !knowing?.is_empty(), new.created_at)
}
