//! The frames that the server sends over WebSocket. Those of clients are in [`client_frame`](super::client_frame).

mod connection;
mod encoding;
mod events;
mod state;

pub use connection::{draining, error, heartbeat, hello, pong, reply, resumed};
pub use events::{
    EventDetails, MemberDetails, conversation_lifecycle, conversation_removed, duplicate, event, write_event,
};
pub use state::{conversation_state, presence_diff, presence_state, receipts, saved, settings_updated, typing};
