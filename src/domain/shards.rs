//! Shards: the parts into which a bus of many nodes divides conversations and users.

use std::num::NonZeroU32;

use uuid::Uuid;

/// A number of shards. All nodes of a cluster have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(pub NonZeroU32);

impl Shards {
    /// Returns the shard of a conversation or a user. It is the same on every node.
    pub fn of(self, id: Uuid) -> u32 {
        let (high, low) = id.as_u64_pair();
        // The golden ratio of 64 bits (Knuth, The Art of Computer Programming, section 6.4): each bit of the id changes the upper bits.
        let mixed = (high.rotate_left(32) ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        u32::try_from(mixed % u64::from(self.0.get())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use uuid::Uuid;

    use super::Shards;

    #[test]
    fn ids_that_follow_each_other_spread_over_the_shards() {
        let shards = Shards(NonZeroU32::new(64).expect("not zero"));
        for ids in [(0..6_400).map(Uuid::from_u128).collect::<Vec<_>>(), (0..6_400).map(|_| Uuid::now_v7()).collect()] {
            let mut counts = [0; 64];
            for id in ids {
                counts[usize::try_from(shards.of(id)).expect("below 64")] += 1;
            }
            assert!(counts.iter().all(|count| (40..=160).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn an_id_keeps_its_shard_in_later_versions() {
        let shards = Shards(NonZeroU32::new(4_096).expect("not zero"));
        let ids = [0x0199_0000_0000_7000_8000_0000_0000_0001, 0x0199_0000_0000_7000_8000_0000_0000_0002];
        assert_eq!(
            ids.map(|id| shards.of(Uuid::from_u128(id))),
            [1_977, 371],
            "nodes of two versions use the same subjects"
        );
    }
}
