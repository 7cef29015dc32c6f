//! The store in PostgreSQL.
//!
//! Two kinds of link: the journal owns [lanes](lane), everything else takes a link from a [pool]. Every call is bounded in time here,
//! because a server that is paused, or a network that swallows packets, enforces nothing. A link on which anything was left
//! open (a failure of the way, a time-out, a caller who went away) is never used again; see [`link`].

use std::future::Future;
use std::iter;

use async_trait::async_trait;
use bb8::Pool;
use uuid::Uuid;

use self::connect::{Connector, Purpose};
use self::lane::Lane;
use self::link::Params;
use self::pool::Links;
use self::rows::Columns;
use super::queries::{self, TEXT_END};
use super::{ActivityCursor, Page, Range, Store};
use crate::domain::command::{Change, Outcome, Revision, Send};
use crate::domain::conversation::{Conversation, Member, NewConversation, View};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::session::{Caller, Session, Ticket};
use crate::domain::user::{Arrival, Name, User, fold};
use crate::domain::{Code, ConversationId, Error, MessageId, Result, Seq, SessionId, TicketId, Timestamp, UserId};
use crate::limits;

mod arrival;
mod change;
mod commit;
mod connect;
mod errors;
mod lane;
mod link;
mod migrate;
mod page;
mod pool;
mod rare;
mod revise;
mod rows;
mod tls;

/// Whether the server takes writes; after a failover the old one may not.
const WRITABLE: &str = "SELECT current_setting('transaction_read_only') = 'off'";

/// conversations
const HEADS_OF: &str = "SELECT conversation_id, last_seq FROM counters WHERE conversation_id = ANY($1)";
/// user, conversations
const HEADS_FOR: &str = "SELECT k.conversation_id, k.last_seq FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = ANY($2)";
/// users
const MEMBERSHIP_VERSIONS: &str = "SELECT id, membership_version FROM users WHERE id = ANY($1)";
/// sessions
const LIVE_SESSIONS: &str = "SELECT id FROM sessions WHERE id = ANY($1) AND ended_at IS NULL";

/// The store in PostgreSQL.
pub struct Postgres {
    pool: Pool<Links>,
    connector: Connector,
    lanes: Vec<Lane>,
}

impl Postgres {
    /// Connects to the server that a `postgres://…` URL names, and migrates the database.
    pub async fn open(url: &str) -> Result<Self> {
        let connector = Connector::new(url)?;
        let refused = |cause: String| {
            Error::new(Code::Unavailable, format!("the database at {} cannot be used: {cause}", connector.place()))
        };
        let link = connector.connect(Purpose::General).await.map_err(refused)?;
        let encoding = bounded(link.rows("SELECT current_setting('server_encoding')", &[])).await?;
        let encoding: String = encoding.first().map(|row| Columns::of(row).next()).transpose()?.unwrap_or_default();
        if encoding != "UTF8" {
            return Err(refused(format!("its encoding is {encoding}; make it with ENCODING 'UTF8'")));
        }
        migrate::migrate(link.client()).await?;
        let lanes = iter::repeat_with(Lane::default).take(limits::POSTGRES_LANES).collect();
        Ok(Self { pool: pool::build(connector.clone()), connector, lanes })
    }

    /// Runs a statement that returns rows.
    async fn all<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            let rows = link.rows(sql, params).await?;
            rows.iter().map(|row| read(&mut Columns::of(row))).collect()
        })
        .await
    }

    /// Runs a statement that returns at most one row.
    async fn one<T>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        read: fn(&mut Columns<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, read).await?.pop())
    }

    /// Runs a statement that returns nothing, and says how many rows it touched.
    async fn count(&self, sql: &'static str, params: Params<'_>) -> Result<u64> {
        bounded(async { self.pool.get().await.map_err(pool::told)?.count(sql, params).await }).await
    }

    fn lane(&self, lane: usize) -> Result<&Lane> {
        self.lanes.get(lane).ok_or_else(|| Error::internal(format!("there is no lane {lane}")))
    }
}

/// Bounds what waits for the server. Dropping it in the middle leaves its link unusable, which is what is wanted.
async fn bounded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limits::QUERY_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(Error::unavailable(format!("PostgreSQL: no answer within {:?}", limits::QUERY_TIMEOUT)))
    })
}

