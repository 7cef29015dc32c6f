//! The operations table and its dispatcher: every operation once, for both transports.

mod dispatch;
mod guard;
mod operation;
mod operations;

pub use dispatch::{Call, Credentials, authorize, dispatch};
pub use guard::{catch_panic, log_request};
pub use operation::{Access, Body, BoxFuture, Operation, Run, Transports, cost};
pub use operations::OPERATIONS;

/// The operation of a name that a client can call over WebSocket. `None` if there is none of this name.
pub fn operation(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}
