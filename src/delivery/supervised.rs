//! Tasks whose panic must not go unnoticed.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Runs a task that delivers. A panic ends the process at once: the node would look healthy while its conversations receive nothing.
/// Everything that was acknowledged is durable, so the process can simply be started again.
pub async fn supervised(work: impl Future<Output = ()>) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        tracing::error!("a delivering task panicked");
        std::process::abort();
    }
}
