//! Delivery: encodes events once, delivers them to this node's connections, and reads missing events from the store.

mod encode;
mod envelopes;
mod event_details;
mod gap_repair;
mod local_inbox;
mod repair_queue;
mod supervised;

pub use encode::encode;
pub use envelopes::{can_share_envelope, envelope_of};
pub use event_details::event_details;
pub use gap_repair::GapRepair;
pub use local_inbox::{InvalidateSessions, LocalInbox, PresenceChanges};
pub use repair_queue::{Failed, RepairQueue, Requests};
pub use supervised::supervised;
