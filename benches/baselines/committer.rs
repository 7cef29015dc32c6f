//! The bare numbered commit: the rows of a turn and their counters, in one transaction, into Chinwag's own tables.
//!
//! Nothing is looked up: neither whether an id is there already, nor who is a member, nor what a message answers; receipts stay.

use std::ops::Range;
use std::sync::Arc;

use chinwag::domain::conversation::{Kind, NewConversation, Title};
use chinwag::domain::{ConversationId, Seq, Timestamp, UserId};
use chinwag::store::{self, Store};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::frames::{self, IdText};
use crate::raw_sql::{Postgres, Sqlite};

/// A database, and the rows that wait for its next commit.
pub(crate) struct Commit {
    database: Database,
    runtime: Runtime,
    /// Makes what the rows refer to.
    store: Arc<dyn Store>,
    sender_id: UserId,
    rows: Rows,
}

enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Rows, column by column.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) conversations: Vec<Uuid>,
    pub(crate) seqs: Vec<Seq>,
    pub(crate) ids: Vec<Uuid>,
    texts: String,
    contents: Vec<Range<usize>>,
}

impl Rows {
    /// Appends a row.
    pub(crate) fn put(&mut self, conversation: Uuid, seq: Seq, id: Uuid, content: &str) {
        let start = self.texts.len();
        self.texts.push_str(content);
        self.conversations.push(conversation);
        self.seqs.push(seq);
        self.ids.push(id);
        self.contents.push(start..self.texts.len());
    }

    /// Their contents, in order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &str> {
        self.contents.iter().map(|range| &self.texts[range.clone()])
    }

    /// Drops all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.conversations.clear();
        self.seqs.clear();
        self.ids.clear();
        self.texts.clear();
        self.contents.clear();
    }
}

impl Commit {
    /// Opens `sqlite:FILE` or `postgres://…`; the tables are made as Chinwag makes them.
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let mut user = frames::user();
        user.username = chinwag::domain::user::Username::stored(format!("probe-{}", user.id));
        let sender_id = user.id;
        let store = runtime.block_on(async {
            let store = store::open(url).await?;
            store.insert_user(&user, "no password").await?;
            Ok::<_, chinwag::domain::Error>(store)
        });
        let store = store.map_err(|error| error.to_string())?;
        let database = match url.strip_prefix("sqlite:") {
            Some(path) => Database::Sqlite(Sqlite::open(path)?),
            None => Database::Postgres(runtime.block_on(Postgres::connect(url))?),
        };
        Ok(Self { database, runtime, store, sender_id, rows: Rows::default() })
    }

    /// Makes a conversation, unless it is there; returns the newest number in it.
    pub(crate) fn open_room(&mut self, id: ConversationId) -> Result<Seq, String> {
        let new = NewConversation {
            id,
            kind: Kind::Group,
            name: Some(Title::stored("Probe".to_owned())),
            creator_id: self.sender_id,
            created_at: Timestamp::now(),
            other_ids: Vec::new(),
        };
        let head = self.runtime.block_on(async {
            self.store.create_conversation(&new).await?;
            self.store.head(id).await
        });
        head.map(|head| head.unwrap_or(0)).map_err(|error| error.to_string())
    }

    /// Keeps a row for the next commit.
    pub(crate) fn put(&mut self, id: ConversationId, seq: Seq, message: &IdText, content: &[u8]) -> Result<(), String> {
        let message = Uuid::try_parse_ascii(message).map_err(|error| error.to_string())?;
        let content = std::str::from_utf8(content).map_err(|error| error.to_string())?;
        self.rows.put(id.0, seq, message, content);
        Ok(())
    }

    /// Commits all rows, and the newest number of each conversation.
    pub(crate) fn commit(&mut self, heads: impl Iterator<Item = (ConversationId, Seq)>) -> Result<(), String> {
        let heads = heads.map(|(id, seq)| (id.0, seq));
        match &mut self.database {
            Database::Sqlite(sqlite) => sqlite.commit(self.sender_id.0, &self.rows, heads)?,
            Database::Postgres(postgres) => {
                let (conversations, seqs): (Vec<Uuid>, Vec<Seq>) = heads.unzip();
                let counters = (&conversations[..], &seqs[..]);
                self.runtime.block_on(postgres.commit(self.sender_id.0, &self.rows, counters))?;
            }
        }
        self.rows.clear();
        Ok(())
    }
}
