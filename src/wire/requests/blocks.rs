//! Inputs of the operations on blocks.

use serde::Deserialize;

use super::PageLimit;

/// `block.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListBlocks {
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}
