//! The embedded store: one SQLite file, one thread that writes, a few connections that read.
//!
//! Every write is one `BEGIN IMMEDIATE` transaction on the writer's thread, which is also the lock of every counter: other
//! processes on the same file wait for it. Reads run beside it, on what was committed when they began.

mod commit;
mod connection;
mod conversations;
mod log;
mod readers;
mod revise;
mod rows;
mod sql;
mod writer;

use std::path::PathBuf;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::readers::Readers;
use self::sql::{all, each, one, run, sql};
use self::writer::Writer;
use super::{ActivityCursor, Page, Range, Store, queries};
use crate::domain::command::{self, Change, Outcome, Revision};
use crate::domain::conversation::{Conversation, Member, NewConversation, View};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::session::{Caller, Session, Ticket};
use crate::domain::user::{Arrival, Company, Name, User, fold};
use crate::domain::{Code, ConversationId, Error, MessageId, Result, Seq, SessionId, TicketId, Timestamp, UserId};
use crate::limits;

/// Before everything that is sorted by [`ActivityCursor`].
const LATEST: ActivityCursor = (Timestamp(i64::MAX), ConversationId(Uuid::max()));
/// id
const ENDED_AT: &str = "SELECT ended_at FROM sessions WHERE id = ?1";
/// user, conversation
const HEAD_FOR: &str = "SELECT k.conversation_id, k.last_seq FROM members mb \
     JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = ?1 AND mb.conversation_id = ?2";
/// id, at
const TOUCH_USER: &str = "UPDATE users SET last_seen_at = max(coalesce(last_seen_at, ?2), ?2) WHERE id = ?1";

/// at, limit
const SWEEP_TICKETS: &str =
    "DELETE FROM tickets WHERE id IN (SELECT id FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

/// Durable truth in one file.
pub struct Sqlite {
    // Dropped in this order: the last connection to close folds the log into the database, and must be able to write.
    readers: Readers,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database at `path`, which is made if there is none, and migrates it.
    pub async fn open(path: &str) -> Result<Self> {
        let path = PathBuf::from(path);
        let readers = Readers::new(path.clone());
        let start = move || Writer::start(connection::writer(&path)?, &path);
        let writer = spawn_blocking(start).await.map_err(Error::internal)??;
        Ok(Self { readers, writer })
    }

    async fn read<T: Send + 'static>(&self, job: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        self.readers.run(job).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(job).await
    }
}

fn messages(db: &Connection, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
    let (sql, seq) = range.found_by(sql!(queries::MESSAGES_BEFORE), sql!(queries::MESSAGES_AFTER));
    // At its full length from the start: a vector that grows would move each message several times.
    let mut messages = Vec::with_capacity(limit.min(limits::PAGE_MAX + 1));
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params![id, seq, sql::rows(limit)])?;
    while let Some(row) = found.next()? {
        messages.push(rows::message(row)?);
    }
    Ok(range.in_order(messages))
}

fn receipts_of_others(db: &Connection, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
    let least = one(db, sql!(queries::RECEIPTS_OF_OTHERS), params![id, user_id], rows::pair)?;
    Ok(least.and_then(|(delivered, read): (Option<Seq>, Option<Seq>)| delivered.zip(read)))
}

