//! Inputs of the operations on users.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::UserId;

/// `user.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListUsers {
    /// The beginning of a username or a name.
    pub q: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `user.get`, and every operation on one user that takes nothing else
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct GetUser {
    pub user_id: UserId,
}
