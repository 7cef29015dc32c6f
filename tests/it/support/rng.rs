//! Random numbers that can be repeated: one seed for each run, printed when a test fails.
//!
//! `CHINWAG_FAULT_SEED` sets the seed, which repeats a run as far as the machine's timing allows. `CHINWAG_FAULT_ROUNDS` sets how often
//! each fault is injected, and makes the tests print their counts.

use std::ops::Range;
use std::{env, thread};

use uuid::Uuid;

/// A generator of random numbers (SplitMix64): it accepts any seed, and needs few lines.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number in this range.
    pub(crate) fn in_range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// Returns these in a random order.
    pub(crate) fn shuffled<T, const N: usize>(&mut self, mut items: [T; N]) -> [T; N] {
        for last in (1..N).rev() {
            items.swap(last, usize::try_from(self.in_range(0..last as u64 + 1)).unwrap());
        }
        items
    }

    /// Returns another generator, for another task.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// The settings of a fault test: seed, number of rounds, and whether it prints its counts.
pub(crate) struct FaultRun {
    name: &'static str,
    seed: u64,
    rounds: Option<usize>,
}

impl FaultRun {
    /// Reads the settings from the environment.
    pub(crate) fn new(name: &'static str) -> Self {
        let seed = env::var("CHINWAG_FAULT_SEED").ok().map(|seed| seed.parse().expect("CHINWAG_FAULT_SEED: a number"));
        let rounds =
            env::var("CHINWAG_FAULT_ROUNDS").ok().map(|rounds| rounds.parse().expect("CHINWAG_FAULT_ROUNDS: a number"));
        Self { name, seed: seed.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1), rounds }
    }

    /// Returns a generator for this run. Its name goes into the seed, because several tests share one seed.
    pub(crate) fn rng(&self) -> Rng {
        Rng(self.name.bytes().fold(self.seed, |seed, byte| Rng(seed ^ u64::from(byte)).next()))
    }

    /// Returns the configured number of rounds, or `default`.
    pub(crate) fn rounds(&self, default: usize) -> usize {
        self.rounds.unwrap_or(default)
    }

    /// Returns `full` if the number of rounds is configured, and `default` otherwise.
    pub(crate) fn full_size(&self, default: usize, full: usize) -> usize {
        if self.is_thorough() { full } else { default }
    }

    /// Returns true if the number of rounds is configured.
    pub(crate) fn is_thorough(&self) -> bool {
        self.rounds.is_some()
    }

    /// Prints counts if the number of rounds is configured.
    pub(crate) fn print(&self, counts: impl std::fmt::Display) {
        if self.rounds.is_some() {
            println!("{}: {counts}", self.name);
        }
    }
}

impl Drop for FaultRun {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}: repeat with CHINWAG_FAULT_SEED={}", self.name, self.seed);
        }
    }
}
