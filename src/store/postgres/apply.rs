//! Applies a batch of commands in one transaction and two round trips, with the decisions between them.

use std::collections::HashMap;

use futures_util::future::{OptionFuture, join, join5};
use tokio_postgres::Row;

use super::apply_writes::Writes;
use super::connection::{Params, PgConnection};
use super::members::member;
use super::messages::message;
use super::rows::Columns;
use super::users::user;
use crate::domain::command::{Command, Outcome};
use crate::domain::conversation::{ConversationKind, GroupName, Member, Role};
use crate::domain::message::Message;
use crate::domain::rules::{Decision, Facts, Verdict, decide};
use crate::domain::user::User;
use crate::domain::{ConversationId, Error, MessageId, Result, Seq, UserId};
use crate::store::queries::members::member_columns;
use crate::store::queries::messages::message_columns;
use crate::store::queries::users::user_columns;

/// conversations. A statement of its own, and in one order for all transactions, as in [`super::commit`].
const LOCK: &str = "SELECT conversation_id, last_seq, member_count FROM counters WHERE conversation_id = ANY($1) \
     ORDER BY conversation_id FOR UPDATE";
/// conversations
const CONVERSATIONS: &str = "SELECT id, type, name FROM conversations WHERE id = ANY($1)";
/// conversations, users. Each array has one element for each command.
const ACTORS: &str = concat!(
    "SELECT w.place, ",
    member_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     JOIN users u ON u.id = mb.user_id"
);
/// conversations, users (NULL if the action has no target user). Each array has one element for each command.
const TARGETS: &str = concat!(
    "SELECT w.place, ",
    user_columns!(),
    ", mb.role FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
     JOIN users u ON u.id = w.user_id \
     LEFT JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     WHERE u.deleted_at IS NULL OR mb.user_id IS NOT NULL"
);
/// conversations, ids. Each array has one element for each command.
const MESSAGES: &str = concat!(
    "SELECT w.place, ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, id, place) \
     JOIN messages m ON m.conversation_id = w.conversation_id AND m.id = w.id"
);

/// Applies a batch. The caller bounds the time.
pub(super) async fn apply(connection: &PgConnection, batch: &[Command]) -> Result<Vec<Result<Outcome>>> {
    let mut loaded = match load(connection, batch).await {
        Ok(loaded) => loaded,
        Err(error) => {
            // Nothing was written. If the rollback fails too, the connection is closed and the server rolls back by itself.
            let _ = connection.rollback().await;
            return Err(error);
        }
    };
    let mut writes = Writes::default();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (index, command) in batch.iter().enumerate() {
        outcomes.push(match loaded.decide(index, command) {
            Ok((seq, Verdict::Write(decision))) => Ok(Outcome::Committed(add(&mut writes, command, seq, &decision))),
            Ok((_, Verdict::Nothing(outcome))) => Ok(outcome),
            Err(refusal) => Err(refusal),
        });
    }
    if writes.is_empty() {
        let _ = connection.rollback().await;
    } else {
        writes.commit(connection).await?;
    }
    Ok(outcomes)
}

/// Adds what a decision writes. Returns its event.
fn add(writes: &mut Writes, command: &Command, seq: Seq, decision: &Decision) -> crate::domain::event::Event {
    let event = decision.event(command, seq);
    writes.add(command, seq, decision, &event);
    event
}

/// The facts under the locks. The maps with `usize` keys have a command's index in its batch as the key.
struct Loaded {
    /// The last number and the number of members.
    counters: HashMap<ConversationId, (Seq, i64)>,
    conversations: HashMap<ConversationId, (ConversationKind, Option<GroupName>)>,
    actors: HashMap<usize, Member>,
    targets: HashMap<usize, (User, Option<Role>)>,
    messages: HashMap<usize, Message>,
}

impl Loaded {
    /// Decides a command. Returns the verdict, and the number that the command's event would have. Consumes the command's facts, so that
    /// each command can be decided once.
    fn decide(&mut self, index: usize, command: &Command) -> Result<(Seq, Verdict)> {
        let no_conversation = || Error::not_found("conversation");
        let (last_seq, member_count) = *self.counters.get(&command.conversation_id).ok_or_else(no_conversation)?;
        let (kind, name) = self.conversations.remove(&command.conversation_id).ok_or_else(no_conversation)?;
        let (target, target_role) = self.targets.remove(&index).unzip();
        let facts = Facts {
            kind,
            name,
            member_count,
            actor: self.actors.remove(&index),
            target,
            target_role: target_role.flatten(),
            message: self.messages.remove(&index),
        };
        decide(command, &facts).map(|verdict| (last_seq + 1, verdict))
    }
}

/// Begins a transaction, locks the counters and loads the facts, all in one round trip.
async fn load(connection: &PgConnection, batch: &[Command]) -> Result<Loaded> {
    connection.prepare(&[LOCK, CONVERSATIONS, ACTORS, TARGETS, MESSAGES]).await?;
    let conversations: Vec<ConversationId> = batch.iter().map(|command| command.conversation_id).collect();
    let actors: Vec<UserId> = batch.iter().map(|command| command.actor_id).collect();
    let targets: Vec<Option<UserId>> = batch.iter().map(|command| command.action.user_id()).collect();
    let ids: Vec<MessageId> = batch.iter().map(Command::lookup_id).collect();
    let has_targets = targets.iter().any(Option::is_some);
    let with_targets: Params<'_> = &[&conversations, &targets];
    let (begun, (counters, conversations, actors, targets, messages)) = join(
        connection.begin(),
        join5(
            connection.send(LOCK, &[&conversations]),
            connection.send(CONVERSATIONS, &[&conversations]),
            connection.send(ACTORS, &[&conversations, &actors]),
            OptionFuture::from(has_targets.then(|| connection.send(TARGETS, with_targets))),
            connection.send(MESSAGES, &[&conversations, &ids]),
        ),
    )
    .await;
    begun?;
    Ok(Loaded {
        counters: map(&counters?, |columns| Ok((columns.next()?, (columns.next()?, columns.next()?))))?,
        conversations: map(&conversations?, |columns| {
            let (id, kind) = (columns.next()?, columns.parsed(ConversationKind::parse)?);
            Ok((id, (kind, columns.next::<Option<String>>()?.map(GroupName::from_trusted))))
        })?,
        actors: map(&actors?, |columns| Ok((command_index(columns)?, member(columns)?)))?,
        targets: map(&targets.transpose()?.unwrap_or_default(), |columns| {
            let (index, target) = (command_index(columns)?, user(columns)?);
            let role: Option<&str> = columns.next()?;
            Ok((index, (target, role.and_then(Role::parse))))
        })?,
        messages: map(&messages?, |columns| Ok((command_index(columns)?, message(columns)?)))?,
    })
}

fn map<K: std::hash::Hash + Eq, V>(
    rows: &[Row],
    read: impl Fn(&mut Columns<'_>) -> Result<(K, V)>,
) -> Result<HashMap<K, V>> {
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Reads the index of a command in its batch. PostgreSQL counts from 1.
fn command_index(columns: &mut Columns<'_>) -> Result<usize> {
    let ordinality: i64 = columns.next()?;
    usize::try_from(ordinality - 1).map_err(Error::internal)
}
