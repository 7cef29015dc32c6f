//! Bare database connections, with the settings of Chinwag's own connections.

use std::time::Duration;

use chinwag::domain::Seq;
use chinwag::limits;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use crate::committer::RowBuffer;

/// Parameters: id, conversation, seq, sender, content, timestamp.
const INSERT: &str =
    "INSERT INTO messages (id, conversation_id, seq, sender_id, content, timestamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const ADVANCE: &str = "UPDATE counters SET last_seq = ?2, active_at = ?3 WHERE conversation_id = ?1";

/// Parameters: the sender, and four arrays with an element for each message: conversations, seqs, ids, contents.
pub(crate) const UNNEST: &str = "INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp) \
     SELECT b.conversation_id, b.seq, b.id, $1, b.content, now() \
     FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::text[]) AS b (conversation_id, seq, id, content)";
/// Parameters: those of [`UNNEST`], and two arrays with an element for each conversation: conversations, heads. The statement is one
/// transaction.
const UNNEST_AND_ADVANCE: &str = "WITH inserted AS ( \
         INSERT INTO messages (conversation_id, seq, id, sender_id, content, timestamp) \
         SELECT b.conversation_id, b.seq, b.id, $1, b.content, now() \
         FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::text[]) AS b (conversation_id, seq, id, content) \
     ) \
     UPDATE counters k SET last_seq = h.last_seq, active_at = now() \
     FROM unnest($6::uuid[], $7::bigint[]) AS h (conversation_id, last_seq) WHERE k.conversation_id = h.conversation_id";

/// Longer than any transaction of a baseline.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A SQLite connection that writes.
pub(crate) struct Sqlite(pub(crate) Connection);

impl Sqlite {
    /// Opens a database that already has Chinwag's tables.
    pub(crate) fn open(path: &str) -> Result<Self, String> {
        let open = || {
            let db = Connection::open(path)?;
            db.busy_timeout(BUSY_TIMEOUT)?;
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "FULL")?;
            db.pragma_update(None, "wal_autocheckpoint", limits::SQLITE_WAL_PAGES)?;
            Ok(db)
        };
        open().map(Self).map_err(|error: rusqlite::Error| format!("{path}: {error}"))
    }

    /// Inserts the rows and advances the conversations' counters, in one transaction.
    pub(crate) fn commit(
        &mut self,
        sender: Uuid,
        rows: &RowBuffer,
        heads: impl Iterator<Item = (Uuid, Seq)>,
    ) -> Result<(), String> {
        self.try_commit(sender, rows, heads).map_err(|error| format!("SQLite: {error}"))
    }

    fn try_commit(
        &mut self,
        sender: Uuid,
        rows: &RowBuffer,
        heads: impl Iterator<Item = (Uuid, Seq)>,
    ) -> rusqlite::Result<()> {
        let now = chinwag::domain::Timestamp::now().0;
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut insert = transaction.prepare_cached(INSERT)?;
        for (row, content) in rows.contents().enumerate() {
            insert.execute(params![rows.ids[row], rows.conversations[row], rows.seqs[row], sender, content, now])?;
        }
        let mut advance = transaction.prepare_cached(ADVANCE)?;
        for (conversation, seq) in heads {
            advance.execute(params![conversation, seq, now])?;
        }
        drop((insert, advance));
        transaction.commit()
    }
}

/// A PostgreSQL connection.
pub(crate) struct Postgres {
    pub(crate) client: Client,
    insert: Statement,
    commit: Statement,
}

impl Postgres {
    /// Connects. The calling runtime drives the connection in a task.
    pub(crate) async fn connect(url: &str) -> Result<Self, String> {
        let connect = async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            client
                .batch_execute("SET synchronous_commit = on; SET jit = off; SET plan_cache_mode = force_generic_plan")
                .await?;
            let (insert, commit) = (client.prepare(UNNEST).await?, client.prepare(UNNEST_AND_ADVANCE).await?);
            Ok(Self { client, insert, commit })
        };
        connect.await.map_err(|error: tokio_postgres::Error| describe(&error))
    }

    /// Inserts the rows, in one transaction and one round trip.
    pub(crate) async fn insert(&self, sender: Uuid, rows: &RowBuffer) -> Result<(), String> {
        let contents: Vec<&str> = rows.contents().collect();
        let parameters: [&(dyn ToSql + Sync); 5] = [&sender, &rows.conversations, &rows.seqs, &rows.ids, &contents];
        self.client.execute(&self.insert, &parameters).await.map(drop).map_err(|error| describe(&error))
    }

    /// Inserts the rows and advances the conversations' counters, in one transaction and one round trip.
    pub(crate) async fn commit(&self, sender: Uuid, rows: &RowBuffer, heads: (&[Uuid], &[Seq])) -> Result<(), String> {
        let contents: Vec<&str> = rows.contents().collect();
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&sender, &rows.conversations, &rows.seqs, &rows.ids, &contents, &heads.0, &heads.1];
        self.client.execute(&self.commit, &parameters).await.map(drop).map_err(|error| describe(&error))
    }
}

/// Returns the error with the server's reason.
fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| format!("PostgreSQL: {error}"), |cause| format!("PostgreSQL: {error}: {cause}"))
}
