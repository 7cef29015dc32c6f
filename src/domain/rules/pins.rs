//! The rules of pinning messages.

use super::contact::declined;
use super::{Decision, Facts, NewEvent, RowWrite, Verdict};
use crate::domain::command::{Command, Outcome};
use crate::domain::conversation::{ConversationKind, Role};
use crate::domain::event::{EventKind, Payload};
use crate::domain::message::Message;
use crate::domain::{Error, Result};
use crate::limits;

/// Decides a pin. A message that is pinned already stays as it is.
pub(super) fn pin(command: &Command, facts: &Facts) -> Result<Verdict> {
    let message = message(facts)?;
    if message.pinned_at.is_some() {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    // A pin is a message to the other user. A block does not keep users from taking one back.
    if facts.actor.as_ref().is_some_and(|actor| actor.is_blocked) {
        return Err(declined());
    }
    if facts.pins >= limits::PINS_MAX {
        let detail = format!("the conversation has {} pinned messages already", limits::PINS_MAX);
        return Err(Error::field("message_id", detail));
    }
    Ok(change(EventKind::MessagePinned, command, message, RowWrite::Pin(message.seq)))
}

/// Decides the end of a pin. A message that is not pinned stays as it is.
pub(super) fn unpin(command: &Command, facts: &Facts) -> Result<Verdict> {
    let message = message(facts)?;
    if message.pinned_at.is_none() {
        return Ok(Verdict::Nothing(Outcome::NoChange));
    }
    // Behind a block the actor takes away only their own pins.
    let is_blocked = facts.actor.as_ref().is_some_and(|actor| actor.is_blocked);
    if is_blocked && facts.pinned_by != Some(command.actor_id) {
        return Err(declined());
    }
    Ok(change(EventKind::MessageUnpinned, command, message, RowWrite::Unpin(message.seq)))
}

/// Returns the message, if the actor may pin messages and this is one that can be pinned.
fn message(facts: &Facts) -> Result<&Message> {
    let actor = facts.actor.as_ref().ok_or_else(|| Error::not_found("conversation"))?;
    let message = facts.message.as_ref().ok_or_else(|| Error::not_found("message"))?;
    if facts.kind == ConversationKind::Group && actor.role < Role::Admin {
        return Err(Error::forbidden("Only an admin or the owner can pin messages."));
    }
    if message.note.is_some() {
        return Err(Error::forbidden("System messages cannot be pinned."));
    }
    if message.deleted_at.is_some() { Err(Error::not_found("message")) } else { Ok(message) }
}

fn change(kind: EventKind, command: &Command, message: &Message, write: RowWrite) -> Verdict {
    let json = format!(r#"{{"message_id":"{}","user_id":"{}"}}"#, message.id, command.actor_id);
    let payload = Some(Payload::from_trusted(json));
    Verdict::Write(Decision { writes: vec![write], event: NewEvent::Change { kind, message: None, payload } })
}

#[cfg(test)]
mod tests {
    use super::super::test_facts::{self, member, message};
    use super::super::{Decision, Facts, NewEvent, RowWrite, Verdict, decide};
    use crate::domain::command::{Action, Command, Outcome};
    use crate::domain::conversation::{ConversationKind, Role};
    use crate::domain::event::{EventKind, Payload};
    use crate::domain::message::{Message, SystemNote};
    use crate::domain::rules::contact::declined;
    use crate::domain::{Code, ConversationId, MessageId, Result, Timestamp, UserId};
    use crate::limits;

    fn facts(kind: ConversationKind, role: Role, message: Message) -> Facts {
        Facts { kind, ..test_facts::facts(Some(member(UserId::new(), role)), Some(message)) }
    }

    fn decide_pin(facts: &Facts, is_pinned: bool) -> Result<Verdict> {
        let actor_id = facts.actor.as_ref().map_or_else(UserId::new, |actor| actor.user.id);
        let message_id = facts.message.as_ref().map_or_else(MessageId::new, |message| message.id);
        let (conversation_id, id, timestamp) = (ConversationId::new(), MessageId::new(), Timestamp(2));
        let action = Action::Pin { message_id, is_pinned };
        decide(&Command { conversation_id, actor_id, id, timestamp, action }, facts)
    }

    #[test]
    fn admins_pin_in_groups_and_both_in_direct_conversations() {
        use ConversationKind::{Direct, Group};
        for (kind, role, may) in [
            (Group, Role::Owner, true),
            (Group, Role::Admin, true),
            (Group, Role::Member, false),
            (Direct, Role::Member, true),
        ] {
            for (pinned_at, is_pinned) in [(None, true), (Some(Timestamp(1)), false)] {
                let facts = facts(kind, role, Message { pinned_at, ..message() });
                let verdict = decide_pin(&facts, is_pinned);
                if !may {
                    assert_eq!(verdict.map_err(|error| error.code), Err(Code::Forbidden), "{kind:?} {role:?}");
                    continue;
                }
                let Ok(Verdict::Write(Decision { writes, event })) = verdict else { panic!("{kind:?} {role:?}") };
                let NewEvent::Change { kind, message: None, payload } = event else { panic!("{event:?}") };
                let (message, actor) = (facts.message.expect("one"), facts.actor.expect("one"));
                let fields = format!(r#"{{"message_id":"{}","user_id":"{}"}}"#, message.id, actor.user.id);
                assert_eq!(payload.as_ref().map(Payload::as_str), Some(fields.as_str()));
                let expected = if is_pinned {
                    (EventKind::MessagePinned, vec![RowWrite::Pin(3)])
                } else {
                    (EventKind::MessageUnpinned, vec![RowWrite::Unpin(3)])
                };
                assert_eq!((kind, writes), expected);
            }
        }
    }

    #[test]
    fn what_is_as_wanted_stays_and_what_cannot_be_pinned_is_refused() {
        let group = |message| facts(ConversationKind::Group, Role::Owner, message);
        let nothing = Ok(Verdict::Nothing(Outcome::NoChange));
        let pinned = Message { pinned_at: Some(Timestamp(1)), ..message() };
        assert_eq!(decide_pin(&Facts { pins: limits::PINS_MAX, ..group(pinned) }, true), nothing);
        assert_eq!(decide_pin(&group(message()), false), nothing);
        let code = |facts: &Facts, is_pinned| decide_pin(facts, is_pinned).map(drop).map_err(|error| error.code);
        let full = Facts { pins: limits::PINS_MAX, ..group(message()) };
        assert_eq!(code(&full, true), Err(Code::Invalid));
        assert_eq!(code(&Facts { pins: limits::PINS_MAX - 1, ..full.clone() }, true), Ok(()));
        let deleted = group(Message { deleted_at: Some(Timestamp(1)), ..message() });
        let noted = group(Message { note: Some(SystemNote::MemberRemoved { user_id: UserId::new() }), ..message() });
        for is_pinned in [true, false] {
            assert_eq!(code(&deleted, is_pinned), Err(Code::NotFound));
            assert_eq!(code(&noted, is_pinned), Err(Code::Forbidden));
            assert_eq!(code(&Facts { message: None, ..full.clone() }, is_pinned), Err(Code::NotFound));
            assert_eq!(code(&Facts { actor: None, ..full.clone() }, is_pinned), Err(Code::NotFound));
        }
    }

    #[test]
    fn a_block_refuses_pins_and_lets_ones_own_end() {
        let blocked = |message| {
            let mut facts = facts(ConversationKind::Direct, Role::Member, message);
            facts.actor.as_mut().expect("one").is_blocked = true;
            facts
        };
        assert_eq!(decide_pin(&blocked(message()), true), Err(declined()));
        let pinned = blocked(Message { pinned_at: Some(Timestamp(1)), ..message() });
        let own = Facts { pinned_by: pinned.actor.as_ref().map(|actor| actor.user.id), ..pinned.clone() };
        assert!(matches!(decide_pin(&own, false), Ok(Verdict::Write(_))));
        for pinned_by in [None, Some(UserId::new())] {
            assert_eq!(decide_pin(&Facts { pinned_by, ..pinned.clone() }, false), Err(declined()));
        }
        assert_eq!(decide_pin(&blocked(message()), false), Ok(Verdict::Nothing(Outcome::NoChange)));
    }
}
