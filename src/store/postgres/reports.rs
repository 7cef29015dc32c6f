//! Reports, and removals of messages by operators.

use async_trait::async_trait;

use super::Postgres;
use super::connection::Params;
use super::messages::outer_joined_message;
use super::rows::{self, Columns};
use crate::domain::report::{Report, ReportFacts, ReportReason, ReportView, Resolution};
use crate::domain::{ConversationId, Error, MessageId, ReportId, Result, Timestamp, UserId};
use crate::limits;
use crate::store::queries::reports::{
    INSERT_REPORT, OPEN_REPORTS, REMOVALS, REPORT, REPORT_FACTS, SETTLE_REPORTS, SETTLED_REPORTS, SWEEP_REMOVALS,
    SWEEP_REPORTS,
};
use crate::store::queries::row_limit;
use crate::store::reports::{FIRST, Reports};

/// Reads the columns of `REPORT_FACTS`.
fn facts(columns: &mut Columns<'_>) -> Result<ReportFacts> {
    Ok(ReportFacts {
        is_reported: columns.next()?,
        open_of_reporter: columns.next()?,
        open: columns.next()?,
        message: outer_joined_message(columns)?,
    })
}

/// Reads the columns of `report_view_select!`.
fn view(columns: &mut Columns<'_>) -> Result<ReportView> {
    let report = Report {
        id: columns.next()?,
        reporter_id: columns.next()?,
        conversation_id: columns.next()?,
        message_id: columns.next()?,
        sender_id: columns.next()?,
        content: columns.next()?,
        sent_at: columns.next()?,
        reason: columns.next::<Option<String>>()?.map(ReportReason::from_trusted),
        created_at: columns.next()?,
        settled: columns.next::<Option<Timestamp>>()?.zip(resolution(columns)?),
    };
    Ok(ReportView { report, reporter_username: columns.next()?, sender_username: columns.next()? })
}

fn resolution(columns: &mut Columns<'_>) -> Result<Option<Resolution>> {
    Ok(columns.next::<Option<&str>>()?.and_then(Resolution::parse))
}

#[async_trait]
impl Reports for Postgres {
    async fn report_facts(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
    ) -> Result<Option<ReportFacts>> {
        let (own, all) = (&limits::REPORTS_PER_USER_MAX, &limits::REPORTS_MAX);
        self.one(REPORT_FACTS, &[&conversation_id, &user_id, &message_id, own, all], facts).await
    }

    async fn insert_report(&self, report: &Report) -> Result<()> {
        let reason = report.reason.as_ref().map(ReportReason::as_str);
        let row: Params<'_> = &[
            &report.id,
            &report.reporter_id,
            &report.conversation_id,
            &report.message_id,
            &report.sender_id,
            &report.content,
            &report.sent_at,
            &reason,
            &report.created_at,
        ];
        self.count(INSERT_REPORT, row).await.map(drop)
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportView>> {
        self.one(REPORT, &[&id], view).await
    }

    async fn reports(&self, settled: bool, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportView>> {
        let statement = if settled { SETTLED_REPORTS } else { OPEN_REPORTS };
        self.all(statement, &[&after.unwrap_or(FIRST), &row_limit(limit)], view).await
    }

    async fn settle_reports(
        &self,
        conversation_id: ConversationId,
        message_id: MessageId,
        resolution: Resolution,
        at: Timestamp,
    ) -> Result<()> {
        self.count(SETTLE_REPORTS, &[&conversation_id, &message_id, &at, &resolution.as_str()]).await.map(drop)
    }

    async fn sweep_reports(&self, before: Timestamp, limit: usize) -> Result<usize> {
        swept(self.count(SWEEP_REPORTS, &[&before, &row_limit(limit)]).await?)
    }

    async fn removals(&self, since: Timestamp, limit: usize) -> Result<Vec<(ConversationId, MessageId)>> {
        self.all(REMOVALS, &[&since, &row_limit(limit)], rows::pair).await
    }

    async fn sweep_removals(&self, before: Timestamp, limit: usize) -> Result<usize> {
        swept(self.count(SWEEP_REMOVALS, &[&before, &row_limit(limit)]).await?)
    }
}

fn swept(rows: u64) -> Result<usize> {
    usize::try_from(rows).map_err(Error::internal)
}
