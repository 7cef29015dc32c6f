//! Receipts: gathers what clients report of receiving and reading, writes it in batches off the path of messages, and informs the devices that
//! show it.
//!
//! The newest receipt of a member counts, so what waits is bounded by the members who read. It is written at once when nothing was written for
//! [`crate::limits::RECEIPTS_PAUSE`], and together with what came meanwhile otherwise. Nobody is informed of a receipt before it is written. A crash
//! loses what was not written yet, for which no caller has an answer.

mod batch_size;
mod frames;
mod pending;
mod unread_states;
mod worker;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::domain::receipt::ReceiptUpdate;
use crate::domain::{Code, ConversationId, Error, Result, UserId};
use crate::journal::draining_error;
use crate::limits;
use crate::registry::{Holder, Registry};
use crate::store::MemberId;
use pending::{Pending, PendingUpdate, Reply};
pub use worker::Worker;

/// A receipt as a client reports it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ClientReceipt {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    /// The client's network, to which the receipt is charged while it waits.
    pub network: IpAddr,
    pub update: ReceiptUpdate,
}

/// The receipts of this node that are not written yet.
pub struct ReceiptQueue {
    registry: Arc<Registry>,
    state: Mutex<State>,
    not_empty: Notify,
}

#[derive(Default)]
struct State {
    pending: Pending,
    /// The worker has ended, and writes nothing more.
    is_closed: bool,
}

impl ReceiptQueue {
    /// Returns an empty queue, which charges what waits to the memory budget of `registry`.
    pub fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry), state: Mutex::default(), not_empty: Notify::new() }
    }

    /// Adds a receipt, which is written soon. One of a user who is no member is dropped. Fails with `busy` if too much of the user waits.
    pub fn add(&self, receipt: &ClientReceipt) -> Result<()> {
        self.add_with(receipt, None)
    }

    /// Adds a receipt, and waits until it is written. Fails with `not_found` if the user is no member.
    pub async fn write(&self, receipt: &ClientReceipt) -> Result<()> {
        let (reply, written) = oneshot::channel();
        self.add_with(receipt, Some(reply))?;
        // The worker replies to each caller, unless it ends before.
        written.await.map_err(|_| draining_error())?
    }

    fn add_with(&self, receipt: &ClientReceipt, reply: Option<Reply>) -> Result<()> {
        let ClientReceipt { conversation_id, user_id, network, update } = *receipt;
        let charge = || {
            let mut charge = self.registry.charge(Holder { user_id: Some(user_id), network });
            if charge.resize(limits::RECEIPT_BYTES) { Ok(charge) } else { Err(busy()) }
        };
        let mut state = self.state();
        if state.is_closed {
            return Err(draining_error());
        }
        state.pending.add((conversation_id, user_id), update, reply, charge)?;
        drop(state);
        self.not_empty.notify_one();
        Ok(())
    }

    fn take(&self, limit: usize) -> Vec<(MemberId, PendingUpdate)> {
        self.state().pending.take(limit)
    }

    fn put_back(&self, member: MemberId, update: PendingUpdate) {
        self.state().pending.put_back(member, update);
    }

    fn len(&self) -> usize {
        self.state().pending.len()
    }

    /// Takes no receipts any more, if none waits. Returns true if so.
    fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        state.is_closed = state.pending.is_empty();
        state.is_closed
    }

    /// Takes no receipts any more, and drops those that wait. Returns their number.
    fn close(&self) -> usize {
        let mut state = self.state();
        state.is_closed = true;
        std::mem::take(&mut state.pending).len()
    }

    /// Recovers a poisoned lock: a panic leaves the receipts valid.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy() -> Error {
    Error::new(Code::Busy, "The server has too many of your receipts to write. Try again.").after(limits::MEMORY_RETRY)
}
