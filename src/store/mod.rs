//! The store: durable truth. One port, split by noun, and two adapters: [`postgres`] and [`sqlite`].
//!
//! | for | here: the promises | `queries/` | `postgres/` and `sqlite/` |
//! |---|---|---|---|
//! | users, sessions, tickets, conversations, heads, members, messages | `<noun>.rs`, a trait | `<noun>.rs`, the SQL that both understand and its lists of columns | `<noun>.rs`, the trait's methods, the readers of those columns, and SQL of the adapter's own |
//! | numbered writes | `commands.rs` | with the noun whose table they write | `commands.rs` and the files that it names |
//!
//! Every adapter promises, and `tests/it/store` holds both to it:
//!
//! - A write that a method reports as done is on disk.
//! - [`Commands::commit`] and [`Commands::apply`] lock the conversation's counter first and look afterwards, so that within a
//!   conversation everything is numbered 1, 2, 3 … in commit order whatever other processes do.
//! - A failure whose code is `unavailable` leaves the outcome unknown; the same call again is safe, because ids make it so.
//! - Ids, times and texts are the caller's; an adapter makes up nothing.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::Result;

mod commands;
mod conversations;
mod heads;
mod health;
mod members;
mod messages;
mod migrations;
pub mod postgres;
mod queries;
mod sessions;
pub mod sqlite;
mod tickets;
mod users;

pub use commands::Commands;
pub use conversations::{ActivityCursor, Conversations};
pub use heads::Heads;
pub use health::StoreHealth;
pub use members::Members;
pub use messages::{Messages, Page, Range};
pub use sessions::Sessions;
pub use tickets::Tickets;
pub use users::Users;

/// Durable truth. A `dyn Store` has the methods of all nouns.
#[async_trait]
pub trait Store: Users + Sessions + Tickets + Conversations + Heads + Members + Messages + Commands {
    /// The adapter's name, for the log and for health: `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// The number of batches that it can commit at a time. A conversation always uses the same lane.
    fn lanes(&self) -> usize;

    /// Fails if the store cannot serve now.
    async fn ping(&self) -> Result<()>;
}

/// Opens the store that `url` names, and migrates it.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(sqlite::Sqlite::open(path.strip_prefix("//").unwrap_or(path)).await?),
        None => Arc::new(postgres::Postgres::open(url).await?),
    })
}
