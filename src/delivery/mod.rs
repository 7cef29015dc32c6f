//! Delivery: encodes events once, brings them to this node's connections, and reads from the store what is missing.

mod encode;
mod envelopes;
mod event_details;
mod gap_repair;
mod local_inbox;
mod supervised;

pub use encode::encode;
pub use envelopes::{envelope_of, is_plain};
pub use event_details::event_details;
pub use gap_repair::{GapRepair, RepairQueue, Repairs};
pub use local_inbox::{ForgetSessions, LocalInbox, MembersChanged};
pub use supervised::supervised;
