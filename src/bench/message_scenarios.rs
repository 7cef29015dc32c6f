//! The scenarios that send messages: `fanout`, `pairs` and `rooms`.

use std::time::Duration;

use tokio::task::LocalSet;

use super::client_pool::{ClientPool, Endpoint, LoadModel, RoomMember};
use super::environment::Environment;
use super::options::{Fanout, Load, Pairs, Rooms, RunSettings};
use super::population::Population;
use super::run_result::RunResult;

impl Fanout {
    /// The users and rooms that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let members = self.members.get();
        Population::new(members, vec![(0..members).collect()])
    }
}

impl Pairs {
    /// The users and rooms that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let conversations = self.conversations.get();
        let Some(users) = self.users else { return Population::pairs(conversations) };
        let users = users.get().max(2);
        // In each round every user is paired with one at a fixed distance, which grows from round to round. So all users have
        // the same number of conversations.
        let pair = |number: usize| {
            let (first, round) = (number % users, number / users);
            vec![first, (first + 1 + round % (users - 1)) % users]
        };
        Population::new(users, (0..conversations).map(pair).collect())
    }
}

impl Rooms {
    /// The users and rooms that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let users = self.users.get().max(self.members.get());
        let mut random = SplitMix64(1);
        let draw_members = |_| {
            let mut members = Vec::with_capacity(self.members.get());
            // A Fisher-Yates shuffle that stops when the room is full.
            let mut all: Vec<usize> = (0..users).collect();
            for member in 0..self.members.get() {
                all.swap(member, member + random.below(users - member));
                members.push(all[member]);
            }
            members
        };
        Population::new(users, (0..self.rooms.get()).map(draw_members).collect())
    }
}

/// A pseudo-random generator. Each run draws the same numbers.
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    /// Draws a number from 0 to below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        drawn ^= drawn >> 31;
        usize::try_from(drawn % bound.max(1) as u64).unwrap_or_default()
    }
}

/// Measures one room whose first members send. Returns the result of each run. Needs a single-threaded runtime.
pub async fn fanout(
    environment: &Environment,
    options: &Fanout,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let senders: Vec<RoomMember> = (0..options.publishers.get()).map(|member| (0, member)).collect();
    run_load(environment, Endpoint::OneConversation, &senders, &options.load, settings).await
}

/// Measures conversations of two whose members all send, or only the first ones. Returns the result of each run. Needs a single-threaded runtime.
pub async fn pairs(
    environment: &Environment,
    options: &Pairs,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let endpoint = if options.users.is_some() { Endpoint::AllConversations } else { Endpoint::OneConversation };
    let mut senders = all_members(environment);
    senders.retain(|&(_, member)| !options.one_way || member == 0);
    run_load(environment, endpoint, &senders, &options.load, settings).await
}

/// Measures rooms that share members, of which some send. Returns the result of each run. Needs a single-threaded runtime.
pub async fn rooms(
    environment: &Environment,
    options: &Rooms,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let rooms = environment.rooms.len();
    let senders: Vec<RoomMember> =
        (0..options.publishers.get()).map(|number| (number % rooms, number / rooms)).collect();
    run_load(environment, Endpoint::AllConversations, &senders, &options.load, settings).await
}

/// Returns all members of all rooms. The first members of all rooms come first, so that an open loop spreads its sends evenly.
pub(super) fn all_members(environment: &Environment) -> Vec<RoomMember> {
    let largest = environment.rooms.iter().map(|room| room.tokens.len()).max().unwrap_or_default();
    let members = (0..largest).flat_map(|member| (0..environment.rooms.len()).map(move |room| (room, member)));
    members.filter(|&(room, member)| member < environment.rooms[room].tokens.len()).collect()
}

async fn run_load(
    environment: &Environment,
    endpoint: Endpoint,
    senders: &[RoomMember],
    load: &Load,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let scenario = async {
        let pool = ClientPool::connect(environment, endpoint).await?;
        repeat(settings, async |duration| {
            let load = match load.rate {
                Some(rate) => LoadModel::OpenLoop { rate: rate.get(), duration },
                None => LoadModel::ClosedLoop { window: load.window.get().into(), duration },
            };
            pool.run(senders, load).await
        })
        .await
    };
    LocalSet::new().run_until(scenario).await
}

/// Runs the warm-up and then all runs. Returns the result of each run.
pub(super) async fn repeat(
    settings: &RunSettings,
    mut run: impl AsyncFnMut(Duration) -> Result<RunResult, String>,
) -> Result<Vec<RunResult>, String> {
    if !settings.warm_up.is_zero() {
        run(settings.warm_up).await?;
    }
    let mut results = Vec::with_capacity(settings.runs.get());
    for _ in 0..settings.runs.get() {
        results.push(run(settings.seconds).await?);
    }
    Ok(results)
}
