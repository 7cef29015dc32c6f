//! The domain: the types of a chat and the rules of changing them.
//!
//! The domain knows no HTTP, SQL or JSON. Every value is valid, because its constructor checked it.

pub mod account;
pub mod block;
pub mod command;
pub mod conversation;
pub mod conversation_view;
pub mod emoji;
pub mod error;
pub mod event;
pub mod event_kind;
pub mod id;
mod log_counter;
pub mod mentions;
pub mod message;
pub mod message_search;
pub mod network;
pub mod notifications;
pub mod password;
pub mod payload;
pub mod pin;
pub mod quotas;
pub mod rate_limiter;
pub mod reactions;
pub mod receipt;
pub mod registration;
pub mod report;
pub mod rules;
pub mod saved;
pub mod search;
pub mod session;
pub mod shards;
pub mod time;
pub mod user;
mod visible;

pub use error::{Code, Error, FieldError, RefusedFields, Result};
pub use id::{ConnectionId, ConversationId, Incarnation, MessageId, ReportId, SessionId, TicketId, UserId};
pub use shards::Shards;
pub use time::Timestamp;
pub use visible::affects_surroundings;

/// The number of an event in its conversation: dense, from 1, in commit order.
///
/// It is signed because the integers of both databases are. 0 stands for "before the first".
pub type Seq = i64;
