//! Numbered writes on a database whose tables are distributed: one transaction for each conversation of a batch, because Citus locks and
//! writes the rows of one shard at a time.

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::{BoxFuture, join_all};

use super::apply::apply;
use super::apply_facts::OF_ONE;
use super::commit_function;
use super::connection::PgConnection;
use crate::domain::command::{Command, NewMessage, Outcome};
use crate::domain::{Code, ConversationId, Error, Result};
use crate::limits;

/// Commits a batch. The outcome of a conversation's messages is `unavailable` if its transaction failed, or was not tried. The calls for a few
/// conversations share a round trip.
pub(super) async fn commit_each(connection: &PgConnection, batch: &[NewMessage]) -> Result<Vec<Result<Outcome>>> {
    commit_function::prepare(connection).await?;
    let mut outcomes = Outcomes::new(batch.len());
    let conversations = by_conversation(batch.iter().map(|new| new.conversation_id));
    for some in conversations.chunks(limits::COMMIT_CALLS_AT_ONCE) {
        if outcomes.is_over(connection) {
            break;
        }
        let committed = some.iter().map(|places| in_halves(connection, batch, places, commit_part));
        for (places, committed) in some.iter().zip(join_all(committed).await) {
            outcomes.set(places, committed);
        }
    }
    Ok(outcomes.finish())
}

/// Applies a batch, one conversation after another. The outcomes are as those of [`commit_each`].
pub(super) async fn apply_each(connection: &PgConnection, batch: &[Command]) -> Vec<Result<Outcome>> {
    let mut outcomes = Outcomes::new(batch.len());
    for places in by_conversation(batch.iter().map(|command| command.conversation_id)) {
        if outcomes.is_over(connection) {
            break;
        }
        let applied = in_halves(connection, batch, &places, apply_part).await;
        outcomes.set(&places, applied);
    }
    outcomes.finish()
}

/// Returns the places of the writes of each conversation, in their order.
pub(super) fn by_conversation(ids: impl Iterator<Item = ConversationId>) -> Vec<Vec<usize>> {
    let (mut groups, mut places): (Vec<Vec<usize>>, HashMap<ConversationId, usize>) = Default::default();
    for (place, id) in ids.enumerate() {
        let group = *places.entry(id).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

/// The outcomes of a batch. `None` for a write that is not tried yet.
struct Outcomes {
    all: Vec<Option<Result<Outcome>>>,
    started: Instant,
}

impl Outcomes {
    fn new(count: usize) -> Self {
        Self { all: vec![None; count], started: Instant::now() }
    }

    /// Returns true if the rest of the batch should not be tried. Its writes are tried again later, which is better than to lose the outcomes of all.
    fn is_over(&self, connection: &PgConnection) -> bool {
        self.started.elapsed() >= limits::CONVERSATIONS_TIMEOUT || !connection.is_usable()
    }

    fn set(&mut self, places: &[usize], outcomes: Vec<Result<Outcome>>) {
        for (place, outcome) in places.iter().zip(outcomes) {
            self.all[*place] = Some(outcome);
        }
    }

    /// Returns the outcomes. That of a write that was not tried is `unavailable`.
    fn finish(self) -> Vec<Result<Outcome>> {
        let mut untried = None;
        let outcome = |outcome: Option<Result<Outcome>>| {
            outcome.unwrap_or_else(|| {
                let error =
                    untried.get_or_insert_with(|| Error::unavailable("PostgreSQL: the time of a batch is over"));
                Err(error.clone())
            })
        };
        self.all.into_iter().map(outcome).collect()
    }
}

/// A transaction for the writes at some places of a batch, which are of one conversation.
type Part<T> = for<'a> fn(&'a PgConnection, &'a [T], &'a [usize]) -> BoxFuture<'a, Result<Vec<Result<Outcome>>>>;

fn commit_part<'a>(
    connection: &'a PgConnection,
    batch: &'a [NewMessage],
    places: &'a [usize],
) -> BoxFuture<'a, Result<Vec<Result<Outcome>>>> {
    let messages: Vec<&NewMessage> = places.iter().map(|place| &batch[*place]).collect();
    Box::pin(commit_function::commit(connection, messages))
}

fn apply_part<'a>(
    connection: &'a PgConnection,
    batch: &'a [Command],
    places: &'a [usize],
) -> BoxFuture<'a, Result<Vec<Result<Outcome>>>> {
    let commands: Vec<Command> = places.iter().map(|place| batch[*place].clone()).collect();
    Box::pin(async move { apply(connection, &OF_ONE, &commands).await })
}

/// Runs a transaction for the writes of a conversation. Writes that are refused for their data are tried in halves, so that only the bad one gets
/// the error. After one whose outcome is unknown, those behind it are not tried, because they would overtake it.
async fn in_halves<T>(
    connection: &PgConnection,
    batch: &[T],
    places: &[usize],
    transaction: Part<T>,
) -> Vec<Result<Outcome>> {
    let mut outcomes = Vec::with_capacity(places.len());
    let mut parts = vec![places];
    while let Some(part) = parts.pop() {
        match transaction(connection, batch, part).await {
            Ok(done) => outcomes.extend(done),
            Err(error) if error.code == Code::Unavailable => {
                outcomes.resize_with(places.len(), || Err(error.clone()));
                break;
            }
            Err(error) if part.len() <= 1 => outcomes.push(Err(error)),
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    outcomes
}
