//! What waits in all outboxes together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits;

/// Counts the bytes that wait because kernels take no more, over all outboxes that share it.
///
/// Beyond its bound, an send_queue in which more than its share waits is closed as soon as it changes. A share is what each
/// would have if every socket that may be open waited, so those that stay never hold more than twice the bound; one that is
/// closed keeps the delivery that the kernel has begun to take, for [`limits::CLOSE_TIMEOUT`]. (A delivery to many is in
/// memory once and counted for each of them.)
pub struct MemoryBudget {
    most: usize,
    bytes: AtomicUsize,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(limits::SEND_QUEUES_TOTAL_BYTES_MAX)
    }
}

impl MemoryBudget {
    /// An empty one.
    pub(super) fn new(most: usize) -> Self {
        Self { most, bytes: AtomicUsize::new(0) }
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether more waits than may.
    pub(super) fn is_over(&self) -> bool {
        self.bytes() > self.most
    }

    /// What one send_queue may hold in any case.
    pub(super) fn share(&self) -> usize {
        self.most / limits::SOCKETS_MAX
    }

    /// An send_queue in which `counted` bytes were counted now has `waiting`.
    pub(super) fn recount(&self, counted: &mut usize, waiting: usize) {
        if waiting > *counted {
            self.bytes.fetch_add(waiting - *counted, Ordering::Relaxed);
        } else if waiting < *counted {
            self.bytes.fetch_sub(*counted - waiting, Ordering::Relaxed);
        }
        *counted = waiting;
    }
}
