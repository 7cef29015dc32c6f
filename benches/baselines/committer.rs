//! A bare commit: inserts message rows into Chinwag's own tables and advances the counters, in one transaction.
//!
//! It does no look-ups: no ids, no memberships, no replies. It writes no receipts.

use std::ops::Range;
use std::sync::Arc;

use chinwag::domain::conversation::{ConversationKind, GroupName, NewConversation};
use chinwag::domain::{ConversationId, Seq, Timestamp, UserId};
use chinwag::store::{self, Store};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::frames::{self, IdText};
use crate::raw_sql::{Postgres, Sqlite};

/// A database connection, and the rows of its next commit.
pub(crate) struct Committer {
    connection: Connection,
    runtime: Runtime,
    /// Inserts the user and the conversations that the rows refer to.
    store: Arc<dyn Store>,
    sender_id: UserId,
    rows: RowBuffer,
}

enum Connection {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Message rows, column by column.
#[derive(Default)]
pub(crate) struct RowBuffer {
    pub(crate) conversations: Vec<Uuid>,
    pub(crate) seqs: Vec<Seq>,
    pub(crate) ids: Vec<Uuid>,
    texts: String,
    contents: Vec<Range<usize>>,
}

impl RowBuffer {
    pub(crate) fn push(&mut self, conversation: Uuid, seq: Seq, id: Uuid, content: &str) {
        let start = self.texts.len();
        self.texts.push_str(content);
        self.conversations.push(conversation);
        self.seqs.push(seq);
        self.ids.push(id);
        self.contents.push(start..self.texts.len());
    }

    /// Returns the contents of the rows, in order.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &str> {
        self.contents.iter().map(|range| &self.texts[range.clone()])
    }

    /// Removes all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.conversations.clear();
        self.seqs.clear();
        self.ids.clear();
        self.texts.clear();
        self.contents.clear();
    }
}

impl Committer {
    /// Opens `sqlite:FILE` or `postgres://…`, and migrates it to Chinwag's tables.
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let mut user = frames::user();
        user.username = chinwag::domain::user::Username::from_trusted(format!("probe-{}", user.id));
        let sender_id = user.id;
        let store = runtime.block_on(async {
            let store = store::open(url).await?;
            store.insert_user(&user, "no password").await?;
            Ok::<_, chinwag::domain::Error>(store)
        });
        let store = store.map_err(|error| error.to_string())?;
        let connection = match url.strip_prefix("sqlite:") {
            Some(path) => Connection::Sqlite(Sqlite::open(path)?),
            None => Connection::Postgres(runtime.block_on(Postgres::connect(url))?),
        };
        Ok(Self { connection, runtime, store, sender_id, rows: RowBuffer::default() })
    }

    /// Creates a conversation unless it exists. Returns its newest sequence number.
    pub(crate) fn open_conversation(&mut self, id: ConversationId) -> Result<Seq, String> {
        let new = NewConversation {
            id,
            kind: ConversationKind::Group,
            name: Some(GroupName::from_trusted("Probe".to_owned())),
            creator_id: self.sender_id,
            created_at: Timestamp::now(),
            other_ids: Vec::new(),
            has_quotas: false,
        };
        let head = self.runtime.block_on(async {
            self.store.create_conversation(&new).await?;
            self.store.head(id).await
        });
        head.map(|head| head.unwrap_or(0)).map_err(|error| error.to_string())
    }

    /// Adds a row to the next commit.
    pub(crate) fn push(
        &mut self,
        id: ConversationId,
        seq: Seq,
        message: &IdText,
        content: &[u8],
    ) -> Result<(), String> {
        let message = Uuid::try_parse_ascii(message).map_err(|error| error.to_string())?;
        let content = std::str::from_utf8(content).map_err(|error| error.to_string())?;
        self.rows.push(id.0, seq, message, content);
        Ok(())
    }

    /// Commits all rows, and the newest sequence number of each conversation.
    pub(crate) fn commit(&mut self, heads: impl Iterator<Item = (ConversationId, Seq)>) -> Result<(), String> {
        let heads = heads.map(|(id, seq)| (id.0, seq));
        match &mut self.connection {
            Connection::Sqlite(sqlite) => sqlite.commit(self.sender_id.0, &self.rows, heads)?,
            Connection::Postgres(postgres) => {
                let (conversations, seqs): (Vec<Uuid>, Vec<Seq>) = heads.unzip();
                let counters = (&conversations[..], &seqs[..]);
                self.runtime.block_on(postgres.commit(self.sender_id.0, &self.rows, counters))?;
            }
        }
        self.rows.clear();
        Ok(())
    }
}
