//! Accounts: users as an operator sees and changes them.

use async_trait::async_trait;

use crate::domain::account::{Account, AccountChange};
use crate::domain::{Result, SessionId, Timestamp, UserId};

/// The store's methods for accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Inserts a user. Fails with `username_taken` as [`insert_user`](super::Users::insert_user) does.
    async fn insert_account(&self, account: &Account, password_hash: &str) -> Result<()>;

    /// Returns an account.
    async fn account(&self, id: UserId) -> Result<Option<Account>>;

    /// Returns the account with this folded username.
    async fn account_of(&self, username_key: &str) -> Result<Option<Account>>;

    /// Returns those of these accounts that exist, in no order.
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Account>>;

    /// Changes an account and, in the same transaction, ends the user's live sessions if the change does that. Returns the account as it
    /// is then, and the ended sessions. `None` if there is no such user.
    async fn change_account(
        &self,
        id: UserId,
        change: &AccountChange,
        at: Timestamp,
    ) -> Result<Option<(Account, Vec<SessionId>)>>;
}
