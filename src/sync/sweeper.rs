//! The sweeper: deletes the messages of deleted conversations in small steps, between which other writes have their turn.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::store::Store;

/// Wakes the sweeper when there is work.
pub type SweeperWake = Arc<Notify>;

/// Sweeps until `stop`: at start, when it is woken, and every [`limits::SWEEP_INTERVAL`], because another node may have ended in the middle.
pub async fn run_sweeper(store: Arc<dyn Store>, wake: SweeperWake, stop: CancellationToken) {
    let sweeping = async {
        loop {
            // A store that does not answer is asked again after the interval.
            while store.sweep_deleted(limits::SWEPT_ROWS).await == Ok(true) {
                sleep(limits::SWEEP_PAUSE).await;
            }
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
