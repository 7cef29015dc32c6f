//! BatchSize: how many receipts the next transaction writes.

use crate::limits::RECEIPTS_BATCH_MAX;

/// The number of receipts in the next batch. A batch that the store does not take is a sign that it was too large: the next one has half as
/// many. Each batch that is written lets the next one have twice as many again.
pub(super) struct BatchSize(usize);

impl Default for BatchSize {
    fn default() -> Self {
        Self(RECEIPTS_BATCH_MAX)
    }
}

impl BatchSize {
    pub(super) fn get(&self) -> usize {
        self.0
    }

    pub(super) fn written(&mut self) {
        self.0 = (2 * self.0).min(RECEIPTS_BATCH_MAX);
    }

    /// A batch of `len` receipts was not written.
    pub(super) fn failed(&mut self, len: usize) {
        self.0 = (len / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::BatchSize;
    use crate::limits::RECEIPTS_BATCH_MAX;

    #[test]
    fn a_batch_shrinks_when_the_store_fails_and_grows_again() {
        let mut size = BatchSize::default();
        assert_eq!(size.get(), RECEIPTS_BATCH_MAX);
        size.failed(40);
        assert_eq!(size.get(), 20);
        for _ in 0..9 {
            size.failed(size.get());
        }
        assert_eq!(size.get(), 1);
        for expected in [2, 4, 8] {
            size.written();
            assert_eq!(size.get(), expected);
        }
        for _ in 0..9 {
            size.written();
        }
        assert_eq!(size.get(), RECEIPTS_BATCH_MAX);
    }
}
