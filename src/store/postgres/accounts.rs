//! Accounts.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join3, join5};

use super::connection::{Params, PgConnection};
use super::rows::{self, Columns};
use super::sessions::end_missed_sessions;
use super::user_states::add_last_seen;
use super::users::{LOCK_USER, NewUser, insert_user, user};
use super::{Postgres, bounded, user_locks};
use crate::domain::account::{Account, AccountChange};
use crate::domain::quotas::{Quotas, QuotasChange};
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::store::Accounts;
use crate::store::queries::accounts::{ACCOUNT, ACCOUNT_OF, CHANGE_ACCOUNT, account_columns};
use crate::store::queries::sessions::END_OTHER_SESSIONS;
use crate::store::queries::users::user_columns;

/// users
const ACCOUNTS: &str =
    concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id = ANY($1) AND u.deleted_at IS NULL");

/// Reads `account_columns!`.
fn account(columns: &mut Columns<'_>) -> Result<Account> {
    Ok(Account {
        user: user(columns)?,
        is_admin: columns.next()?,
        disabled_at: columns.next()?,
        quotas: Quotas::from_stored(columns.next()?, columns.next()?),
    })
}

#[async_trait]
impl Accounts for Postgres {
    async fn insert_account(&self, account: &Account, password_hash: &str) -> Result<()> {
        let new_user = NewUser::new(&account.user, password_hash, account.is_admin);
        bounded(async { Box::pin(insert_user(&*self.connection().await?, &new_user, None)).await }).await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>> {
        self.one_with_user(ACCOUNT, &[&id], account).await
    }

    async fn account_of(&self, username_key: &str) -> Result<Option<Account>> {
        self.one_with_user(ACCOUNT_OF, &[&username_key], account).await
    }

    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Account>> {
        self.all_with_users(ACCOUNTS, &[&ids], account).await
    }

    async fn change_account(
        &self,
        id: UserId,
        change: &AccountChange,
        at: Timestamp,
    ) -> Result<Option<(Account, Vec<SessionId>)>> {
        bounded(async { Box::pin(change_account(&*self.connection().await?, id, change, at)).await }).await
    }
}

/// One transaction in one round trip.
async fn change_account(
    connection: &PgConnection,
    id: UserId,
    change: &AccountChange,
    at: Timestamp,
) -> Result<Option<(Account, Vec<SessionId>)>> {
    user_locks::prepare(connection).await?;
    connection.prepare(&[LOCK_USER, CHANGE_ACCOUNT, END_OTHER_SESSIONS, ACCOUNT]).await?;
    let AccountChange { password_hash, is_admin, disabled, quotas: QuotasChange { conversations, new_a_day } } = change;
    let changed: Params<'_> = &[&id, password_hash, is_admin, disabled, &at, conversations, new_a_day];
    let ended: Params<'_> = &[&id, &None::<SessionId>, &at];
    let ((begun, in_line, locked), changed, ended, found, committed) = join5(
        join3(
            connection.begin(),
            user_locks::lock_where_distributed(connection, id),
            connection.send(LOCK_USER, &[&id]),
        ),
        connection.send_count(CHANGE_ACCOUNT, changed),
        OptionFuture::from(change.ends_sessions().then(|| connection.send(END_OTHER_SESSIONS, ended))),
        connection.send(ACCOUNT, &[&id]),
        connection.commit(),
    )
    .await;
    begun?;
    in_line?;
    locked?;
    changed?;
    let (ended, found) = (ended.transpose()?.unwrap_or_default(), found?);
    committed?;
    let mut ended: Vec<SessionId> = rows::all(&ended, rows::value)?;
    if change.ends_sessions() {
        ended.extend(end_missed_sessions(connection, id, None, at).await?);
    }
    let mut found = rows::all(&found, account)?;
    add_last_seen(connection, &mut found).await?;
    Ok(found.pop().map(|account| (account, ended)))
}
