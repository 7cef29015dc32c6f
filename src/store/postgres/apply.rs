//! Applies a batch of commands in one transaction and two round trips, with the decisions between them. A third one asks for contacts, if a
//! decision depends on them.

use super::apply_facts::Statements;
use super::apply_load::{Loaded, load};
use super::apply_writes::Writes;
use super::connection::PgConnection;
use crate::domain::command::{Command, Outcome};
use crate::domain::rules::{Facts, Reactor, Verdict, decide_group, groups};
use crate::domain::{Error, Result, Seq};

/// Applies a batch with the statements of one form. The caller bounds the time.
pub(super) async fn apply(
    connection: &PgConnection,
    sql: &'static Statements,
    batch: &[Command],
) -> Result<Vec<Result<Outcome>>> {
    let groups = groups(batch);
    let mut loaded = match Box::pin(load(connection, sql, batch, &groups)).await {
        Ok(loaded) => loaded,
        Err(error) => {
            // Nothing was written. If the rollback fails too, the connection is closed and the server rolls back by itself.
            let _ = connection.rollback().await;
            return Err(error);
        }
    };
    let mut writes = Writes::default();
    let mut outcomes = vec![Ok(Outcome::NoChange); batch.len()];
    for group in &groups {
        for (index, verdict) in group.iter().zip(loaded.decide(group, batch)) {
            let command = &batch[*index];
            outcomes[*index] = match verdict {
                Ok(Verdict::Write(decision)) => loaded.next_seq(command).map(|seq| {
                    let event = decision.event(command, seq);
                    writes.add(command, seq, &decision, &event);
                    Outcome::Committed(event)
                }),
                Ok(Verdict::Nothing(outcome)) => Ok(outcome),
                Err(refusal) => Err(refusal),
            };
        }
    }
    if writes.is_empty() {
        let _ = connection.rollback().await;
    } else {
        writes.commit(connection, sql.is_of_one).await?;
    }
    Ok(outcomes)
}

impl Loaded {
    /// Decides a group. Returns one verdict for each command. Consumes the facts of its commands, so that each can be decided once.
    fn decide(&mut self, group: &[usize], batch: &[Command]) -> Vec<Result<Verdict>> {
        let commands: Vec<&Command> = group.iter().map(|index| &batch[*index]).collect();
        let Some(facts) = commands.first().zip(group.first()).and_then(|(first, index)| self.facts(first, *index))
        else {
            return vec![Err(Error::not_found("conversation")); group.len()];
        };
        let others: Vec<Reactor> = group[1..].iter().map(|index| self.reactor(*index)).collect();
        decide_group(&commands, &facts, &others)
    }

    /// Returns the facts of a command. `None` if its conversation does not exist.
    fn facts(&mut self, command: &Command, index: usize) -> Option<Facts> {
        let (_, member_count) = *self.counters.get(&command.conversation_id)?;
        let (kind, name) = self.conversations.get(&command.conversation_id).cloned()?;
        let target = self.targets.remove(&index);
        let (target_role, target_consent) =
            target.as_ref().map(|target| (target.role, target.consent)).unwrap_or_default();
        let Reactor { actor, has_reacted, own_kinds } = self.reactor(index);
        Some(Facts {
            kind,
            name,
            member_count,
            actor,
            target: target.map(|target| target.user),
            target_role,
            target_consent,
            message: self.messages.remove(&index),
            has_reacted,
            own_kinds,
            pins: self.pins.get(&command.conversation_id).copied().unwrap_or_default(),
            pinned_by: self.pinned_by.remove(&index),
            mentioned: self.mentioned.remove(&command.conversation_id).unwrap_or_default(),
        })
    }

    fn reactor(&mut self, index: usize) -> Reactor {
        let (has_reacted, own_kinds) = self.reacted.remove(&index).unwrap_or_default();
        Reactor { actor: self.actors.remove(&index), has_reacted, own_kinds }
    }

    /// Returns the number of the next event in the conversation of a command.
    fn next_seq(&mut self, command: &Command) -> Result<Seq> {
        let counter = self.counters.get_mut(&command.conversation_id);
        let (last_seq, _) = counter.ok_or_else(|| Error::not_found("conversation"))?;
        *last_seq += 1;
        Ok(*last_seq)
    }
}
