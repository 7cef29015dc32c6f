//! Reports of messages by members, and what operators do about them.

use super::{Chat, Context, no_conversation};
use crate::auth::Audit;
use crate::domain::command::{Command, Outcome, Write};
use crate::domain::message::Message;
use crate::domain::report::{ReportReason, ReportView, Resolution};
use crate::domain::{Code, ConversationId, Error, MessageId, Result, Timestamp};
use crate::limits;
use crate::store::Store;
use crate::wire::answer::Answer;
use crate::wire::cursor;
use crate::wire::list::list as list_page;
use crate::wire::report::ReportObject;
use crate::wire::requests::messages::{OneMessage, ReportMessage};
use crate::wire::requests::reports::{ListReports, SettleReport};

/// Reports a message to the operators. The second report of the same member changes nothing.
pub async fn create(context: Context, input: ReportMessage) -> Result<Answer> {
    let ReportMessage { conversation_id, message_id, reason } = input;
    let (chat, caller) = (&context.chat, context.caller()?);
    let reason = reason.map(ReportReason::parse).transpose()?;
    chat.rate_limits.charge_report(caller.user_id)?;
    let facts = chat.store.report_facts(caller.user_id, conversation_id, message_id).await?;
    let facts = facts.ok_or_else(no_conversation)?;
    if let Some(report) = facts.decide(caller.user_id, reason, Timestamp::now())? {
        chat.store.insert_report(&report).await?;
        let (user_id, detail) = (Some(caller.user_id), format!("report {}", report.id));
        Audit { action: "message.reported", user_id, detail: Some(&detail), ..context.audit() }.log();
    }
    Ok(Answer::no_content())
}

/// Lists the reports that no operator has settled, or those that are settled, the oldest first.
pub async fn list(context: Context, input: ListReports) -> Result<Answer> {
    let ListReports { state, cursor, limit } = input;
    let (chat, limit, after) =
        (&context.chat, limit.0.min(limits::REPORTS_PAGE_MAX), cursor::report(cursor.as_deref())?);
    let settled = match state.as_deref() {
        None | Some("open") => false,
        Some("settled") => true,
        Some(_) => return Err(Error::field("state", "takes `open` or `settled`")),
    };
    let reports = chat.store.reports(settled, after, limit + 1).await?;
    let cursor = |last: &ReportView| cursor::after_key(&last.report.id.to_string());
    Ok(Answer::encoded(list_page(&reports, limit, context.page_bytes, ReportObject::new, cursor)?))
}

/// Settles a report, and with it all open reports of the same message.
pub async fn settle(context: Context, input: SettleReport) -> Result<Answer> {
    let refused = || Error::field("resolution", "takes `dismissed` or `removed`");
    let resolution = Resolution::parse(&input.resolution).ok_or_else(refused)?;
    let no_report = || Error::not_found("report");
    let (chat, id) = (&context.chat, input.report_id);
    let found = chat.store.report(id).await?.ok_or_else(no_report)?;
    let actor = context.caller()?.user_id.to_string();
    if found.report.settled.is_none() {
        let message = (found.report.conversation_id, found.report.message_id);
        if resolution == Resolution::Removed {
            match chat.remove_message(message.0, message.1).await {
                Ok(removed) => audit_removal(context.audit(), removed.as_ref(), &actor),
                Err(error) => already_gone(error)?,
            }
        }
        chat.store.settle_reports(message.0, message.1, resolution, Timestamp::now()).await?;
        audit_settlement(context.audit(), &found, resolution, &actor);
    }
    let settled = chat.store.report(id).await?.ok_or_else(no_report)?;
    Answer::ok(&ReportObject::new(&settled))
}

/// Removes a message of any conversation, for an operator.
pub async fn remove(context: Context, input: OneMessage) -> Result<Answer> {
    let actor = context.caller()?.user_id.to_string();
    let removed = context.chat.remove_message(input.conversation_id, input.message_id).await?;
    audit_removal(context.audit(), removed.as_ref(), &actor);
    Ok(Answer::no_content())
}

/// Takes the error of a removal for a success if the sender, an admin or the owner has deleted the message or its conversation for good.
fn already_gone(error: Error) -> Result<()> {
    if error.code == Code::NotFound { Ok(()) } else { Err(error) }
}

impl Chat {
    /// Removes a message. Returns it, or none if it was deleted before.
    async fn remove_message(&self, conversation_id: ConversationId, message_id: MessageId) -> Result<Option<Message>> {
        self.write(Write::Apply(Command::removal(conversation_id, message_id))).await.map(removed)
    }
}

fn removed(outcome: Outcome) -> Option<Message> {
    outcome.event().and_then(|event| event.message.clone())
}

/// Removes a message in the database beside the servers, which deliver the event when they find it. Returns the message, or none if it was
/// deleted before.
pub async fn remove_beside_servers(
    store: &dyn Store,
    conversation_id: ConversationId,
    message_id: MessageId,
) -> Result<Option<Message>> {
    /// Every lane has the same locks.
    const LANE: usize = 0;
    let outcomes = store.apply(LANE, [Command::removal(conversation_id, message_id)].into()).await?;
    let outcome = outcomes.into_iter().next().ok_or_else(|| Error::internal("a removal has no outcome"))?;
    outcome.map(removed)
}

/// Settles a report in the database beside the servers, as [`settle`] does. Returns false if it was settled before.
pub async fn settle_beside_servers(
    store: &dyn Store,
    found: &ReportView,
    resolution: Resolution,
    actor: &str,
) -> Result<bool> {
    if found.report.settled.is_some() {
        return Ok(false);
    }
    let message = (found.report.conversation_id, found.report.message_id);
    if resolution == Resolution::Removed {
        match remove_beside_servers(store, message.0, message.1).await {
            Ok(removed) => audit_removal(Audit::default(), removed.as_ref(), actor),
            Err(error) => already_gone(error)?,
        }
    }
    store.settle_reports(message.0, message.1, resolution, Timestamp::now()).await?;
    audit_settlement(Audit::default(), found, resolution, actor);
    Ok(true)
}

/// Logs the removal of a message, if it was removed now.
pub fn audit_removal(line: Audit<'_>, removed: Option<&Message>, actor: &str) {
    if let Some(message) = removed {
        let detail = format!("message {} of conversation {}", message.id, message.conversation_id);
        let (user_id, actor, detail) = (Some(message.sender_id), Some(actor), Some(detail.as_str()));
        Audit { action: "message.removed", user_id, actor, detail, address: line.address, ..Audit::default() }.log();
    }
}

fn audit_settlement(line: Audit<'_>, found: &ReportView, resolution: Resolution, actor: &str) {
    let detail = format!("report {}: {}", found.report.id, resolution.as_str());
    let (user_id, actor, detail) = (Some(found.report.sender_id), Some(actor), Some(detail.as_str()));
    Audit { action: "report.settled", user_id, actor, detail, address: line.address, ..Audit::default() }.log();
}
