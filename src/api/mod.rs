//! The operations table and its dispatcher, which both transports use.

mod access_log;
mod dispatch;
mod guard;
mod operation;
mod operations;
mod refusal_log;

pub use access_log::{AnsweredCall, log_call};
pub use dispatch::{Call, CallAuth, ChargedAnswer, authenticate, authorize, dispatch};
pub use guard::catch_panic;
pub use operation::{Access, Body, BoxFuture, Operation, OperationKind, Transports, cost};
pub use operations::OPERATIONS;
pub use refusal_log::RefusalLog;

/// Returns the operation with a name.
pub fn operation(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}
