//! The promises of every store: one specification, which both adapters fulfil.
//!
//! A specification is an `async fn` that takes a [`Fixture`]: a store on a database of its own. `conformance!` creates a test for
//! each adapter from it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::conversation::{ConversationKind, CreatedConversation, GroupName, NewConversation, Role};
use chinwag::domain::message::{Content, Message};
use chinwag::domain::session::Session;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Code, ConversationId, Error, MessageId, Result, Seq, Timestamp, UserId};
use chinwag::store::{self, Range, Store};
use tempfile::TempDir;

use crate::support;
use crate::support::citus::Citus;
use shims::{ApplyOne, Change, Send};

/// Creates a test for each adapter from each specification.
macro_rules! conformance {
    ($($specification:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification(&super::super::Fixture::sqlite().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification(&super::super::Fixture::postgres().await).await;
            })*
        }
    };
}

/// Creates a third test from each specification, for PostgreSQL with the statements for a distributed database; but not from those (`plain`) of what is documented
/// to be different there.
macro_rules! distributed_conformance {
    ($($specification:ident),* $(,)? $(; plain: $($plain:ident),* $(,)?)?) => {
        conformance!($($specification,)* $($($plain,)*)?);

        mod distributed {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification(&super::super::Fixture::distributed().await).await;
            })*
        }
    };
}

mod accounts;
mod apply;
mod blocks;
mod changes;
mod commit;
mod contacts;
mod conversations;
mod deleted_conversations;
mod deletions;
mod known_networks;
mod last_seen;
mod leftovers;
mod members;
mod mentions;
mod message_search;
mod messages;
mod nodes;
mod opening;
mod pins;
mod quotes;
mod reactions;
mod receipts;
mod registration;
mod reports;
mod revisions;
mod saved;
mod sessions;
pub(crate) mod shims;
mod sqlite_wal;
mod tickets;
mod user_search_rows;
mod user_words;
mod users;

/// A store on a database of its own.
struct Fixture {
    store: Arc<dyn Store>,
    url: String,
    _folder: Option<TempDir>,
    clock: AtomicI64,
    _citus: Option<Citus>,
}

