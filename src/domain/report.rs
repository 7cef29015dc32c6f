//! Reports: members tell the operators of a message.

use super::message::Message;
use super::visible::is_blank;
use super::{Code, ConversationId, Error, FieldError, MessageId, ReportId, Result, Timestamp, UserId};
use crate::limits;

/// The reason that a member gives: 1 to [`limits::REPORT_REASON_CHARS_MAX`] characters, without U+0000 and not blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportReason(String);

impl ReportReason {
    /// Checks the form. The text stays as it is.
    pub fn parse(text: String) -> Result<Self, FieldError> {
        if text.chars().nth(limits::REPORT_REASON_CHARS_MAX).is_some() {
            let detail = format!("takes at most {} characters", limits::REPORT_REASON_CHARS_MAX);
            Err(FieldError::new("reason", detail))
        } else if text.contains('\0') {
            Err(FieldError::new("reason", "must not contain U+0000"))
        } else if is_blank(&text) {
            Err(FieldError::new("reason", "must not be blank"))
        } else {
            Ok(Self(text))
        }
    }

    /// Takes a reason that a store has kept.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The decision of an operator about a reported message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The message stays.
    Dismissed,
    /// The message was removed.
    Removed,
}

impl Resolution {
    /// Returns the name that the API and the stores use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dismissed => "dismissed",
            Self::Removed => "removed",
        }
    }

    /// The inverse of [`Resolution::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dismissed, Self::Removed].into_iter().find(|resolution| resolution.as_str() == text)
    }
}

/// A report of a message. It has a copy of the text, because operators read no conversations and the sender can change the message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Report {
    /// Made in the order of the reports.
    pub id: ReportId,
    pub reporter_id: UserId,
    pub conversation_id: ConversationId,
    pub message_id: MessageId,
    pub sender_id: UserId,
    /// The text at the time of the report.
    pub content: String,
    /// The time of the message.
    pub sent_at: Timestamp,
    pub reason: Option<ReportReason>,
    pub created_at: Timestamp,
    /// When an operator settled it, and how.
    pub settled: Option<(Timestamp, Resolution)>,
}

/// A report as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReportView {
    pub report: Report,
    pub reporter_username: String,
    pub sender_username: String,
}

/// The facts on which a new report is decided. Only a member of the conversation gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ReportFacts {
    /// True if the member has reported the message before.
    pub is_reported: bool,
    /// The member's open reports, counted up to [`limits::REPORTS_PER_USER_MAX`].
    pub open_of_reporter: i64,
    /// All open reports, counted up to [`limits::REPORTS_MAX`].
    pub open: i64,
    pub message: Option<Message>,
}

impl ReportFacts {
    /// Returns the report to insert. `None` if the member has reported the message before, also if an operator has settled that report.
    pub fn decide(self, reporter_id: UserId, reason: Option<ReportReason>, at: Timestamp) -> Result<Option<Report>> {
        if self.is_reported {
            return Ok(None);
        }
        let message = self.message.filter(|message| message.deleted_at.is_none());
        let message = message.ok_or_else(|| Error::not_found("message"))?;
        if message.note.is_some() {
            return Err(Error::forbidden("A system message cannot be reported."));
        }
        if message.sender_id == reporter_id {
            return Err(Error::forbidden("You can delete your own message. It cannot be reported."));
        }
        if self.open_of_reporter >= limits::REPORTS_PER_USER_MAX {
            let detail = "The operators have not settled your other reports yet.";
            return Err(Error::new(Code::RateLimited, detail).after(limits::REPORTS_RETRY));
        }
        if self.open >= limits::REPORTS_MAX {
            let detail = "Too many reports wait for the operators.";
            return Err(Error::new(Code::Busy, detail).after(limits::REPORTS_RETRY));
        }
        Ok(Some(Report {
            id: ReportId::new(),
            reporter_id,
            conversation_id: message.conversation_id,
            message_id: message.id,
            sender_id: message.sender_id,
            content: message.content,
            sent_at: message.timestamp,
            reason,
            created_at: at,
            settled: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{ReportFacts, ReportReason, Resolution};
    use crate::domain::message::{Message, SystemNote};
    use crate::domain::{Code, ConversationId, MessageId, Timestamp, UserId};
    use crate::limits;

    fn facts() -> ReportFacts {
        let message =
            Message::new(MessageId::new(), ConversationId::new(), 1, UserId::new(), "insult".to_owned(), Timestamp(1));
        ReportFacts { is_reported: false, open_of_reporter: 0, open: 0, message: Some(message) }
    }

    #[test]
    fn a_report_copies_the_text_once() {
        let reporter = UserId::new();
        let report = facts().decide(reporter, None, Timestamp(2)).expect("allowed").expect("new");
        assert_eq!(
            (report.content.as_str(), report.sent_at, report.created_at),
            ("insult", Timestamp(1), Timestamp(2))
        );
        let again = ReportFacts { is_reported: true, message: None, ..facts() };
        assert_eq!(again.decide(reporter, None, Timestamp(2)), Ok(None));
    }

    #[test]
    fn a_report_needs_a_text_of_another_user_and_room() {
        let code =
            |facts: ReportFacts, reporter| facts.decide(reporter, None, Timestamp(2)).map_err(|error| error.code);
        let stored = facts().message.expect("there");
        let deleted = Message { deleted_at: Some(Timestamp(2)), ..stored.clone() };
        let noted = Message { note: Some(SystemNote::MemberRemoved { user_id: UserId::new() }), ..stored.clone() };
        let (own, reporter) = (stored.sender_id, UserId::new());
        for (changed, reporter, expected) in [
            (ReportFacts { message: None, ..facts() }, reporter, Code::NotFound),
            (ReportFacts { message: Some(deleted), ..facts() }, reporter, Code::NotFound),
            (ReportFacts { message: Some(noted), ..facts() }, reporter, Code::Forbidden),
            (ReportFacts { message: Some(stored), ..facts() }, own, Code::Forbidden),
            (ReportFacts { open_of_reporter: limits::REPORTS_PER_USER_MAX, ..facts() }, reporter, Code::RateLimited),
            (ReportFacts { open: limits::REPORTS_MAX, ..facts() }, reporter, Code::Busy),
        ] {
            assert_eq!(code(changed, reporter).err(), Some(expected));
        }
    }

    #[test]
    fn reasons_are_bounded_and_never_blank() {
        let most = "é".repeat(limits::REPORT_REASON_CHARS_MAX);
        assert!(ReportReason::parse(most.clone()).is_ok());
        for bad in [most + "x", String::new(), "\u{200B} ".to_owned(), "a\0b".to_owned()] {
            assert!(ReportReason::parse(bad.clone()).is_err(), "{bad:?}");
        }
        for resolution in [Resolution::Dismissed, Resolution::Removed] {
            assert_eq!(Resolution::parse(resolution.as_str()), Some(resolution));
        }
    }
}
