//! The store: durable truth. One seam, two adapters: [`postgres`] and [`sqlite`].
//!
//! What every adapter promises, and `tests/it/store.rs` holds both to:
//!
//! - What a method reports as done is on disk.
//! - [`Store::commit`] and [`Store::change`] lock the conversation's counter first and look afterwards, so that within a
//!   conversation everything is numbered 1, 2, 3 … in commit order whatever other processes do.
//! - A failure whose code is `unavailable` leaves the outcome unknown; the same call again is safe, because ids make it so.
//! - Ids, times and texts are the caller's; an adapter makes up nothing.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::command::{Change, Outcome, Revision, Send};
use crate::domain::conversation::{Conversation, Member, NewConversation, View};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::session::{Caller, Session, Ticket};
use crate::domain::user::{Arrival, Name, User};
use crate::domain::{ConversationId, MessageId, Result, Seq, SessionId, TicketId, Timestamp, UserId};
use crate::limits;

mod health;
mod migrations;
pub mod postgres;
mod queries;
pub mod sqlite;

pub use health::StoreHealth;

/// Which messages of a conversation; the numbers that were changes are missing among theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The newest.
    Newest,
    /// The newest of those before a number.
    Before(Seq),
    /// The oldest of those after a number.
    After(Seq),
}

impl Range {
    /// Which of two statements finds it, and the number to bind: the one that finds the newest `before` a number, newest first, or
    /// the one that finds the oldest `after` it.
    fn found_by(self, before: &'static str, after: &'static str) -> (&'static str, Seq) {
        match self {
            Self::Newest => (before, Seq::MAX),
            Self::Before(seq) => (before, seq),
            Self::After(seq) => (after, seq),
        }
    }

    /// What was found, oldest first.
    fn in_order(self, mut found: Vec<Message>) -> Vec<Message> {
        if !matches!(self, Self::After(_)) {
            found.reverse();
        }
        found
    }
}

/// Messages of a conversation, for somebody in it.
#[derive(Debug)]
pub struct Page {
    /// The conversation's newest number, read before the messages.
    pub last_seq: Seq,
    /// How many are in it.
    pub member_count: i64,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The least `(delivered_seq, read_seq)` of the other members, if the page [tells](Page::tells_receipts) them.
    pub receipts: Option<(Seq, Seq)>,
}

impl Page {
    /// Whether the reader hears how far the others have come: among few, of their own messages.
    pub fn tells_receipts(&self, reader_id: UserId) -> bool {
        let is_own = |message: &Message| message.sender_id == reader_id;
        self.member_count <= limits::INTIMATE_MEMBERS && self.messages.iter().any(is_own)
    }
}

/// Where a page of conversations goes on: after this one, in the order of latest activity.
pub type ActivityCursor = (Timestamp, ConversationId);

/// Durable truth.
#[async_trait]
pub trait Store: std::marker::Send + Sync {
    /// What it is, for the log and for health: `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// How many batches it can commit at a time. A conversation always uses the same lane.
    fn lanes(&self) -> usize;

    /// Whether it can serve now.
    async fn ping(&self) -> Result<()>;

    // ── Users and sessions ──────────────────────────────────────────────────────────────────────────────────

    /// Keeps a new user; `username_taken` if somebody has that name in any case.
    async fn insert_user(&self, user: &User, password_hash: &str) -> Result<()>;

    /// The user.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this folded username, and their password's hash.
    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>>;

    /// The hash of a user's password.
    async fn password_hash(&self, id: UserId) -> Result<Option<String>>;

    /// Users by username, of those after `after` (a folded username); with `prefix` (folded) only those whose username or
    /// name starts with it.
    async fn users(&self, prefix: Option<&str>, after: Option<&str>, limit: usize) -> Result<Vec<User>>;

    /// Changes what others see of a user.
    async fn rename_user(&self, id: UserId, name: &Name) -> Result<()>;

    /// Changes a user's password and, in the same transaction, ends all their live sessions but `keep`; returns those ended.
    async fn change_password(&self, id: UserId, hash: &str, keep: SessionId, at: Timestamp) -> Result<Vec<SessionId>>;

    /// Notes when these users were last seen; never backwards.
    async fn touch_users(&self, ids: &[UserId], at: Timestamp) -> Result<()>;

    /// What a user who connects is told, perhaps to one conversation, of whose members `limit` are named, in no order; nothing if
    /// there is no such user.
    async fn arrival(&self, caller: &Caller, to: Option<ConversationId>, limit: usize) -> Result<Option<Arrival>>;

    /// The number of the newest change to where a user belongs.
    async fn membership_version(&self, id: UserId) -> Result<i64>;

    /// The same for many users; those who do not exist are left out.
    async fn membership_versions(&self, ids: &[UserId]) -> Result<Vec<(UserId, i64)>>;

    /// Keeps a new session.
    async fn insert_session(&self, session: &Session) -> Result<()>;

    /// The session, ended or not.
    async fn session(&self, id: SessionId) -> Result<Option<Session>>;

