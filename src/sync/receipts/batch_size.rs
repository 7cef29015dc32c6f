//! BatchSize: how many receipts the next transaction writes, and of how many members the next query counts what is unread.

/// The number of items in the next batch. A batch that the store does not take is a sign that it was too large: the next one has half as
/// many. Each batch that succeeds lets the next one have twice as many again.
pub(super) struct BatchSize {
    size: usize,
    max: usize,
}

impl BatchSize {
    pub(super) fn up_to(max: usize) -> Self {
        Self { size: max, max }
    }

    pub(super) fn get(&self) -> usize {
        self.size
    }

    pub(super) fn succeeded(&mut self) {
        self.size = (2 * self.size).min(self.max);
    }

    /// The store did not take a batch of `len` items.
    pub(super) fn failed(&mut self, len: usize) {
        self.size = (len / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::BatchSize;
    use crate::limits::RECEIPTS_BATCH_MAX;

    #[test]
    fn a_batch_shrinks_when_the_store_fails_and_grows_again() {
        let mut size = BatchSize::up_to(RECEIPTS_BATCH_MAX);
        assert_eq!(size.get(), RECEIPTS_BATCH_MAX);
        size.failed(40);
        assert_eq!(size.get(), 20);
        for _ in 0..9 {
            size.failed(size.get());
        }
        assert_eq!(size.get(), 1);
        for expected in [2, 4, 8] {
            size.succeeded();
            assert_eq!(size.get(), expected);
        }
        for _ in 0..9 {
            size.succeeded();
        }
        assert_eq!(size.get(), RECEIPTS_BATCH_MAX);
    }
}
