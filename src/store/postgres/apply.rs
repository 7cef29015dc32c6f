//! Committing a batch of commands: one transaction, two round trips, the decisions between them.

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

/// conversations. A statement of its own, and in one order for all, as in [`super::commit`].
const LOCK: &str = "SELECT conversation_id, last_seq, member_count FROM counters WHERE conversation_id = ANY($1) \
     ORDER BY conversation_id FOR UPDATE";
/// conversations
const CONVERSATIONS: &str = "SELECT id, type, name FROM conversations WHERE id = ANY($1)";
/// conversations, users: one element of each array a command
const ACTORS: &str = concat!(
    "SELECT w.place, ",
    member_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
     JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id \
     JOIN users u ON u.id = mb.user_id"
);
/// conversations, users (NULL where the action concerns none): one element of each array a command
const TARGETS: &str = concat!(
    "SELECT w.place, ",
    user_columns!(),
    ", mb.role FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, user_id, place) \
     JOIN users u ON u.id = w.user_id \
     LEFT JOIN members mb ON mb.conversation_id = w.conversation_id AND mb.user_id = w.user_id"
);
/// conversations, ids: one element of each array a command
const MESSAGES: &str = concat!(
    "SELECT w.place, ",
    message_columns!(),
    " FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS w (conversation_id, id, place) \
     JOIN messages m ON m.conversation_id = w.conversation_id AND m.id = w.id"
);

/// Commits a batch. The caller bounds the time.
pub(super) async fn apply(connection: &PgConnection, batch: &[Command]) -> Result<Vec<Result<Outcome>>> {
    let mut loaded = match load(connection, batch).await {
        Ok(loaded) => loaded,
        Err(error) => {
            // Nothing was written. Should this fail too, the connection is given up and the server rolls back by itself.
            let _ = connection.rollback().await;
            return Err(error);
        }
    };
    let mut writes = Writes::default();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (place, command) in batch.iter().enumerate() {
        outcomes.push(match loaded.decide(place, command) {
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

/// What is true under the locks.
struct Loaded {
    /// Its last number and its number of members.
    counters: HashMap<ConversationId, (Seq, i64)>,
    conversations: HashMap<ConversationId, (ConversationKind, Option<GroupName>)>,
    actors: HashMap<usize, Member>,
    targets: HashMap<usize, (User, Option<Role>)>,
    messages: HashMap<usize, Message>,
}

impl Loaded {
    /// Decides a command, each once. Returns the number that its event would have.
    fn decide(&mut self, place: usize, command: &Command) -> Result<(Seq, Verdict)> {
        let no_conversation = || Error::not_found("conversation");
        let (last_seq, member_count) = *self.counters.get(&command.conversation_id).ok_or_else(no_conversation)?;
        let (kind, name) = self.conversations.remove(&command.conversation_id).ok_or_else(no_conversation)?;
        let (target, target_role) = self.targets.remove(&place).unzip();
        let facts = Facts {
            kind,
            name,
            member_count,
            actor: self.actors.remove(&place),
            target,
            target_role: target_role.flatten(),
            message: self.messages.remove(&place),
        };
        decide(command, &facts).map(|verdict| (last_seq + 1, verdict))
    }
}

/// Begins, locks the counters and loads the facts, all in one round trip.
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
            let (id, kind) = (columns.next()?, columns.word(ConversationKind::parse)?);
            Ok((id, (kind, columns.next::<Option<String>>()?.map(GroupName::from_trusted))))
        })?,
        actors: map(&actors?, |columns| Ok((place(columns)?, member(columns)?)))?,
        targets: map(&targets.transpose()?.unwrap_or_default(), |columns| {
            let (place, target) = (place(columns)?, user(columns)?);
            let role: Option<&str> = columns.next()?;
            Ok((place, (target, role.and_then(Role::parse))))
        })?,
        messages: map(&messages?, |columns| Ok((place(columns)?, message(columns)?)))?,
    })
}

fn map<K: std::hash::Hash + Eq, V>(
    rows: &[Row],
    read: impl Fn(&mut Columns<'_>) -> Result<(K, V)>,
) -> Result<HashMap<K, V>> {
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// The place of a command in its batch; PostgreSQL counts from 1.
fn place(columns: &mut Columns<'_>) -> Result<usize> {
    let place: i64 = columns.next()?;
    usize::try_from(place - 1).map_err(Error::internal)
}
