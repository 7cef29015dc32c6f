//! The store: the durable data. One port, split by noun, and two adapters: [`postgres`] and [`sqlite`].
//!
//! | for | this folder: the promises | `queries/` | `postgres/` and `sqlite/` |
//! |---|---|---|---|
//! | users, user settings, accounts, blocks, deletions, registration, reports, sessions, known networks, tickets, contacts, conversations, heads, members, member settings, messages, the search for messages, pins, reactions, receipts, saved messages, leftovers | `<noun>.rs`, a trait | `<noun>.rs`, the SQL that both databases understand and its lists of columns | `<noun>.rs`, the trait's methods, the readers of those columns, and SQL of the adapter's own |
//! | searches for users | `user_search.rs`, a function that calls the methods of `users.rs` | | |
//! | nodes | `nodes.rs`, a trait | | `nodes.rs` in `postgres/`, because SQLite has one server at a time |
//! | names of deleted users | `deleted_names.rs`, a function that calls a method of `deletions.rs` | | |
//! | numbered writes | `numbered_writes.rs` | with the noun whose table they write | `numbered_writes.rs` and the files that it names |
//!
//! Every adapter makes these promises, and `tests/it/store` tests both adapters for them:
//!
//! - A write that a method reports as done is on disk.
//! - [`NumberedWrites::commit`] and [`NumberedWrites::apply`] lock the conversation's counter before they read anything, so that the events of a
//!   conversation are numbered 1, 2, 3 … in commit order, whatever other processes do.
//! - A failure whose code is `unavailable` leaves the outcome unknown. The caller can safely repeat the call, because writes are
//!   idempotent by their ids.
//! - Ids, times and texts come from the caller. An adapter generates none.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::Result;

mod accounts;
mod blocks;
mod checks;
mod contacts;
mod conversations;
mod copied_tables;
mod copy;
mod deleted_names;
mod deletions;
mod distribution;
mod files;
mod heads;
mod health;
mod history;
mod known_networks;
mod leftovers;
mod member_settings;
mod members;
mod message_search;
mod messages;
mod migrations;
mod nodes;
mod numbered_writes;
mod pins;
pub mod postgres;
mod queries;
mod reactions;
mod receipts;
mod registration;
mod reports;
mod saved;
mod sessions;
mod snapshot;
pub mod sqlite;
mod table_rows;
mod tickets;
mod trusted_roots;
mod user_search;
mod user_settings;
mod users;

pub use accounts::Accounts;
pub use blocks::Blocks;
pub use checks::{Check, Fault, checks};
pub use contacts::Contacts;
pub use conversations::{ActivityCursor, Conversations};
pub use copied_tables::{COPIED_TABLES, ColumnKind, CopiedTable, UNCOPIED_TABLES};
pub use copy::{CopyStep, copy};
pub use deleted_names::hide_deleted_names;
pub use deletions::Deletions;
pub use distribution::{distribute, distribution_script};
pub use files::{backup, lock, restore};
pub use heads::Heads;
pub use health::StoreHealth;
pub use history::{Generation, History, HistoryGate, Mismatch};
pub use known_networks::KnownNetworks;
pub use leftovers::{Leftovers, LeftoversCursor, MentionPlace, MessagePlace, SavedPlace};
pub use member_settings::MemberSettings;
pub use members::Members;
pub use message_search::{MessageSearch, searched_version};
pub use messages::{Messages, Page, Range};
pub use nodes::{ClusterIdentity, Nodes, Renewal};
pub use numbered_writes::NumberedWrites;
pub use pins::Pins;
pub use reactions::{EmojiAndUser, Reactions};
pub use receipts::{MemberId, MemberUpdate, Receipts};
pub use registration::Registration;
pub use reports::Reports;
pub use saved::Saved;
pub use sessions::Sessions;
pub use snapshot::Snapshot;
pub use tickets::Tickets;
pub use trusted_roots::trusted_roots;
pub use user_search::{UserPage, search_users};
pub use user_settings::UserSettings;
pub use users::Users;

/// The durable data. A `dyn Store` has the methods of all nouns.
#[async_trait]
pub trait Store:
    Users
    + UserSettings
    + Accounts
    + Blocks
    + Deletions
    + Registration
    + Reports
    + Sessions
    + KnownNetworks
    + Tickets
    + Contacts
    + Conversations
    + Heads
    + Members
    + MemberSettings
    + MessageSearch
    + Messages
    + Pins
    + Reactions
    + Receipts
    + Leftovers
    + Saved
    + NumberedWrites
{
    /// The adapter's name, for the log and for health: `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// The number of batches that the store can commit at a time. A conversation always uses the same lane.
    fn lanes(&self) -> usize;

    /// Returns true if the sessions and tickets of a user are on one of several servers. Refresh tokens and tickets name their user then.
    fn is_distributed(&self) -> bool;

    /// The gate that the store closes when its database turns out to have another history. `None` if it never does.
    fn history_gate(&self) -> Option<Arc<HistoryGate>>;

    /// Returns the nodes that share the store, or none if a single process uses it.
    fn nodes(&self) -> Option<&dyn Nodes>;

    /// Fails if the store cannot serve now.
    async fn ping(&self) -> Result<()>;
}

/// The work that opening a store may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// Creates the database if it does not exist, and migrates its schema.
    Migrate,
    /// Fails unless the database exists and has this binary's schema, or a newer one on which this binary can run.
    Existing,
}

/// Opens the store at `url`, creates it if it does not exist, and migrates its schema.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    open_with(url, Opening::Migrate).await
}

/// Opens the store at `url` for a command that works beside a server. Fails unless a server of this version has created and migrated it.
pub async fn open_existing(url: &str) -> Result<Arc<dyn Store>> {
    open_with(url, Opening::Existing).await
}

async fn open_with(url: &str, opening: Opening) -> Result<Arc<dyn Store>> {
    Ok(match sqlite_path(url) {
        Some(path) => Arc::new(sqlite::Sqlite::open_with(path, opening).await?),
        None => Arc::new(postgres::Postgres::open_with(url, opening).await?),
    })
}

/// Returns the path of the SQLite database at `url`, or none for PostgreSQL.
fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path))
}
