//! What somebody who connects is told first.

use futures_util::future::try_join3;

use super::link::{Link, Params};
use super::rows::{self, Columns};
use super::rows_at_most;
use crate::domain::session::Caller;
use crate::domain::user::Arrival;
use crate::domain::{ConversationId, Result};
use crate::store::queries;

/// user, conversation (NULL for none), limit
const COMPANY: &str = "SELECT k.last_seq, ARRAY(SELECT user_id FROM members WHERE conversation_id = $2 LIMIT $3) \
     FROM members mb JOIN counters k ON k.conversation_id = mb.conversation_id \
     WHERE mb.user_id = $1 AND mb.conversation_id = $2";

/// All of it in one round trip.
pub(super) async fn arrival(
    link: &Link,
    caller: &Caller,
    to: Option<ConversationId>,
    limit: usize,
) -> Result<Option<Arrival>> {
    link.prepare(&[queries::ARRIVAL, queries::SESSION, COMPANY]).await?;
    let limit = rows_at_most(limit);
    let (user, session): (Params<'_>, Params<'_>) = (&[&caller.user_id], &[&caller.session_id]);
    let company: Params<'_> = &[&caller.user_id, &to, &limit];
    let (users, sessions, companies) =
        try_join3(link.send(queries::ARRIVAL, user), link.send(queries::SESSION, session), link.send(COMPANY, company))
            .await?;
    let Some(row) = users.first() else { return Ok(None) };
    let mut arrival = rows::arrival(&mut Columns::of(row))?;
    arrival.session = sessions.first().map(|row| rows::session(&mut Columns::of(row))).transpose()?;
    arrival.company = companies.first().map(|row| rows::company(&mut Columns::of(row))).transpose()?;
    Ok(Some(arrival))
}
