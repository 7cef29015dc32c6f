//! Supervised tasks: a panic ends the process.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Runs a task that delivers events, or does other work that nobody waits for. A panic ends the process at once, because the node would look
/// healthy while its conversations receive no events. All acknowledged writes are durable, so the process can be started again.
pub async fn supervised(work: impl Future<Output = ()>) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!("a task of the node panicked");
        std::process::abort();
    }
}