#[async_trait]
impl Store for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn lanes(&self) -> usize {
        1
    }

    async fn ping(&self) -> Result<()> {
        self.writer.probe().await
    }

    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()> {
        let (user, password_hash) = (user.clone(), password_hash.to_owned());
        self.write(move |db| {
            let (username, name) = (user.username.as_str(), user.name.as_str());
            let row = params![user.id, username, fold(username), name, fold(name), password_hash, user.created_at];
            match run(db, sql!(queries::INSERT_USER), row)? {
                0 => Err(Error::new(Code::UsernameTaken, "Somebody has this username.")),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |db| one(db, sql!(queries::USER), params![id], rows::user)).await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        let key = username_key.to_owned();
        self.read(move |db| one(db, sql!(queries::CREDENTIALS), params![key], rows::credentials)).await
    }

    async fn password_hash(&self, id: UserId) -> Result<Option<String>> {
        self.read(move |db| one(db, sql!(queries::PASSWORD_HASH), params![id], rows::first)).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let prefix = prefix.unwrap_or_default().to_owned();
        let end = format!("{prefix}{}", queries::TEXT_END);
        let after = after.unwrap_or_default().to_owned();
        self.read(move |db| all(db, sql!(queries::USERS), params![after, prefix, end, sql::rows(limit)], rows::user))
            .await
    }

    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()> {
        let name = name.clone();
        self.write(move |db| {
            run(db, sql!(queries::RENAME_USER), params![id, name.as_str(), fold(name.as_str())])?;
            Ok(())
        })
        .await
    }

    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>> {
        let hash = hash.to_owned();
        self.write(move |db| {
            run(db, sql!(queries::SET_PASSWORD), params![id, hash])?;
            all(db, sql!(queries::END_OTHER_SESSIONS), params![id, keep, at], rows::first)
        })
        .await
    }

    async fn touch_users(&self, ids: &[UserId], at: Timestamp) -> Result<()> {
        let ids = ids.to_vec();
        self.write(move |db| {
            for id in ids {
                run(db, TOUCH_USER, params![id, at])?;
            }
            Ok(())
        })
        .await
    }

    async fn arrival(&self, caller: &Caller, to: Option<ConversationId>, limit: usize) -> Result<Option<Arrival>> {
        let Caller { user_id, session_id, .. } = *caller;
        self.read(move |db| {
            let arrival = one(db, sql!(queries::ARRIVAL), params![user_id], rows::arrival)?;
            let Some(mut arrival) = arrival else { return Ok(None) };
            arrival.session = one(db, sql!(queries::SESSION), params![session_id], rows::session)?;
            if let Some(id) = to
                && let Some((_, head)) = one(db, HEAD_FOR, params![user_id, id], rows::pair::<ConversationId, Seq>)?
            {
                let members = all(db, sql!(queries::MEMBER_IDS), params![id, sql::rows(limit)], rows::first)?;
                arrival.company = Some(Company { head, members });
            }
            Ok(Some(arrival))
        })
        .await
    }

    async fn membership_version(&self, id: UserId) -> Result<i64> {
        let version = self.read(move |db| one(db, sql!(queries::MEMBERSHIP_VERSION), params![id], rows::first)).await?;
        version.ok_or_else(|| Error::not_found("user"))
    }

    async fn membership_versions(&self, ids: &[UserId]) -> Result<Vec<(UserId, i64)>> {
        let ids = ids.to_vec();
        self.read(move |db| each(db, sql!(queries::MEMBERSHIP_VERSION), &ids)).await
    }

    async fn insert_session(&self, session: &Session) -> Result<()> {
        let Session { id, user_id, generation, created_at, rotated_at, expires_at, ended_at: _ } = *session;
        self.write(move |db| {
            let row = params![id, user_id, generation, created_at, rotated_at, expires_at];
            run(db, sql!(queries::INSERT_SESSION), row)?;
            Ok(())
        })
        .await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.read(move |db| one(db, sql!(queries::SESSION), params![id], rows::session)).await
    }

    async fn rotate_session(
        &self,
        id: SessionId,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        self.write(move |db| Ok(run(db, sql!(queries::ROTATE_SESSION), params![id, generation, at, expires_at])? > 0))
            .await
    }

    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        let ids = ids.to_vec();
        let known = self.read(move |db| each::<_, Option<i64>>(db, ENDED_AT, &ids)).await?;
        Ok(known.into_iter().filter(|(_, ended_at)| ended_at.is_none()).map(|(id, _)| id).collect())
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<()> {
        self.write(move |db| {
            run(db, sql!(queries::END_SESSION), params![id, at])?;
            Ok(())
        })
        .await
    }

    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool> {
        let Ticket { id, caller, expires_at } = ticket.clone();
        self.write(move |db| {
            run(db, SWEEP_TICKETS, params![at, limits::TICKETS_SWEPT])?;
            let row = params![id, caller.user_id, caller.session_id, caller.expires_at, expires_at, at, at_most];
            Ok(run(db, sql!(queries::INSERT_TICKET), row)? > 0)
        })
        .await
    }

    async fn take_ticket(&self, id: TicketId, at: Timestamp) -> Result<Option<Caller>> {
        self.write(move |db| one(db, sql!(queries::TAKE_TICKET), params![id, at], rows::caller)).await
    }

    async fn create_conversation(&self, new: &NewConversation) -> Result<(ConversationId, bool)> {
        let new = new.clone();
        self.write(move |db| conversations::create(db, &new)).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        self.read(move |db| one(db, sql!(queries::CONVERSATION), params![id], rows::conversation)).await
    }

    async fn view(&self, id: ConversationId, user_id: UserId) -> Result<Option<View>> {
        self.read(move |db| one(db, sql!(queries::VIEW), params![user_id, limits::UNREAD_MAX, id], rows::view)).await
    }

    async fn views(&self, user_id: UserId, after: Option<ActivityCursor>, limit: usize) -> Result<Vec<View>> {
        let (active_at, id) = after.unwrap_or(LATEST);
        self.read(move |db| {
            let params = params![user_id, limits::UNREAD_MAX, active_at, id, sql::rows(limit)];
            all(db, sql!(queries::VIEWS), params, rows::view)
        })
        .await
    }

    async fn heads(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, Seq)>> {
        self.read(move |db| all(db, sql!(queries::HEADS), params![user_id, sql::rows(limit)], rows::pair)).await
    }

    async fn head(&self, id: ConversationId) -> Result<Option<Seq>> {
        self.read(move |db| one(db, sql!(queries::HEAD), params![id], rows::first)).await
    }

    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let head = |id| one(db, HEAD_FOR, params![user_id, id], rows::pair);
            ids.into_iter().filter_map(|id| head(id).transpose()).collect()
        })
        .await
    }

    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>> {
        let ids = ids.to_vec();
        self.read(move |db| each(db, sql!(queries::HEAD), &ids)).await
    }

    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>> {
        self.write(move |db| conversations::delete(db, id, actor_id)).await
    }

    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |db| all(db, sql!(queries::MEMBERS), params![id, after, sql::rows(limit)], rows::member)).await
    }

    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>> {
        self.read(move |db| one(db, sql!(queries::MEMBER), params![id, user_id], rows::member)).await
    }

    async fn contacts(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>> {
        self.read(move |db| {
            let params = params![user_id, limits::INTIMATE_MEMBERS, sql::rows(limit)];
            all(db, sql!(queries::CONTACTS), params, rows::first)
        })
        .await
    }

    async fn intimate_conversations(&self, user_id: UserId, limit: usize) -> Result<Vec<ConversationId>> {
        self.read(move |db| {
            let params = params![user_id, limits::INTIMATE_MEMBERS, sql::rows(limit)];
            all(db, sql!(queries::INTIMATE_CONVERSATIONS), params, rows::first)
        })
        .await
    }

    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>> {
        self.read(move |db| {
            let standing = one(db, sql!(queries::STANDING), params![reader_id, id], rows::pair)?;
            let Some((last_seq, member_count)) = standing else { return Ok(None) };
            let messages = messages(db, id, range, limit)?;
            let mut page = Page { last_seq, member_count, messages, receipts: None };
            if page.tells_receipts(reader_id) {
                page.receipts = receipts_of_others(db, id, reader_id)?;
            }
            Ok(Some(page))
        })
        .await
    }

    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>> {
        self.read(move |db| messages(db, id, range, limit)).await
    }

    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>> {
        self.read(move |db| all(db, sql!(queries::EVENTS_AFTER), params![id, after, sql::rows(limit)], rows::event))
            .await
    }

    async fn message(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        self.read(move |db| one(db, sql!(queries::MESSAGE), params![id, message_id], rows::message)).await
    }

    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>> {
        self.read(move |db| receipts_of_others(db, id, user_id)).await
    }

    async fn commit(&self, _lane: usize, batch: &[command::Send]) -> Result<Vec<Result<Outcome>>> {
        let batch = batch.to_vec();
        self.write(move |db| commit::commit(db, &batch)).await
    }

    async fn revise(&self, _lane: usize, revision: &Revision) -> Result<Outcome> {
        let revision = revision.clone();
        self.write(move |db| revise::revise(db, &revision)).await
    }

    async fn change(&self, _lane: usize, change: &Change) -> Result<Outcome> {
        let change = change.clone();
        self.write(move |db| conversations::change(db, &change)).await
    }
}
