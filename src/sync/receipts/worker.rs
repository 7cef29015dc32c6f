//! The receipts worker: writes receipts in batches, and informs the devices of their users.

use std::sync::Arc;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ReceiptQueue;
use super::frames::ReceiptFrames;
use super::pending::Member;
use crate::bus::Bus;
use crate::domain::receipt::{MemberReceipts, ReadState, ReceiptOutcome};
use crate::domain::{Code, Error, Result};
use crate::journal::Backoff;
use crate::limits;
use crate::store::{MemberUpdate, Store};
use crate::sync::own_devices::publish_to_own_devices;
use crate::wire::frames;

/// Writes the receipts of this node.
pub struct Worker {
    queue: Arc<ReceiptQueue>,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    frames: ReceiptFrames,
}

impl Worker {
    /// Returns a worker that informs devices over `bus`.
    pub fn new(queue: &Arc<ReceiptQueue>, store: &Arc<dyn Store>, bus: &Arc<dyn Bus>) -> Self {
        Self {
            queue: Arc::clone(queue),
            store: Arc::clone(store),
            bus: Arc::clone(bus),
            frames: ReceiptFrames::default(),
        }
    }

    /// Writes receipts until `stop`, and then those that are left.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.write(&stop), self.frames.run(self.bus.as_ref(), &stop));
    }

    /// Writes receipts until `stop`, and then those that are left. A write that has begun is never given up.
    async fn write(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::up_to(limits::RECONCILE_RETRY_PAUSE);
        while !stop.is_cancelled() {
            stop.run_until_cancelled(self.queue.not_empty.notified()).await;
            while self.queue.len() > 0 && !stop.is_cancelled() {
                match self.write_batch().await {
                    Ok(()) => {
                        backoff.reset();
                        // What has gathered while the store was away is written without pauses.
                        if self.queue.len() < limits::RECEIPTS_BATCH_MAX {
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
        self.write_rest().await;
    }

    /// Writes the receipts that are left. Gives up on those that the store does not take.
    async fn write_rest(&self) {
        while !self.queue.close_if_empty() {
            if let Err(error) = self.write_batch().await {
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
    async fn write_batch(&self) -> Result<()> {
        let receipts = self.queue.take();
        if receipts.is_empty() {
            return Ok(());
        }
        let updates: Vec<MemberUpdate> = receipts
            .iter()
            .map(|((conversation_id, user_id), receipt)| (*conversation_id, *user_id, receipt.update))
            .collect();
        match self.store.update_receipts(&updates).await {
            Ok(outcomes) => {
                for ((member, receipt), outcome) in receipts.into_iter().zip(outcomes) {
                    match outcome {
                        ReceiptOutcome::Locked => self.queue.put_back(member, receipt),
                        ReceiptOutcome::NotMember => receipt.reply(&Err(Error::not_found("conversation"))),
                        ReceiptOutcome::Unchanged => receipt.reply(&Ok(())),
                        ReceiptOutcome::Changed { before, after } => {
                            self.inform_devices(member, before, &after);
                            self.frames.note(member, before, &after);
                            receipt.reply(&Ok(()));
                        }
                    }
                }
                Ok(())
            }
            Err(error) if error.code == Code::Unavailable => {
                for (member, receipt) in receipts.into_iter().rev() {
                    self.queue.put_back(member, receipt);
                }
                Err(error)
            }
            // A defect, which the store has logged, would come again.
            Err(error) => {
                for (_, receipt) in receipts {
                    receipt.reply(&Err(error.clone()));
                }
                Ok(())
            }
        }
    }

    /// Sends `conversation.state` to the user's connections, if it differs from the one before.
    fn inform_devices(&self, (conversation_id, user_id): Member, before: ReadState, after: &MemberReceipts) {
        if (before.read_seq, before.unread_from_seq) == (after.state.read_seq, after.state.unread_from_seq) {
            return;
        }
        let frame = frames::conversation_state(conversation_id, after);
        publish_to_own_devices(self.bus.as_ref(), user_id, conversation_id, &frame);
    }
}
