//! Inputs of the operations on sessions.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::SessionId;

/// `session.login`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Login {
    /// In upper or lower case.
    pub username: String,
    pub password: String,
}

/// `session.refresh`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Refresh {
    pub refresh_token: String,
}

/// `session.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListSessions {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `session.end`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct OneSession {
    pub session_id: SessionId,
}