/// A bound as PostgreSQL takes it.
fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl Store for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    async fn ping(&self) -> Result<()> {
        match self.one(WRITABLE, &[], rows::value).await? {
            Some(true) => Ok(()),
            _ => Err(Error::unavailable("PostgreSQL only reads")),
        }
    }

    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let (username, name) = (user.username.as_str(), user.name.as_str());
        let params: Params<'_> =
            &[&user.id, &username, &user.username.key(), &name, &fold(name), &password_hash, &user.created_at];
        match self.count(queries::INSERT_USER, params).await? {
            0 => Err(Error::new(Code::UsernameTaken, "Somebody has this username.")),
            _ => Ok(()),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.one(queries::USER, &[&id], rows::user).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        self.one(queries::CREDENTIALS, &[&username_key], rows::credentials).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.one(queries::PASSWORD_HASH, &[&id], rows::value).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let (prefix, after) = (prefix.unwrap_or_default(), after.unwrap_or_default());
        let end = format!("{prefix}{TEXT_END}");
        self.all(queries::USERS, &[&after, &prefix, &end, &rows_at_most(limit)], rows::user).await
    }

    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        self.count(queries::RENAME_USER, &[&id, &name.as_str(), &fold(name.as_str())]).await.map(drop)
    }

    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            rare::change_password(&link, id, hash, keep, at).await
        })
        .await
    }

    async fn touch_users(&self, ids: &[UserId], at: Timestamp) -> Result<()> {
        self.count(rare::TOUCH_USERS, &[&ids, &at]).await.map(drop)
    }

    async fn arrival(&self, caller: &Caller, to: Option<ConversationId>, limit: usize) -> Result<Option<Arrival>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            arrival::arrival(&link, caller, to, limit).await
        })
        .await
    }

    async fn membership_version(&self, id: UserId) -> Result<i64> {
        let version = self.one(queries::MEMBERSHIP_VERSION, &[&id], rows::value).await?;
        version.ok_or_else(|| Error::not_found("user"))
    }

    async fn membership_versions(&self, ids: &[UserId]) -> Result<Vec<(UserId, i64)>> {
        self.all(MEMBERSHIP_VERSIONS, &[&ids], rows::pair).await
    }

    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _ } = session;
        let params: Params<'_> = &[id, user_id, generation, created_at, rotated_at, expires_at];
        self.count(queries::INSERT_SESSION, params).await.map(drop)
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.one(queries::SESSION, &[&id], rows::session).await
    }

    async fn rotate_session(
        &self,
        id: SessionId,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        Ok(self.count(queries::ROTATE_SESSION, &[&id, &generation, &at, &expires_at]).await? > 0)
    }

    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        self.all(LIVE_SESSIONS, &[&ids], rows::value).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<()> {
        self.count(queries::END_SESSION, &[&id, &at]).await.map(drop)
    }

    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool> {
        self.count(rare::SWEEP_TICKETS, &[&at, &limits::TICKETS_SWEPT]).await?;
        let Ticket { id, caller, expires_at } = ticket;
        let params: Params<'_> =
            &[id, &caller.user_id, &caller.session_id, &caller.expires_at, expires_at, &at, &at_most];
        Ok(self.count(queries::INSERT_TICKET, params).await? > 0)
    }

    async fn take_ticket(&self, id: TicketId, at: Timestamp) -> Result<Option<Caller>> {
        self.one(queries::TAKE_TICKET, &[&id, &at], rows::caller).await
    }

    async fn create_conversation(&self, new: &NewConversation) -> Result<(ConversationId, bool)> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            Box::pin(rare::create_conversation(&link, new)).await
        })
        .await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        self.one(queries::CONVERSATION, &[&id], rows::conversation).await
    }

    async fn view(&self, id: ConversationId, user_id: UserId) -> Result<Option<View>> {
        self.one(queries::VIEW, &[&user_id, &limits::UNREAD_MAX, &id], rows::view).await
    }

    async fn views(&self, user_id: UserId, after: Option<ActivityCursor>, limit: usize) -> Result<Vec<View>> {
        let (active_at, id) = after.unwrap_or((Timestamp(i64::MAX), ConversationId(Uuid::max())));
        let params: Params<'_> = &[&user_id, &limits::UNREAD_MAX, &active_at, &id, &rows_at_most(limit)];
        self.all(queries::VIEWS, params, rows::view).await
    }

    async fn heads(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, Seq)>> {
        self.all(queries::HEADS, &[&user_id, &rows_at_most(limit)], rows::pair).await
    }

    async fn head(&self, id: ConversationId) -> Result<Option<Seq>> {
        self.one(queries::HEAD, &[&id], rows::value).await
    }

    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        self.all(HEADS_FOR, &[&user_id, &ids], rows::pair).await
    }

    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        self.all(HEADS_OF, &[&ids], rows::pair).await
    }

    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            Box::pin(rare::delete_conversation(&link, id, actor_id)).await
        })
        .await
    }

    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>> {
        self.all(queries::MEMBERS, &[&id, &after.unwrap_or_default(), &rows_at_most(limit)], rows::member).await
    }

    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>> {
        self.one(queries::MEMBER, &[&id, &user_id], rows::member).await
    }

    async fn contacts(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>> {
        let params: Params<'_> = &[&user_id, &limits::INTIMATE_MEMBERS, &rows_at_most(limit)];
        self.all(queries::CONTACTS, params, rows::value).await
    }

    async fn intimate_conversations(&self, user_id: UserId, limit: usize) -> Result<Vec<ConversationId>> {
        let params: Params<'_> = &[&user_id, &limits::INTIMATE_MEMBERS, &rows_at_most(limit)];
        self.all(queries::INTIMATE_CONVERSATIONS, params, rows::value).await
    }

    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            page::page(&link, reader_id, id, range, limit).await
        })
        .await
    }

    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            page::messages(&link, id, range, limit).await
        })
        .await
    }

    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.all(queries::EVENTS_AFTER, &[&id, &after, &rows_at_most(limit)], rows::event).await
    }

    async fn message(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        self.one(queries::MESSAGE, &[&id, &message_id], rows::message).await
    }

    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
        bounded(async {
            let link = self.pool.get().await.map_err(pool::told)?;
            page::receipts_of_others(&link, id, user_id).await
        })
        .await
    }

    async fn commit(&self, lane: usize, batch: &[Send]) -> Result<Vec<Result<Outcome>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcomes = commit::commit(&leased.link, batch).await;
            leased.keep();
            outcomes
        })
        .await
    }

    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome> {
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcome = Box::pin(revise::revise(&leased.link, revision)).await;
            leased.keep();
            outcome
        })
        .await
    }

    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome> {
        bounded(async {
            let leased = self.lane(lane)?.lease(&self.connector).await?;
            let outcome = change::change(&leased.link, change).await;
            leased.keep();
            outcome
        })
        .await
    }
}
