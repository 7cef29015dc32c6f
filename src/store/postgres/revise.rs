//! Committing a revision of a message: one transaction, two round trips, the decision between them.

use futures_util::future::join4;

use super::change::{Counter, LOCK, ROLE};
use super::link::Link;
use super::rows::{self, Columns};
use crate::domain::Result;
use crate::domain::command::{Outcome, Revision};
use crate::domain::conversation::Role;
use crate::domain::event::{Event, Happening};
use crate::domain::message::Message;
use crate::domain::revision::{self, Revised};
use crate::store::queries;

/// All that both round trips say.
const STATEMENTS: [&str; 6] =
    [LOCK, ROLE, queries::MESSAGE, queries::REVISE_MESSAGE, queries::INSERT_CHANGE, queries::ADVANCE_COUNTER];

/// Commits a revision. Whoever calls bounds the time.
pub(super) async fn revise(link: &Link, revision: &Revision) -> Result<Outcome> {
    link.prepare(&STATEMENTS).await?;
    let refused = match look(link, revision).await {
        Ok((counter, Revised::Changed(happening, message))) => return write(link, &counter, happening, message).await,
        Ok((_, Revised::Already(message))) => Ok(Outcome::Repeated(message)),
        Err(error) => Err(error),
    };
    // Nothing was written. Should this fail too, the link is given up and the server rolls back by itself.
    let _ = link.rollback().await;
    refused
}

/// Begins, locks the counter and judges by what is true under the lock, all in one round trip.
async fn look(link: &Link, revision: &Revision) -> Result<(Counter, Revised)> {
    let Revision { conversation_id: id, message_id, actor_id, .. } = revision;
    let (begun, counter, role, stored) = join4(
        link.begin(),
        link.send(LOCK, &[id]),
        link.send(ROLE, &[id, actor_id]),
        link.send(queries::MESSAGE, &[id, message_id]),
    )
    .await;
    begun?;
    let (counter, role, stored) = (counter?, role?, stored?);
    let counter = Counter::of(counter.first())?;
    let role = role.first().map(|row| Columns::of(row).word(Role::parse)).transpose()?;
    let stored = stored.first().map(|row| rows::message(&mut Columns::of(row))).transpose()?;
    Ok((counter, revision::revise(revision, role, stored)?))
}

/// Writes the message as it is now, notes the change and commits, all in one round trip.
async fn write(link: &Link, counter: &Counter, happening: Happening, message: Message) -> Result<Outcome> {
    let (id, seq) = (&message.conversation_id, counter.last_seq + 1);
    let (revised, noted, advanced, committed) = join4(
        link.send_count(
            queries::REVISE_MESSAGE,
            &[id, &message.seq, &message.content, &message.edited_at, &message.deleted_at],
        ),
        link.send_count(queries::INSERT_CHANGE, &[id, &seq, &happening.change(), &message.seq]),
        // An old message that is mended does not make its conversation the latest.
        link.send_count(queries::ADVANCE_COUNTER, &[id, &seq, &0_i64, &counter.active_at]),
        link.commit(),
    )
    .await;
    // In this order: after a failure PostgreSQL answers COMMIT with a ROLLBACK that looks like a success.
    revised?;
    noted?;
    advanced?;
    committed?;
    Ok(Outcome::Fresh(Event { seq, happening, message }))
}
