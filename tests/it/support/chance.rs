//! Chance that can be repeated: one seed a run, told when a test fails.
//!
//! `CHINWAG_FAULT_SEED` repeats a run, as far as the machine's own timing lets it; `CHINWAG_FAULT_ROUNDS` says how often each fault is
//! done, and makes the tests tell what they counted.

use std::ops::Range;
use std::{env, thread};

use uuid::Uuid;

/// Random numbers (SplitMix64): any seed is good, and a few lines are enough.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of this range.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// Another source, for somebody else.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// A run of faults: its seed, its length, and whether it tells what it counted.
pub(crate) struct Run {
    name: &'static str,
    seed: u64,
    rounds: Option<usize>,
}

impl Run {
    /// A run as the environment wants it.
    pub(crate) fn new(name: &'static str) -> Self {
        let seed = env::var("CHINWAG_FAULT_SEED").ok().map(|seed| seed.parse().expect("CHINWAG_FAULT_SEED: a number"));
        let rounds =
            env::var("CHINWAG_FAULT_ROUNDS").ok().map(|rounds| rounds.parse().expect("CHINWAG_FAULT_ROUNDS: a number"));
        Self { name, seed: seed.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1), rounds }
    }

    /// A source of its own for what this run does; the same seed serves several tests.
    pub(crate) fn chance(&self) -> Chance {
        Chance(self.name.bytes().fold(self.seed, |seed, byte| Chance(seed ^ u64::from(byte)).next()))
    }

    /// How many rounds, where nobody wants more or less than `ordinary`.
    pub(crate) fn rounds(&self, ordinary: usize) -> usize {
        self.rounds.unwrap_or(ordinary)
    }

    /// How much of something: more where somebody asked for many rounds.
    pub(crate) fn full_size(&self, ordinary: usize, full: usize) -> usize {
        if self.is_thorough() { full } else { ordinary }
    }

    /// Whether somebody wants more than an ordinary run of the tests.
    pub(crate) fn is_thorough(&self) -> bool {
        self.rounds.is_some()
    }

    /// Tells what was counted, if somebody asked for many rounds.
    pub(crate) fn tell(&self, counted: impl std::fmt::Display) {
        if self.rounds.is_some() {
            println!("{}: {counted}", self.name);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}: again with CHINWAG_FAULT_SEED={}", self.name, self.seed);
        }
    }
}
