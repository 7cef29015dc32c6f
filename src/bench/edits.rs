//! The scenario `edits`: members edit messages of their own, beside a bystander who sends.

use std::slice;

use tokio::task::LocalSet;

use super::client_pool::{ClientPool, Endpoint, LoadModel, RoomMember};
use super::environment::{Environment, Room};
use super::message_scenarios::repeat;
use super::options::{Edits, RunSettings};
use super::population::Population;
use super::run_result::{Count, RunResult};

impl Edits {
    /// The number of editors.
    pub(super) fn editors(&self) -> usize {
        self.editors.unwrap_or(self.conversations.get())
    }

    /// The users and rooms that the scenario needs. The last room is the bystander's.
    pub(super) fn population(&self) -> Population {
        Population::pairs(self.conversations.get() + 1)
    }
}

/// Measures edits of one message in each editor's conversation, and the latency of a bystander's sends beside them. Returns the result
/// of each run, which counts `edits`, or without editors the bystander's `messages`. Needs a single-threaded runtime.
pub(super) async fn edits(
    environment: &Environment,
    options: &Edits,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let scenario = async {
        let (bystander, conversations) = environment.rooms.split_last().ok_or("there is no conversation")?;
        let bystander = connect(environment, slice::from_ref(bystander)).await?;
        let send = async |duration| {
            let mut result =
                bystander.run(&[(0, 0)], LoadModel::OpenLoop { rate: options.rate.get(), duration }).await?;
            result.latencies.retain(|(name, _)| *name != "delivery");
            rename_acknowledgement(&mut result, "bystander");
            Ok::<_, String>(result)
        };
        let editors: Vec<RoomMember> = (0..options.editors()).map(|room| (room, 0)).collect();
        if editors.is_empty() {
            return repeat(settings, send).await;
        }
        let pool = connect(environment, conversations).await?;
        pool.run(&editors, LoadModel::Burst { messages: 1, window: 1 }).await?;
        pool.edit_last_messages(&editors)?;
        repeat(settings, async |duration| {
            let load = LoadModel::ClosedLoop { window: options.window.get().into(), duration };
            let (mut result, sends) = tokio::try_join!(pool.run(&editors, load), send(duration))?;
            let edits = Count { plural: "edits", singular: "edit", count: result.count("messages") };
            result.counts.retain(|count| count.plural != "messages");
            result.counts.insert(0, edits);
            result.latencies.retain(|(name, _)| *name != "delivery");
            rename_acknowledgement(&mut result, "edit");
            result.latencies.extend(sends.latencies);
            Ok(result)
        })
        .await
    };
    LocalSet::new().run_until(scenario).await
}

/// Opens the connections of some of the rooms.
async fn connect(environment: &Environment, rooms: &[Room]) -> Result<ClientPool, String> {
    let part = Environment { rooms: rooms.to_vec(), ..environment.clone() };
    ClientPool::connect(&part, Endpoint::OneConversation).await
}

fn rename_acknowledgement(result: &mut RunResult, name: &'static str) {
    for (known, _) in result.latencies.iter_mut().filter(|(known, _)| *known == "acknowledgement") {
        *known = name;
    }
}
