//! A report, as operators see it.

use serde::Serialize;

use crate::domain::report::{ReportReason, ReportView, Resolution};
use crate::domain::{ConversationId, MessageId, ReportId, Timestamp, UserId};

/// A report, with a copy of the reported text.
#[derive(Serialize)]
pub struct ReportObject<'a> {
    id: ReportId,
    conversation_id: ConversationId,
    message_id: MessageId,
    sender_id: UserId,
    sender_username: &'a str,
    content: &'a str,
    /// The time of the message.
    sent_at: Timestamp,
    reporter_id: UserId,
    reporter_username: &'a str,
    reason: Option<&'a str>,
    created_at: Timestamp,
    settled_at: Option<Timestamp>,
    resolution: Option<&'static str>,
}

impl<'a> ReportObject<'a> {
    /// Makes the object.
    pub fn new(view: &'a ReportView) -> Self {
        let ReportView { report, reporter_username, sender_username } = view;
        let (settled_at, resolution) = report.settled.unzip();
        Self {
            id: report.id,
            conversation_id: report.conversation_id,
            message_id: report.message_id,
            sender_id: report.sender_id,
            sender_username,
            content: &report.content,
            sent_at: report.sent_at,
            reporter_id: report.reporter_id,
            reporter_username,
            reason: report.reason.as_ref().map(ReportReason::as_str),
            created_at: report.created_at,
            settled_at,
            resolution: resolution.map(Resolution::as_str),
        }
    }
}
