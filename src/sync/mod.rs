//! Sync: keeps connections and this node in step with the store, users informed of each other's presence, receipts written, and the words by
//! which users and messages are found in step with them, and the nodes known to each other.

mod catch_up;
mod conversation_pages;
mod ended_sessions;
mod leases;
mod message_index;
mod own_devices;
mod presence;
mod receipts;
mod reconcile;
mod removals;
mod replaced_history;
mod subscriptions;
mod sweeper;
mod unheard_nodes;
mod user_permits;
pub mod user_words;

pub use catch_up::{small_conversation_probe, wait_for_capacity};
pub use conversation_pages::ConversationPages;
pub use ended_sessions::EndedSessionsPoll;
pub use leases::LeaseKeeper;
pub use message_index::{IndexQueue, IndexWorker, QueueingBus};
pub use own_devices::publish_to_own_devices;
pub use presence::{Departure, Presence, Worker as PresenceWorker};
pub use receipts::{ClientReceipt, ReceiptQueue, Worker as ReceiptsWorker};
pub use reconcile::Reconciler;
pub use removals::RemovalsPoll;
pub use replaced_history::close_on_replaced_history;
pub use subscriptions::Subscriptions;
pub use sweeper::{SweeperWake, run_sweeper};
pub use user_permits::{UserPermit, UserPermits};
