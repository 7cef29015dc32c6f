//! Inputs of the operations on reports.

use serde::Deserialize;

use super::PageLimit;
use crate::domain::ReportId;

/// `report.list`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ListReports {
    /// `open` or `settled`. By default `open`.
    pub state: Option<String>,
    /// The `next` of the previous page.
    pub cursor: Option<String>,
    #[serde(default)]
    pub limit: PageLimit,
}

/// `report.settle`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct SettleReport {
    pub report_id: ReportId,
    /// `dismissed`, or `removed`, which removes the message.
    pub resolution: String,
}
