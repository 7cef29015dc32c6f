//! Committing a change of members or name: one transaction, two round trips, the decision between them.

use futures_util::future::{join, join_all};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connection::{Params, PgConnection};
use super::members::member;
use super::messages::message;
use super::rows::Columns;
use super::users::user;
use crate::domain::command::{Change, Outcome};
use crate::domain::conversation::{Kind, Role, Title};
use crate::domain::event::Event;
use crate::domain::membership::{Decision, Effect, Facts, decide};
use crate::domain::message::{Message, Note};
use crate::domain::{Error, Result, Seq, Timestamp};
use crate::store::queries;

/// conversation
pub(super) const LOCK: &str =
    "SELECT last_seq, member_count, active_at FROM counters WHERE conversation_id = $1 FOR UPDATE";
/// conversation
const KIND_AND_NAME: &str = "SELECT type, name FROM conversations WHERE id = $1";
/// conversation, user
pub(super) const ROLE: &str = "SELECT role FROM members WHERE conversation_id = $1 AND user_id = $2";
/// conversation, user, seq
const RECEIVED: &str = "UPDATE members SET delivered_seq = greatest(delivered_seq, $3), read_seq = greatest(read_seq, $3) \
     WHERE conversation_id = $1 AND user_id = $2";

/// A conversation's counter as it is under the lock.
pub(super) struct Counter {
    pub(super) last_seq: Seq,
    member_count: i64,
    pub(super) active_at: Timestamp,
}

impl Counter {
    /// From a row of [`LOCK`]; without one there is no such conversation.
    pub(super) fn of(row: Option<&Row>) -> Result<Self> {
        let mut columns = Columns::of(row.ok_or_else(|| Error::not_found("conversation"))?);
        Ok(Self { last_seq: columns.next()?, member_count: columns.next()?, active_at: columns.next()? })
    }
}

/// What the first round trip finds.
enum Found {
    Message(Message),
    Facts(Counter, Box<Facts>),
}

/// What the first round trip asks, in this order.
const LOOK: [&str; 6] =
    [LOCK, queries::messages::MESSAGE, KIND_AND_NAME, queries::members::MEMBER, queries::users::USER, ROLE];
/// What the second one may say.
const WRITE: [&str; 8] = [
    queries::members::INSERT_MEMBER,
    queries::members::DELETE_MEMBER,
    queries::members::SET_ROLE,
    queries::conversations::SET_NAME,
    queries::members::RAISE_MEMBERSHIP_VERSION,
    queries::messages::INSERT_MESSAGE,
    queries::heads::ADVANCE_COUNTER,
    RECEIVED,
];

