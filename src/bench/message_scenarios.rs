//! The scenarios in which messages are sent and heard.

use std::time::Duration;

use tokio::task::LocalSet;

use super::client_pool::{Crowd, Drive, Hears, Place};
use super::environment::Environment;
use super::options::{Fanout, Load, Pace, Pairs, Rooms};
use super::population::Population;
use super::run_result::Figures;

impl Fanout {
    /// Who has to be there.
    pub(super) fn population(&self) -> Population {
        let members = self.members.get();
        Population::new(members, vec![(0..members).collect()])
    }
}

impl Pairs {
    /// Who has to be there.
    pub(super) fn population(&self) -> Population {
        let conversations = self.conversations.get();
        let Some(users) = self.users else { return Population::pairs(conversations) };
        let users = users.get().max(2);
        // Round after round of neighbours, further and further apart; so everybody has as many.
        let pair = |number: usize| {
            let (first, round) = (number % users, number / users);
            vec![first, (first + 1 + round % (users - 1)) % users]
        };
        Population::new(users, (0..conversations).map(pair).collect())
    }
}

impl Rooms {
    /// Who has to be there.
    pub(super) fn population(&self) -> Population {
        let users = self.users.get().max(self.members.get());
        let mut dice = Dice(1);
        let mut draw = |_| {
            let mut members = Vec::with_capacity(self.members.get());
            // A shuffle that ends when there are enough.
            let mut all: Vec<usize> = (0..users).collect();
            for place in 0..self.members.get() {
                all.swap(place, place + dice.below(users - place));
                members.push(all[place]);
            }
            members
        };
        Population::new(users, (0..self.rooms.get()).map(&mut draw).collect())
    }
}

/// Numbers that look drawn and are the same each time (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From 0 to below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        drawn ^= drawn >> 31;
        usize::try_from(drawn % bound.max(1) as u64).unwrap_or_default()
    }
}

/// One room: its first members send, all hear. The figures of each run. Wants a runtime of one thread.
pub async fn fanout(environment: &Environment, options: &Fanout, pace: &Pace) -> Result<Vec<Figures>, String> {
    let senders: Vec<Place> = (0..options.publishers.get()).map(|place| (0, place)).collect();
    runs(environment, Hears::One, &senders, &options.load, pace).await
}

/// Many conversations, whose members all send. The figures of each run. Wants a runtime of one thread.
pub async fn pairs(environment: &Environment, options: &Pairs, pace: &Pace) -> Result<Vec<Figures>, String> {
    let hears = if options.users.is_some() { Hears::All } else { Hears::One };
    runs(environment, hears, &everybody(environment), &options.load, pace).await
}

/// Rooms that share members: some of them send. The figures of each run. Wants a runtime of one thread.
pub async fn rooms(environment: &Environment, options: &Rooms, pace: &Pace) -> Result<Vec<Figures>, String> {
    let rooms = environment.rooms.len();
    let senders: Vec<Place> = (0..options.publishers.get()).map(|number| (number % rooms, number / rooms)).collect();
    runs(environment, Hears::All, &senders, &options.load, pace).await
}

/// Every member of every room, first all rooms' first ones: so that what is sent in turn is spread evenly.
pub(super) fn everybody(environment: &Environment) -> Vec<Place> {
    let largest = environment.rooms.iter().map(|room| room.tokens.len()).max().unwrap_or_default();
    let places = (0..largest).flat_map(|place| (0..environment.rooms.len()).map(move |room| (room, place)));
    places.filter(|&(room, place)| place < environment.rooms[room].tokens.len()).collect()
}

async fn runs(
    environment: &Environment,
    hears: Hears,
    senders: &[Place],
    load: &Load,
    pace: &Pace,
) -> Result<Vec<Figures>, String> {
    let play = async {
        let crowd = Crowd::gather(environment, hears).await?;
        repeated(pace, async |length| {
            let drive = match load.rate {
                Some(rate) => Drive::Rate(rate.get(), length),
                None => Drive::Window(load.window.get().into(), length),
            };
            crowd.run(senders, drive).await
        })
        .await
    };
    LocalSet::new().run_until(play).await
}

/// A warm-up, and then as many runs as there are to be.
pub(super) async fn repeated(
    pace: &Pace,
    mut run: impl AsyncFnMut(Duration) -> Result<Figures, String>,
) -> Result<Vec<Figures>, String> {
    if !pace.warm_up.is_zero() {
        run(pace.warm_up).await?;
    }
    let mut figures = Vec::with_capacity(pace.runs.get());
    for _ in 0..pace.runs.get() {
        figures.push(run(pace.seconds).await?);
    }
    Ok(figures)
}
