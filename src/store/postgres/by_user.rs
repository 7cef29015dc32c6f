//! Expired rows of users, on a database whose tables are distributed by user: Citus locks and chooses rows of one shard at a time. So one statement
//! finds the rows, on every shard, and each row is deleted by a statement of its own.

use futures_util::future::join_all;
use tokio_postgres::types::{FromSqlOwned, ToSql};

use super::{Postgres, bounded, rows};
use crate::domain::{Result, Timestamp, UserId};

impl Postgres {
    /// Deletes the rows whose users and further keys `find` returns for a time and a limit. `delete` takes a row's user and key, and the time.
    ///
    /// Two nodes may find the same rows. They cannot wait for each other, because each deletion is a transaction of its own.
    pub(super) async fn sweep_by_user<K: FromSqlOwned + ToSql + Send + Sync>(
        &self,
        find: &'static str,
        delete: &'static str,
        at: Timestamp,
        limit: i64,
    ) -> Result<()> {
        bounded(async {
            let connection = &*self.connection().await?;
            let expired: Vec<(UserId, K)> = rows::all(&connection.rows(find, &[&at, &limit]).await?, rows::pair)?;
            if expired.is_empty() {
                return Ok(());
            }
            connection.prepare(&[delete]).await?;
            let deletions = expired
                .iter()
                .map(|(user_id, key)| async move { connection.send_count(delete, &[user_id, key, &at]).await });
            join_all(deletions).await.into_iter().try_for_each(|deleted| deleted.map(drop))
        })
        .await
    }
}
