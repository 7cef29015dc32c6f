//! Committing a revision of a message: one transaction, two round trips, the decision between them.

use futures_util::future::join4;

use super::change::{Counter, LOCK, ROLE};
use super::connection::PgConnection;
use super::messages::message;
use super::rows::Columns;
use crate::domain::Result;
use crate::domain::command::{Outcome, Revision};
use crate::domain::conversation::Role;
use crate::domain::event::{Event, Happening};
use crate::domain::message::Message;
use crate::domain::revision::{self, Revised};
use crate::store::queries;

/// All that both round trips say.
const STATEMENTS: [&str; 6] = [
    LOCK,
    ROLE,
    queries::messages::MESSAGE,
    queries::messages::REVISE_MESSAGE,
    queries::messages::INSERT_CHANGE,
    queries::heads::ADVANCE_COUNTER,
];

/// Commits a revision. Whoever calls bounds the time.
pub(super) async fn revise(connection: &PgConnection, revision: &Revision) -> Result<Outcome> {
    connection.prepare(&STATEMENTS).await?;
    let refused = match look(connection, revision).await {
        Ok((counter, Revised::Changed(happening, message))) => {
            return write(connection, &counter, happening, message).await;
        }
        Ok((_, Revised::Already(message))) => Ok(Outcome::Repeated(message)),
        Err(error) => Err(error),
    };
    // Nothing was written. Should this fail too, the connection is given up and the server rolls back by itself.
    let _ = connection.rollback().await;
    refused
}

/// Begins, locks the counter and judges by what is true under the lock, all in one round trip.
async fn look(connection: &PgConnection, revision: &Revision) -> Result<(Counter, Revised)> {
    let Revision { conversation_id: id, message_id, actor_id, .. } = revision;
    let (begun, counter, role, stored) = join4(
        connection.begin(),
        connection.send(LOCK, &[id]),
        connection.send(ROLE, &[id, actor_id]),
        connection.send(queries::messages::MESSAGE, &[id, message_id]),
    )
    .await;
    begun?;
    let (counter, role, stored) = (counter?, role?, stored?);
    let counter = Counter::of(counter.first())?;
    let role = role.first().map(|row| Columns::of(row).word(Role::parse)).transpose()?;
    let stored = stored.first().map(|row| message(&mut Columns::of(row))).transpose()?;
    Ok((counter, revision::revise(revision, role, stored)?))
}

/// Writes the message as it is now, notes the change and commits, all in one round trip.
async fn write(
    connection: &PgConnection,
    counter: &Counter,
    happening: Happening,
    message: Message,
) -> Result<Outcome> {
    let (id, seq) = (&message.conversation_id, counter.last_seq + 1);
    let (revised, noted, advanced, committed) = join4(
        connection.send_count(
            queries::messages::REVISE_MESSAGE,
            &[id, &message.seq, &message.content, &message.edited_at, &message.deleted_at],
        ),
        connection.send_count(queries::messages::INSERT_CHANGE, &[id, &seq, &happening.change(), &message.seq]),
        // An old message that is mended does not make its conversation the latest.
        connection.send_count(queries::heads::ADVANCE_COUNTER, &[id, &seq, &0_i64, &counter.active_at]),
        connection.commit(),
    )
    .await;
    // In this order: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    revised?;
    noted?;
    advanced?;
    committed?;
    Ok(Outcome::Fresh(Event { seq, happening, message }))
}
