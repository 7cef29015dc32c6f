//! The parts that both transports share: state, client addresses, connection limits, responses.

mod app_state;
mod bearer;
mod client_address;
mod client_socket;
mod connection_limits;
mod origins;
mod query;
mod response;
mod unsent;
mod upgrade;

pub use app_state::AppState;
pub use bearer::bearer;
pub use client_address::{client_address, is_trusted, network};
pub use client_socket::ClientSocket;
pub use connection_limits::{ConnectionLimits, CountedPermit, SocketPermit};
pub use origins::Origins;
pub use query::{Query, decode};
pub use response::{Response, empty, with_body};
pub use unsent::{bound_unsent_bytes, unbound_unsent_bytes};
pub use upgrade::UpgradeRequest;
