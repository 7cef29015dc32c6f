//! The sweeper: deletes what nobody needs any more in small steps, between which other writes have their turn.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::{Result, Timestamp};
use crate::limits;
use crate::store::{LeftoversCursor, Store};

/// Wakes the sweeper when there is work.
pub type SweeperWake = Arc<Notify>;

/// Sweeps until `stop`: at start, when it is woken, and every [`limits::SWEEP_INTERVAL`], because another node may have ended in the middle.
pub async fn run_sweeper(store: Arc<dyn Store>, wake: SweeperWake, stop: CancellationToken) {
    let sweeping = async {
        let mut leftovers = LeftoversCursor::default();
        loop {
            // A step at a time: they are rare, and the tables are large.
            if let Ok(next) = store.sweep_leftovers(leftovers, limits::LEFTOVERS_STEP).await {
                leftovers = next;
            }
            sweep(&*store).await;
            tokio::select! {
                () = wake.notified() => {}
                () = sleep(limits::SWEEP_INTERVAL) => {}
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = sweeping => {}
    }
}

/// Deletes groups without members, what is left of deleted conversations, the reactions to deleted messages, settled reports, and the memory of removals.
async fn sweep(store: &dyn Store) {
    let before = |age| Timestamp::now().minus(age);
    let count = |count: Result<usize>| count.map(|count| count > 0);
    repeat(|| async move {
        count(store.delete_memberless(before(limits::SWEEP_INTERVAL), limits::MEMBERLESS_SWEPT).await)
    })
    .await;
    repeat(|| store.sweep_deleted(limits::SWEPT_ROWS)).await;
    repeat(|| store.sweep_reactions(limits::SWEPT_ROWS)).await;
    repeat(|| async move { count(store.sweep_reports(before(limits::REPORT_KEPT), limits::REPORTS_SWEPT).await) })
        .await;
    repeat(|| async move { count(store.sweep_removals(before(limits::REMOVAL_KEPT), limits::REMOVALS_SWEPT).await) })
        .await;
}

/// Repeats a step as long as there may be more to delete. A step that fails ends this alone: the store has logged it, and is asked again after the
/// interval.
async fn repeat<F: Future<Output = Result<bool>>>(step: impl Fn() -> F) {
    while let Ok(true) = step().await {
        sleep(limits::SWEEP_PAUSE).await;
    }
}
