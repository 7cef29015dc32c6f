//! Locks of users. Transactions that change the memberships, the blocks or the states of the same users wait for each other here, and a deletion of a user waits for
//! them all. A transaction locks users once, behind the counter of its conversation, and all in one order.
//!
//! On plain PostgreSQL the lock is that of the user's row. On a distributed database every worker has the row, and a lock of it would be one on all of them, in a
//! line with all others of the table. There it is an advisory lock on the coordinator, to which every node of this server connects.

use futures_util::future::{join, join4};
use tokio_postgres::Row;

use super::connection::{Params, PgConnection};
use super::{Postgres, bounded};
use crate::domain::{Result, UserId};
use crate::limits;

/// users
const LOCK_USERS: &str = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
/// users. The columns: id, and who may begin a conversation with the user.
const LOCK_LIVE_USERS: &str =
    "SELECT id, contact_from FROM users WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE";
/// users. The columns are those of [`LOCK_LIVE_USERS`].
const LIVE_USERS: &str = "SELECT id, contact_from FROM users WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id";
/// A number of this server's, and slots in their order. The locks end with the transaction. Later statements see what their last holders committed.
const LOCK_SLOTS: &str = "SELECT pg_advisory_xact_lock($1, slot) FROM unnest($2::int[]) AS w (slot)";

/// user. Makes Citus number the transaction, which it does with its first statement for a worker. Citus looks for deadlocks over all servers by these numbers, and takes
/// transactions that wait without one for one and the same: it would find deadlocks that are none.
const NUMBER_TRANSACTION: &str = "SELECT 1 FROM user_states WHERE user_id = $1";

/// The number of the locks: "user" in ASCII. Locks with two numbers are none of those with one, of which a migration takes some.
const CLASS: i32 = 0x7573_6572;

/// Prepares the statements of the functions below.
pub(super) async fn prepare(connection: &PgConnection) -> Result<()> {
    if connection.is_distributed() {
        return connection.prepare(&[NUMBER_TRANSACTION, LOCK_SLOTS, LIVE_USERS]).await;
    }
    connection.prepare(&[LOCK_USERS, LOCK_LIVE_USERS]).await
}

/// Locks users for the rest of the transaction, those too that are deleted.
pub(super) async fn lock(connection: &PgConnection, users: &[UserId]) -> Result<()> {
    if connection.is_distributed() {
        return lock_slots(connection, users).await;
    }
    connection.send(LOCK_USERS, &[&users]).await.map(drop)
}

/// Locks users, and returns those that live: the id, and who may begin a conversation with the user.
pub(super) async fn lock_live(connection: &PgConnection, users: &[UserId]) -> Result<Vec<Row>> {
    if !connection.is_distributed() {
        return connection.send(LOCK_LIVE_USERS, &[&users]).await;
    }
    let (locked, live) = join(lock_slots(connection, users), connection.send(LIVE_USERS, &[&users])).await;
    locked?;
    live
}

/// Locks a user on a distributed database. Does nothing on plain PostgreSQL, where the caller's next statement takes a stronger lock of the row: two locks one after the
/// other would deadlock with a login, which holds the row's key.
pub(super) async fn lock_where_distributed(connection: &PgConnection, user_id: UserId) -> Result<()> {
    if !connection.is_distributed() {
        return Ok(());
    }
    lock_slots(connection, &[user_id]).await
}

impl Postgres {
    /// Runs a statement that changes users, behind their locks. One transaction in one round trip.
    pub(super) async fn change_users(&self, users: &[UserId], sql: &'static str, params: Params<'_>) -> Result<()> {
        bounded(async {
            let connection = self.connection().await?;
            prepare(&connection).await?;
            connection.prepare(&[sql]).await?;
            let (begun, locked, changed, committed) = join4(
                connection.begin(),
                lock(&connection, users),
                connection.send_count(sql, params),
                connection.commit(),
            )
            .await;
            begun?;
            locked?;
            changed?;
            committed
        })
        .await
    }
}

async fn lock_slots(connection: &PgConnection, users: &[UserId]) -> Result<()> {
    let Some(first) = users.first() else { return Ok(()) };
    let slots = slots(users);
    // Boxed: the caller's futures stay small.
    let (numbered, locked) =
        Box::pin(join(connection.send(NUMBER_TRANSACTION, &[first]), connection.send(LOCK_SLOTS, &[&CLASS, &slots])))
            .await;
    numbered?;
    locked.map(drop)
}

/// Returns the slots of users, each once, in their order. The end of an id is random. Users share slots, so that a transaction with all members of a large
/// group does not fill PostgreSQL's table of locks.
fn slots(users: &[UserId]) -> Vec<i32> {
    let slot = |id: &UserId| {
        let [.., high, low] = *id.0.as_bytes();
        i32::from(u16::from_be_bytes([high, low]) % limits::USER_LOCK_SLOTS)
    };
    let mut slots: Vec<i32> = users.iter().map(slot).collect();
    slots.sort_unstable();
    slots.dedup();
    slots
}

#[cfg(test)]
mod tests {
    use super::slots;
    use crate::domain::UserId;
    use crate::limits;

    #[test]
    fn slots_are_in_order_and_bounded() {
        let users: Vec<UserId> = (0..100_000).map(|_| UserId::new()).collect();
        let all = slots(&users);
        assert_eq!(all.len(), usize::from(limits::USER_LOCK_SLOTS), "and users are spread over all of them");
        assert!(all.is_sorted());
        assert_eq!(slots(&[users[0], users[0]]), slots(&users[..1]));
    }
}
