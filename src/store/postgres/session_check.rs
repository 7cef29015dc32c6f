//! Finds out if a pooler stands before PostgreSQL that gives a connection another session with each transaction.
//!
//! Such a pooler (PgBouncer with `pool_mode=transaction` or `statement`) keeps none of what belongs to a session. Settings would reach the
//! clients of other programs and miss the transactions that they are for. Names of prepared statements would mean the statements of others.

use tokio_postgres::{Client, Error as Failure, SimpleQueryMessage};

/// The order in which two connections ask for their sessions. A pooler that has one session, that gives out the one that was used last, or
/// that gives out the one that has rested longest, differs from two sessions within the first three questions.
const ORDER: [usize; 4] = [0, 1, 1, 0];
/// Repetitions of [`ORDER`]. While other clients use the pooler, chance can give a connection the session that it had before, but hardly seven
/// times to both.
const ROUNDS: usize = 4;

/// Returns true if each of two connections keeps a session of its own.
pub(super) async fn have_own_sessions(clients: [&Client; 2]) -> Result<bool, Failure> {
    let mut sessions = [None, None];
    for index in ORDER.into_iter().cycle().take(ROUNDS * ORDER.len()) {
        let session = session(clients[index]).await?;
        if sessions[1 - index] == session
            || sessions[index].as_ref().is_some_and(|known| Some(known) != session.as_ref())
        {
            return Ok(false);
        }
        sessions[index] = session;
    }
    Ok(true)
}

/// Returns the process that runs a client's transaction. Without a prepared statement, which such a pooler may refuse.
async fn session(client: &Client) -> Result<Option<String>, Failure> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
