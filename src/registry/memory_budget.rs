//! The memory that all send queues use together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits;

/// Counts the bytes that wait because kernels take no more, over all send queues that share the budget.
///
/// Above the limit, a send queue that holds more than its share is closed when its content changes next. The share is the limit
/// divided by the greatest number of open sockets. The send queues that stay therefore never hold more than twice the limit. A
/// closed one keeps the delivery that the kernel has begun to take, for at most [`limits::CLOSE_TIMEOUT`]. (The bytes of a delivery
/// to many recipients are in memory once, and are counted for each recipient.)
pub struct MemoryBudget {
    limit: usize,
    bytes: AtomicUsize,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(limits::SEND_QUEUES_TOTAL_BYTES_MAX)
    }
}

impl MemoryBudget {
    /// A budget of `limit` bytes, none of which is used.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: AtomicUsize::new(0) }
    }

    /// The number of bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns true if more bytes wait than the limit.
    pub(super) fn is_over(&self) -> bool {
        self.bytes() > self.limit
    }

    /// The number of bytes that one send queue may hold in any case.
    pub(super) fn share(&self) -> usize {
        self.limit / limits::SOCKETS_MAX
    }

    /// Updates the count of a send queue: `counted` bytes of it are in the total, and now `waiting` bytes wait.
    pub(super) fn recount(&self, counted: &mut usize, waiting: usize) {
        if waiting > *counted {
            self.bytes.fetch_add(waiting - *counted, Ordering::Relaxed);
        } else if waiting < *counted {
            self.bytes.fetch_sub(*counted - waiting, Ordering::Relaxed);
        }
        *counted = waiting;
    }
}