/// Commits a change. Whoever calls bounds the time.
pub(super) async fn change(connection: &PgConnection, change: &Change) -> Result<Outcome> {
    connection.prepare(&LOOK).await?;
    connection.prepare(&WRITE).await?;
    let refused = match look(connection, change).await {
        Ok(Found::Message(stored)) => Outcome::repeated(stored, change.actor_id, true),
        Ok(Found::Facts(counter, facts)) => match decide(&change.action, &facts) {
            Ok(Some(decision)) => return write(connection, change, &counter, decision).await,
            Ok(None) => Ok(Outcome::Unchanged),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    // Nothing was written. Should this fail too, the connection is given up and the server rolls back by itself.
    let _ = connection.rollback().await;
    refused
}

/// Begins, locks the counter and gathers what is true under the lock, all in one round trip.
async fn look(connection: &PgConnection, change: &Change) -> Result<Found> {
    let (id, actor_id) = (&change.conversation_id, &change.actor_id);
    // A change of the name concerns nobody; whoever wants it is asked for once more, and not looked at.
    let target_id = &change.action.user_id().unwrap_or(change.actor_id);
    let params: [Params<'_>; 6] = [&[id], &[id, &change.id], &[id], &[id, actor_id], &[target_id], &[id, target_id]];
    let asked = LOOK.into_iter().zip(params).map(|(sql, params)| connection.send(sql, params));
    let (begun, answers) = join(connection.begin(), join_all(asked)).await;
    begun?;
    let mut answers = answers.into_iter();
    let mut first =
        || -> Result<Option<Row>> { Ok(answers.next().transpose()?.and_then(|rows| rows.into_iter().next())) };

    let counter = Counter::of(first()?.as_ref())?;
    if let Some(row) = first()? {
        return message(&mut Columns::of(&row)).map(Found::Message);
    }
    let conversation = first()?.ok_or_else(|| Error::not_found("conversation"))?;
    let mut columns = Columns::of(&conversation);
    let facts = Facts {
        kind: columns.word(Kind::parse)?,
        name: columns.next::<Option<String>>()?.map(Title::stored),
        member_count: counter.member_count,
        actor: first()?.map(|row| member(&mut Columns::of(&row))).transpose()?,
        target: first()?.map(|row| user(&mut Columns::of(&row))).transpose()?,
        target_role: first()?.map(|row| Columns::of(&row).word(Role::parse)).transpose()?,
    };
    Ok(Found::Facts(counter, Box::new(facts)))
}

/// A parameter that owns its value.
type Value = Box<dyn ToSql + Sync + Send>;

/// The statements of the second round trip.
#[derive(Default)]
struct Writes(Vec<(&'static str, Vec<Value>)>);

impl Writes {
    fn add(&mut self, sql: &'static str, values: Vec<Value>) {
        self.0.push((sql, values));
    }
}

/// Applies the decision, notes it and commits, all in one round trip.
async fn write(connection: &PgConnection, change: &Change, counter: &Counter, decision: Decision) -> Result<Outcome> {
    let (id, actor_id) = (change.conversation_id, change.actor_id);
    let seq = counter.last_seq + 1;
    let mut writes = Writes::default();
    let mut growth: i64 = 0;
    for effect in decision.effects {
        match effect {
            Effect::Insert(user_id, role) => {
                growth += 1;
                let values: Vec<Value> = vec![
                    Box::new(id),
                    Box::new(user_id),
                    Box::new(role.as_str()),
                    Box::new(change.timestamp),
                    Box::new(seq),
                ];
                writes.add(queries::members::INSERT_MEMBER, values);
                writes.add(queries::members::RAISE_MEMBERSHIP_VERSION, vec![Box::new(user_id)]);
            }
            Effect::Delete(user_id) => {
                growth -= 1;
                writes.add(queries::members::DELETE_MEMBER, vec![Box::new(id), Box::new(user_id)]);
                writes.add(queries::members::RAISE_MEMBERSHIP_VERSION, vec![Box::new(user_id)]);
            }
            Effect::SetRole(user_id, role) => {
                writes.add(queries::members::SET_ROLE, vec![Box::new(id), Box::new(role.as_str()), Box::new(user_id)]);
            }
            Effect::SetName(name) => {
                writes.add(queries::conversations::SET_NAME, vec![Box::new(id), Box::new(name.as_str().to_owned())]);
            }
        }
    }
    let message = Message {
        id: change.id,
        conversation_id: id,
        seq,
        sender_id: actor_id,
        content: decision.content,
        reply_to: None,
        timestamp: change.timestamp,
        edited_at: None,
        deleted_at: None,
        note: Some(decision.note),
    };
    writes.add(queries::messages::INSERT_MESSAGE, columns_of(&message));
    let active_at = counter.active_at.max(change.timestamp);
    writes
        .add(queries::heads::ADVANCE_COUNTER, vec![Box::new(id), Box::new(seq), Box::new(growth), Box::new(active_at)]);
    writes.add(RECEIVED, vec![Box::new(id), Box::new(actor_id), Box::new(seq)]);

    let requests = writes.0.iter().map(async |(sql, values)| {
        let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        connection.send_count(sql, &params).await
    });
    let (written, committed) = join(join_all(requests), connection.commit()).await;
    for answer in written {
        answer?;
    }
    committed?;
    Ok(Outcome::Fresh(Event::created(message)))
}

/// A message's values, in the order of `message_columns!`.
fn columns_of(message: &Message) -> Vec<Value> {
    let note = message.note.as_ref();
    vec![
        Box::new(message.id),
        Box::new(message.conversation_id),
        Box::new(message.seq),
        Box::new(message.sender_id),
        Box::new(message.content.clone()),
        Box::new(message.reply_to),
        Box::new(message.timestamp),
        Box::new(message.edited_at),
        Box::new(message.deleted_at),
        Box::new(note.map(Note::kind)),
        Box::new(note.and_then(Note::user_id)),
        Box::new(note.and_then(Note::value).map(str::to_owned)),
    ]
}
