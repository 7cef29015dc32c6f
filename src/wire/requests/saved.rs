//! Inputs of the operations on saved messages.

use serde::Deserialize;

use super::PageLimit;

/// `saved.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListSaved {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}
