//! The receipts worker: writes receipts in batches, and informs the devices of their users.

use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ReceiptQueue;
use super::batch_size::BatchSize;
use super::frames::ReceiptFrames;
use super::unread_states::UnreadStates;
use crate::bus::Bus;
use crate::domain::receipt::{ReadState, ReceiptOutcome};
use crate::domain::{Code, Error, Result, Seq};
use crate::journal::Backoff;
use crate::limits;
use crate::store::{MemberUpdate, Store};

/// Writes the receipts of this node.
pub struct Worker {
    queue: Arc<ReceiptQueue>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    frames: ReceiptFrames,
    unread_states: UnreadStates,
}

impl Worker {
    /// Returns a worker that informs devices over `bus`.
    pub fn new(queue: &Arc<ReceiptQueue>, store: &Arc<dyn Store>, bus: &Arc<dyn Bus>) -> Self {
        Self {
            queue: Arc::clone(queue),
            store: Arc::clone(store),
            bus: Arc::clone(bus),
            frames: ReceiptFrames::default(),
            unread_states: UnreadStates::default(),
        }
    }

    /// Writes receipts until `stop`, and then those that are left.
    pub async fn run(self, stop: CancellationToken) {
        let (store, bus) = (self.store.as_ref(), self.bus.as_ref());
        tokio::join!(self.write(&stop), self.unread_states.run(store, bus, &stop), self.frames.run(store, bus, &stop));
    }

    /// Writes receipts until `stop`, and then those that are left. A write that has begun is never given up.
    async fn write(&self, stop: &CancellationToken) {
        let (mut backoff, mut size) =
            (Backoff::up_to(limits::RECONCILE_RETRY_PAUSE), BatchSize::up_to(limits::RECEIPTS_BATCH_MAX));
        while !stop.is_cancelled() {
            stop.run_until_cancelled(self.queue.not_empty.notified()).await;
            while self.queue.len() > 0 && !stop.is_cancelled() {
                match self.write_batch(&mut size).await {
                    Ok(()) => {
                        backoff.reset();
                        // The worker writes without pauses all that gathered while the store was away.
                        if self.queue.len() < size.get() {
                            stop.run_until_cancelled(sleep(limits::RECEIPTS_PAUSE)).await;
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, waiting = self.queue.len(), "receipts are not written yet");
                        stop.run_until_cancelled(backoff.pause()).await;
                    }
                }
            }
        }
        self.write_rest(size).await;
    }

    /// Writes the receipts that are left. Gives up on those that the store does not take.
    async fn write_rest(&self, mut size: BatchSize) {
        while !self.queue.close_if_empty() {
            if let Err(error) = self.write_batch(&mut size).await {
                let lost = self.queue.close();
                tracing::warn!(%error, lost, "receipts are lost, because the store takes none before the end");
                return;
            }
            if self.queue.len() > 0 {
                sleep(limits::RETRY_PAUSE).await;
            }
        }
    }

    /// Writes the receipts that came first. Fails if the store does not answer: then they wait again.
    async fn write_batch(&self, size: &mut BatchSize) -> Result<()> {
        let receipts = self.queue.take(size.get());
        if receipts.is_empty() {
            return Ok(());
        }
        let updates: Vec<MemberUpdate> = receipts
            .iter()
            .map(|((conversation_id, user_id), receipt)| (*conversation_id, *user_id, receipt.update))
            .collect();
        match self.store.update_receipts(&updates).await {
            Ok(outcomes) => {
                size.succeeded();
                for ((member, mut receipt), outcome) in receipts.into_iter().zip(outcomes) {
                    match outcome {
                        ReceiptOutcome::Locked => self.queue.put_back(member, receipt),
                        ReceiptOutcome::NotMember => receipt.reply(&Err(Error::not_found("conversation"))),
                        ReceiptOutcome::Unchanged => receipt.reply(&Ok(())),
                        ReceiptOutcome::Changed { before, after } => {
                            self.frames.note(member, before, &after);
                            if shown(before) == shown(after.state) {
                                receipt.reply(&Ok(()));
                            } else {
                                self.unread_states.note(member, receipt);
                            }
                        }
                    }
                }
                Ok(())
            }
            Err(error) if error.code == Code::Unavailable => {
                size.failed(receipts.len());
                for (member, receipt) in receipts.into_iter().rev() {
                    self.queue.put_back(member, receipt);
                }
                Err(error)
            }
            // A defect, which the store has logged, would come again.
            Err(error) => {
                for (_, mut receipt) in receipts {
                    receipt.reply(&Err(error.clone()));
                }
                Ok(())
            }
        }
    }
}

/// Returns what the member's own devices show of a state.
fn shown(state: ReadState) -> (Seq, Option<Seq>) {
    (state.read_seq, state.unread_from_seq)
}