impl Deref for Fixture {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl Fixture {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("chinwag.db").display());
        Self::open(url, Some(folder)).await
    }

    async fn postgres() -> Self {
        Self::open(support::postgres::migrated_database().await, None).await
    }

    /// PostgreSQL on which each write is one of a single conversation or user: a real Citus, or else one that counts as such.
    async fn distributed() -> Self {
        if let Some(citus) = Citus::alone().await {
            let url = citus.url.clone();
            return Self { _citus: Some(citus), ..Self::open(url, None).await };
        }
        let fixture = Self::open(support::citus::distributed_database().await, None).await;
        assert!(fixture.is_distributed());
        fixture
    }

    async fn open(url: String, folder: Option<TempDir>) -> Self {
        let store = store::open(&url).await.unwrap();
        Self { store, url, _folder: folder, clock: AtomicI64::new(1_700_000_000_000_000), _citus: None }
    }

    /// Opens another adapter on the same database, as another process does.
    async fn another(&self) -> Arc<dyn Store> {
        store::open(&self.url).await.unwrap()
    }

    /// Returns the number that a statement selects, beside the store.
    async fn count(&self, sql: &str) -> i64 {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => rusqlite::Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap(),
            None => support::postgres::connect(&self.url).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }

    /// Sweeps a deleted user to the end.
    async fn sweep(&self, user_id: UserId) {
        while self.sweep_user(user_id, 9).await.unwrap() {}
    }

    /// Returns a time later than all before, with all the digits that a store must keep.
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.fetch_add(1_000_001, Ordering::Relaxed))
    }

    /// Inserts a user whose name is the username.
    async fn register(&self, username: &str) -> UserId {
        let user = self.new_user(username, username);
        self.insert_user(&user, "hash").await.unwrap();
        user.id
    }

    fn new_user(&self, username: &str, name: &str) -> User {
        User {
            id: UserId::new(),
            username: Username::parse(username).unwrap(),
            name: Name::parse(name).unwrap(),
            created_at: self.now(),
            last_seen_at: None,
        }
    }

    /// Inserts a session that lasts an hour of the fixture's clock.
    async fn login(&self, user_id: UserId) -> Session {
        let now = self.now();
        let session = Session::new(user_id, now, Timestamp(now.0 + 3_600_000_000));
        self.insert_session(&session).await.unwrap();
        session
    }

    fn new_group(&self, name: &str, creator_id: UserId, other_ids: &[UserId]) -> NewConversation {
        NewConversation {
            id: ConversationId::new(),
            kind: ConversationKind::Group,
            name: Some(GroupName::parse(name).unwrap()),
            creator_id,
            created_at: self.now(),
            other_ids: other_ids.to_vec(),
            has_quotas: false,
        }
    }

    fn new_direct(&self, creator_id: UserId, other_id: UserId) -> NewConversation {
        NewConversation { kind: ConversationKind::Direct, name: None, ..self.new_group("x", creator_id, &[other_id]) }
    }

    async fn group(&self, name: &str, creator_id: UserId, other_ids: &[UserId]) -> ConversationId {
        let new = self.new_group(name, creator_id, other_ids);
        assert_eq!(self.create_conversation(&new).await, Ok(created(new.id, true)));
        new.id
    }

    async fn direct(&self, creator_id: UserId, other_id: UserId) -> ConversationId {
        self.create_conversation(&self.new_direct(creator_id, other_id)).await.unwrap().id
    }

    fn send_of(&self, conversation_id: ConversationId, sender_id: UserId, text: &str) -> Send {
        Send {
            conversation_id,
            id: MessageId::new(),
            sender_id,
            content: Content::parse(text.to_owned()).unwrap(),
            reply_to: None,
            timestamp: self.now(),
        }
    }

    /// Commits one new message.
    async fn send(&self, conversation_id: ConversationId, sender_id: UserId, text: &str) -> Message {
        fresh(self.commit_one(&self.send_of(conversation_id, sender_id, text)).await)
    }

    /// Commits one send alone.
    async fn commit_one(&self, send: &Send) -> Result<Outcome> {
        commit_one(&*self.store, send).await
    }

    fn change_of(&self, conversation_id: ConversationId, actor_id: UserId, action: Action) -> Change {
        Change { conversation_id, id: MessageId::new(), actor_id, action, timestamp: self.now() }
    }

    /// Commits a change with a new id.
    async fn alter(&self, conversation_id: ConversationId, actor_id: UserId, action: Action) -> Result<Outcome> {
        let change = self.change_of(conversation_id, actor_id, action);
        self.store.change(lane(&*self.store, conversation_id), &change).await
    }

    async fn add(&self, conversation_id: ConversationId, actor_id: UserId, user_id: UserId, role: Role) -> Message {
        fresh(self.alter(conversation_id, actor_id, Action::AddMember { user_id, role }).await)
    }

    async fn remove(&self, conversation_id: ConversationId, actor_id: UserId, user_id: UserId) -> Message {
        fresh(self.alter(conversation_id, actor_id, Action::RemoveMember { user_id }).await)
    }

    /// Returns all messages of a conversation, oldest first.
    async fn all(&self, conversation_id: ConversationId) -> Vec<Message> {
        self.messages(conversation_id, Range::After(0), 100_000).await.unwrap()
    }

    /// Returns both receipts of a member.
    async fn receipts(&self, conversation_id: ConversationId, user_id: UserId) -> (Seq, Seq) {
        let member = self.member(conversation_id, user_id).await.unwrap().unwrap();
        (member.delivered_seq, member.read_seq)
    }
}

/// The result of a creation in which nobody refused.
pub(crate) fn created(id: ConversationId, is_new: bool) -> CreatedConversation {
    CreatedConversation { id, is_new, not_added: Vec::new() }
}

/// Returns the lane of a conversation, which is always the same.
fn lane(store: &dyn Store, conversation_id: ConversationId) -> usize {
    let low = u64::try_from(conversation_id.0.as_u128() & u128::from(u64::MAX)).unwrap();
    usize::try_from(low % u64::try_from(store.lanes()).unwrap()).unwrap()
}

async fn commit_one(store: &dyn Store, send: &Send) -> Result<Outcome> {
    let lane = lane(store, send.conversation_id);
    let mut outcomes = store.commit(lane, Arc::new([send.clone()])).await?;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

#[track_caller]
fn fresh(outcome: Result<Outcome>) -> Message {
    match outcome {
        Ok(Outcome::Committed(event)) => event.message.expect("a message"),
        other => panic!("expected a fresh message, not {other:?}"),
    }
}

#[track_caller]
fn repeated(outcome: Result<Outcome>) -> Message {
    match outcome {
        Ok(Outcome::Duplicate(message)) => message,
        other => panic!("expected a repeated message, not {other:?}"),
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code
}

/// Returns the field that an `invalid` names.
#[track_caller]
fn refused_field<T: std::fmt::Debug>(result: Result<T>) -> String {
    let Error { code, fields, .. } = result.unwrap_err();
    assert_eq!(code, Code::Invalid);
    assert_eq!(fields.len(), 1, "{fields:?}");
    fields[0].field.to_string()
}

fn seqs(messages: &[Message]) -> Vec<Seq> {
    messages.iter().map(|message| message.seq).collect()
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}