    /// Makes the next refresh token the newest one, if `generation` is still the newest and the session is live. Says whether.
    async fn rotate_session(
        &self,
        id: SessionId,
        generation: i64,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool>;

    /// Those of these sessions that have not been ended.
    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>>;

    /// Ends a session, if it has not ended yet.
    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<()>;

    /// Keeps a ticket, unless its user has `at_most` that are neither used nor expired at `at`; says whether. Sweeps away some
    /// that have expired.
    async fn insert_ticket(&self, ticket: &Ticket, at: Timestamp, at_most: i64) -> Result<bool>;

    /// Takes a ticket away and says whose it was, unless it has expired at `at`. Of many who ask, on whichever node, one is
    /// told.
    async fn take_ticket(&self, id: TicketId, at: Timestamp) -> Result<Option<Caller>>;

    // ── Conversations and members ───────────────────────────────────────────────────────────────────────────

    /// Makes a conversation with its members, and raises their membership versions. A direct pair that exists is left alone.
    /// Returns the conversation's id and whether it is new; `invalid` (field `member_ids`) if one of them does not exist.
    async fn create_conversation(&self, new: &NewConversation) -> Result<(ConversationId, bool)>;

    /// The conversation, whoever asks.
    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>>;

    /// The conversation as this user sees it; `None` if they are not in it.
    async fn view(&self, id: ConversationId, user_id: UserId) -> Result<Option<View>>;

    /// The user's conversations, latest activity first, of those after `after`.
    async fn views(&self, user_id: UserId, after: Option<ActivityCursor>, limit: usize) -> Result<Vec<View>>;

    /// The user's conversations and the newest number in each, latest activity first.
    async fn heads(&self, user_id: UserId, limit: usize) -> Result<Vec<(ConversationId, Seq)>>;

    /// The newest number in a conversation, if there is one.
    async fn head(&self, id: ConversationId) -> Result<Option<Seq>>;

    /// The newest number in each of these conversations that the user is in.
    async fn heads_for(&self, user_id: UserId, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;

    /// The newest number in each of these conversations that exist.
    async fn heads_of(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Seq)>>;

    /// Deletes a conversation and all in it, and raises its members' membership versions; returns who they were.
    /// `not_found` if `actor` is not in it, `forbidden` if they do not own it.
    async fn delete_conversation(&self, id: ConversationId, actor_id: UserId) -> Result<Vec<UserId>>;

    /// The members by username, of those after `after` (a folded username).
    async fn members(&self, id: ConversationId, after: Option<&str>, limit: usize) -> Result<Vec<Member>>;

    /// One member.
    async fn member(&self, id: ConversationId, user_id: UserId) -> Result<Option<Member>>;

    /// With whom the user shares a conversation of at most [`crate::limits::INTIMATE_MEMBERS`]; without the user.
    async fn contacts(&self, user_id: UserId, limit: usize) -> Result<Vec<UserId>>;

    /// The user's conversations of at most [`crate::limits::INTIMATE_MEMBERS`].
    async fn intimate_conversations(&self, user_id: UserId, limit: usize) -> Result<Vec<ConversationId>>;

    // ── Messages ────────────────────────────────────────────────────────────────────────────────────────────

    /// Messages of a conversation as one of its members reads them; nothing if they are not in it.
    async fn page(&self, reader_id: UserId, id: ConversationId, range: Range, limit: usize) -> Result<Option<Page>>;

    /// Messages of a conversation, oldest first.
    async fn messages(&self, id: ConversationId, range: Range, limit: usize) -> Result<Vec<Message>>;

    /// What happened after a number, oldest first, without a hole: each message that was written and each change of one.
    async fn events(&self, id: ConversationId, after: Seq, limit: usize) -> Result<Vec<Event>>;

    /// One message.
    async fn message(&self, id: ConversationId, message_id: MessageId) -> Result<Option<Message>>;

    /// The least `(delivered_seq, read_seq)` of the other members; `None` if there are none.
    async fn receipts_of_others(&self, id: ConversationId, user_id: UserId) -> Result<Option<(Seq, Seq)>>;

    /// Commits a batch on a lane, in its order, in one transaction; one result for each, in the same order.
    ///
    /// Under the lock of its conversation's counter each send is looked up by its id (the same sender's is
    /// [`Outcome::Repeated`], another's is `id_taken`), its sender must be a member (else `not_found`) and what it replies to
    /// must be there (else `invalid`, field `reply_to`); then it is numbered, inserted, and the sender's own receipts advance.
    ///
    /// An error of the whole call means that nothing of it was committed or, if its code is `unavailable`, that this is not known.
    ///
    /// The caller sees to it that no id stands twice in a batch, and that none replies to another of the same batch.
    async fn commit(&self, lane: usize, batch: &[Send]) -> Result<Vec<Result<Outcome>>>;

    /// Commits a revision of a message on a lane, by the rules of [`crate::domain::revision`]. One that changes nothing is
    /// [`Outcome::Repeated`], and takes no number.
    async fn revise(&self, lane: usize, revision: &Revision) -> Result<Outcome>;

    /// Commits a change of members or name on a lane, by the rules of [`crate::domain::membership`].
    async fn change(&self, lane: usize, change: &Change) -> Result<Outcome>;
}

/// Opens the store that `url` names, and migrates it.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(sqlite::Sqlite::open(path.strip_prefix("//").unwrap_or(path)).await?),
        None => Arc::new(postgres::Postgres::open(url).await?),
    })
}
