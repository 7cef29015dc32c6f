//! The embedded store: one SQLite file, one thread that writes, a few connections that read.
//!
//! Every write is one `BEGIN IMMEDIATE` transaction on the writer's thread. The transaction is also the lock of every counter, because
//! another process on the same file, such as an operator's command, waits for it. Only one of them is a server: see [`lock`]. Reads run beside it. They see the state that was committed when they began.

mod accounts;
mod apply;
pub(super) mod backup;
mod blocks;
mod commit;
mod connection;
mod contacts;
mod conversations;
mod deletions;
mod files;
mod heads;
mod known_networks;
mod leftovers;
pub(super) mod lock;
mod member_settings;
mod members;
mod mentions;
mod message_index;
mod message_scan;
mod message_search;
mod messages;
mod numbered_writes;
mod pins;
mod quotes;
mod reactions;
mod readers;
mod receipts;
mod registration;
mod reports;
mod rows;
mod saved;
mod search_moment;
mod sessions;
pub(super) mod snapshot;
mod sql;
mod tickets;
mod types;
mod user_settings;
mod users;
mod wal;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction};
use tokio::task::spawn_blocking;

use self::readers::Readers;
use self::writer::Writer;
use super::{HistoryGate, Nodes, Opening, Store};
use crate::domain::{Error, Result};

/// The store in one SQLite file.
pub struct Sqlite {
    // Dropped in this order: the last connection that closes moves the log into the database, and it must be able to write.
    readers: Readers,
    writer: Writer,
}

impl Sqlite {
    /// Opens the database at `path`, or creates it, and migrates its schema.
    pub async fn open(path: &str) -> Result<Self> {
        Self::open_with(path, Opening::Migrate).await
    }

    /// Opens the database at `path`, and migrates or checks its schema.
    pub(super) async fn open_with(path: &str, opening: Opening) -> Result<Self> {
        let path = PathBuf::from(path);
        let readers = Readers::new(path.clone());
        let start = move || Writer::start(connection::writer(&path, opening)?, &path);
        let writer = spawn_blocking(start).await.map_err(Error::internal)??;
        Ok(Self { readers, writer })
    }

    /// Runs `job` on a connection that reads.
    async fn read<T: Send + 'static>(&self, job: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        self.readers.run(|db| job(db)).await
    }

    /// Runs a batch of the journal in a transaction on the writer's thread.
    async fn write_batch<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run_batch(job).await
    }

    /// Runs `job` in a transaction on the writer's thread.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(job).await
    }
}

#[async_trait]
impl Store for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn lanes(&self) -> usize {
        1
    }

    fn is_distributed(&self) -> bool {
        false
    }

    fn history_gate(&self) -> Option<Arc<HistoryGate>> {
        // The file has one history while this process uses it: a restore takes its lock.
        None
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    async fn ping(&self) -> Result<()> {
        self.writer.probe().await
    }
}
