//! Reports, and removals of messages by operators.

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::report::{Report, ReportFacts, ReportView, Resolution};
use crate::domain::{ConversationId, MessageId, ReportId, Result, Timestamp, UserId};

/// The position before the first report.
pub(super) const FIRST: ReportId = ReportId(Uuid::nil());

/// The store's methods for reports.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Returns the facts on which a user's report of a message is decided. `None` if the user is not a member of the conversation.
    async fn report_facts(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
    ) -> Result<Option<ReportFacts>>;

    /// Inserts an open report. Changes nothing if its member has reported the message before.
    async fn insert_report(&self, report: &Report) -> Result<()>;

    /// Returns a report.
    async fn report(&self, id: ReportId) -> Result<Option<ReportView>>;

    /// Lists the reports that are settled, or those that are not, the oldest first, of those after `after`.
    async fn reports(&self, settled: bool, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportView>>;

    /// Settles all open reports of a message.
    async fn settle_reports(
        &self,
        conversation_id: ConversationId,
        message_id: MessageId,
        resolution: Resolution,
        at: Timestamp,
    ) -> Result<()>;

    /// Deletes at most `limit` reports that were settled until `before`. Returns the number.
    async fn sweep_reports(&self, before: Timestamp, limit: usize) -> Result<usize>;

    /// Returns the messages that operators removed after `since`, the first removed first, at most `limit`.
    async fn removals(&self, since: Timestamp, limit: usize) -> Result<Vec<(ConversationId, MessageId)>>;

    /// Forgets at most `limit` removals until `before`. Returns the number.
    async fn sweep_removals(&self, before: Timestamp, limit: usize) -> Result<usize>;
}
