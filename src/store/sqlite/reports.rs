//! Reports, and removals of messages by operators.

use async_trait::async_trait;
use rusqlite::params;

use super::Sqlite;
use super::messages::outer_joined_message;
use super::rows::{Columns, pair};
use super::sql::{all, one, run, sql};
use crate::domain::report::{Report, ReportFacts, ReportReason, ReportView, Resolution};
use crate::domain::{ConversationId, MessageId, ReportId, Result, Timestamp, UserId};
use crate::limits;
use crate::store::queries::reports::{
    INSERT_REPORT, OPEN_REPORTS, REMOVALS, REPORT, REPORT_FACTS, SETTLE_REPORTS, SETTLED_REPORTS, SWEEP_REMOVALS,
    SWEEP_REPORTS,
};
use crate::store::queries::row_limit;
use crate::store::reports::{FIRST, Reports};

/// Reads the columns of `REPORT_FACTS`.
fn facts(columns: &mut Columns<'_>) -> rusqlite::Result<ReportFacts> {
    Ok(ReportFacts {
        is_reported: columns.next()?,
        open_of_reporter: columns.next()?,
        open: columns.next()?,
        message: outer_joined_message(columns)?,
    })
}

/// Reads the columns of `report_view_select!`.
fn view(columns: &mut Columns<'_>) -> rusqlite::Result<ReportView> {
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
        settled: columns.next::<Option<Timestamp>>()?.zip(columns.next::<Option<Resolution>>()?),
    };
    Ok(ReportView { report, reporter_username: columns.next()?, sender_username: columns.next()? })
}

#[async_trait]
impl Reports for Sqlite {
    async fn report_facts(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
    ) -> Result<Option<ReportFacts>> {
        let (own, all) = (limits::REPORTS_PER_USER_MAX, limits::REPORTS_MAX);
        self.read(move |db| one(db, sql!(REPORT_FACTS), params![conversation_id, user_id, message_id, own, all], facts))
            .await
    }

    async fn insert_report(&self, report: &Report) -> Result<()> {
        let report = report.clone();
        self.write(move |db| {
            let row = params![
                report.id,
                report.reporter_id,
                report.conversation_id,
                report.message_id,
                report.sender_id,
                report.content,
                report.sent_at,
                report.reason.as_ref().map(ReportReason::as_str),
                report.created_at,
            ];
            run(db, sql!(INSERT_REPORT), row).map(drop)
        })
        .await
    }

    async fn report(&self, id: ReportId) -> Result<Option<ReportView>> {
        self.read(move |db| one(db, sql!(REPORT), params![id], view)).await
    }

    async fn reports(&self, settled: bool, after: Option<ReportId>, limit: usize) -> Result<Vec<ReportView>> {
        let statement = if settled { sql!(SETTLED_REPORTS) } else { sql!(OPEN_REPORTS) };
        self.read(move |db| all(db, statement, params![after.unwrap_or(FIRST), row_limit(limit)], view)).await
    }

    async fn settle_reports(
        &self,
        conversation_id: ConversationId,
        message_id: MessageId,
        resolution: Resolution,
        at: Timestamp,
    ) -> Result<()> {
        self.write(move |db| {
            run(db, sql!(SETTLE_REPORTS), params![conversation_id, message_id, at, resolution]).map(drop)
        })
        .await
    }

    async fn sweep_reports(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.write(move |db| run(db, sql!(SWEEP_REPORTS), params![before, row_limit(limit)])).await
    }

    async fn removals(&self, since: Timestamp, limit: usize) -> Result<Vec<(ConversationId, MessageId)>> {
        self.read(move |db| all(db, sql!(REMOVALS), params![since, row_limit(limit)], pair)).await
    }

    async fn sweep_removals(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.write(move |db| run(db, sql!(SWEEP_REMOVALS), params![before, row_limit(limit)])).await
    }
}
