//! Facts for the tests of the rules. A test changes the fields that matter to it.

use std::collections::HashMap;

use super::Facts;
use super::contact::Consent;
use crate::domain::conversation::{ConversationKind, Member, Role};
use crate::domain::message::Message;
use crate::domain::user::{Name, User, Username};
use crate::domain::{ConversationId, MessageId, Timestamp, UserId};

/// Returns a text.
pub(super) fn message() -> Message {
    Message::new(MessageId::new(), ConversationId::new(), 3, UserId::new(), "first".into(), Timestamp(1))
}

/// Returns a member.
pub(super) fn member(id: UserId, role: Role) -> Member {
    let (username, name) = (Username::from_trusted("ada".to_owned()), Name::from_trusted("Ada".to_owned()));
    let user = User { id, username, name, created_at: Timestamp(0), last_seen_at: None };
    Member { user, role, joined_at: Timestamp(0), joined_seq: 0, delivered_seq: 0, read_seq: 0, is_blocked: false }
}

/// Returns the facts of a group of two.
pub(super) fn facts(actor: Option<Member>, message: Option<Message>) -> Facts {
    Facts {
        kind: ConversationKind::Group,
        name: None,
        member_count: 2,
        actor,
        target: None,
        target_role: None,
        target_consent: Consent::default(),
        message,
        has_reacted: false,
        own_kinds: Vec::new(),
        pins: 0,
        pinned_by: None,
        mentioned: HashMap::new(),
    }
}
