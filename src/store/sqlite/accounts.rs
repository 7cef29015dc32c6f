//! Accounts.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::rows::{Columns, value};
use super::sql::{all, one, run, sql};
use super::users::{insert_user, user};
use crate::domain::account::{Account, AccountChange};
use crate::domain::quotas::{Quotas, QuotasChange};
use crate::domain::{Result, SessionId, Timestamp, UserId};
use crate::store::Accounts;
use crate::store::queries::accounts::{ACCOUNT, ACCOUNT_OF, CHANGE_ACCOUNT};
use crate::store::queries::sessions::END_OTHER_SESSIONS;

/// Reads `account_columns!`.
fn account(columns: &mut Columns<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        user: user(columns)?,
        is_admin: columns.next()?,
        disabled_at: columns.next()?,
        quotas: Quotas::from_stored(columns.next()?, columns.next()?),
    })
}

#[async_trait]
impl Accounts for Sqlite {
    async fn insert_account(&self, account: &Account, password_hash: &str) -> Result<()> {
        let (account, password_hash) = (account.clone(), password_hash.to_owned());
        self.write(move |db| insert_user(db, &account.user, &password_hash, account.is_admin)).await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>> {
        self.read(move |db| one(db, sql!(ACCOUNT), params![id], account)).await
    }

    async fn account_of(&self, username_key: &str) -> Result<Option<Account>> {
        let key = username_key.to_owned();
        self.read(move |db| one(db, sql!(ACCOUNT_OF), params![key], account)).await
    }

    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Account>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let found = ids.into_iter().map(|id| one(db, sql!(ACCOUNT), params![id], account));
            found.filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn change_account(
        &self,
        id: UserId,
        change: &AccountChange,
        at: Timestamp,
    ) -> Result<Option<(Account, Vec<SessionId>)>> {
        let change = change.clone();
        self.write(move |db| {
            let AccountChange { password_hash, is_admin, disabled, quotas: QuotasChange { conversations, new_a_day } } =
                &change;
            let changed = params![id, password_hash, is_admin, disabled, at, conversations, new_a_day];
            run(db, sql!(CHANGE_ACCOUNT), changed)?;
            let ended = if change.ends_sessions() {
                all(db, sql!(END_OTHER_SESSIONS), params![id, None::<SessionId>, at], value)?
            } else {
                Vec::new()
            };
            Ok(one(db, sql!(ACCOUNT), params![id], account)?.map(|account| (account, ended)))
        })
        .await
    }
}
