//! The rules of editing and deleting messages.

use super::contact::declined;
use super::{Decision, Facts, NewEvent, RowWrite, Verdict, may_mention_all, mentions};
use crate::domain::command::{Command, Outcome};
use crate::domain::conversation::{Member, Role};
use crate::domain::event::EventKind;
use crate::domain::mentions::{MentionedNames, Mentions};
use crate::domain::message::{Content, Message};
use crate::domain::payload::Payload;
use crate::domain::reactions::Reactions;
use crate::domain::{Error, Result};

/// The further fields of a message that an operator removed.
const DELETED_BY_OPERATOR: &str = r#"{"deleted_by":"operator"}"#;

/// Decides an edit. An edit to the same text changes nothing. Users whom only the new text mentions are not counted as mentioned, since the message is not
/// new to them.
pub(super) fn edit(content: &Content, command: &Command, facts: &Facts) -> Result<Verdict> {
    let (actor, stored) = actor_and_message(facts)?;
    if stored.sender_id != command.actor_id {
        return Err(Error::forbidden("Only its sender can edit a message."));
    }
    if stored.deleted_at.is_some() {
        return Err(Error::not_found("message"));
    }
    if content.as_str() == stored.content {
        return Ok(Verdict::Nothing(Outcome::Duplicate(stored.clone())));
    }
    // A new text is a new message to the other user.
    if actor.is_blocked {
        return Err(declined());
    }
    let member = |name: &str| facts.mentioned.get(name).copied();
    let names = MentionedNames::of(content.as_str());
    let mentions = mentions(&names, member, may_mention_all(facts.kind, actor.role));
    let (content, edited_at) = (content.as_str().to_owned(), Some(command.timestamp));
    let message = Message { content, edited_at, mentions, ..stored.clone() };
    let gone = stored.mentions.without(&message.mentions);
    let mut writes = vec![RowWrite::UpdateMessage(Box::new(message.clone()))];
    if !gone.is_empty() {
        writes.push(RowWrite::DeleteMentions(message.seq, gone));
    }
    let event = NewEvent::Change { kind: EventKind::MessageUpdated, message: Some(message), payload: None };
    Ok(Verdict::Write(Decision { writes, event }))
}

/// Decides a deletion. A message that is deleted already stays as it is. A block does not keep users from what they wrote.
pub(super) fn delete(command: &Command, facts: &Facts) -> Result<Verdict> {
    let (actor, stored) = actor_and_message(facts)?;
    if stored.sender_id != command.actor_id && actor.role < Role::Admin {
        return Err(Error::forbidden("Only its sender, an admin or the owner can delete a message."));
    }
    if stored.deleted_at.is_some() {
        return Ok(Verdict::Nothing(Outcome::Duplicate(stored.clone())));
    }
    // Further fields may repeat some of the text.
    Ok(Verdict::Write(deletion(command, stored, None, Vec::new())))
}

/// Decides an operator's removal, which needs no role in the conversation. It is a deletion, and the message says by whom.
pub(super) fn remove(command: &Command, facts: &Facts) -> Result<Verdict> {
    let stored = text_message(facts)?;
    if stored.deleted_at.is_some() {
        return Ok(Verdict::Nothing(Outcome::Duplicate(stored.clone())));
    }
    let extra = Some(Payload::from_trusted(DELETED_BY_OPERATOR.to_owned()));
    Ok(Verdict::Write(deletion(command, stored, extra, vec![RowWrite::InsertRemoval(stored.id)])))
}

/// Returns the decision that leaves a tombstone of a message, with these further fields, and writes these rows too.
fn deletion(command: &Command, stored: &Message, extra: Option<Payload>, mut writes: Vec<RowWrite>) -> Decision {
    let (content, deleted_at, reactions) = (String::new(), Some(command.timestamp), Reactions::default());
    let mentions = Mentions::default();
    let message =
        Message { content, deleted_at, reactions, pinned_at: None, mentions, quote: None, extra, ..stored.clone() };
    writes.push(RowWrite::UpdateMessage(Box::new(message.clone())));
    if !stored.reactions.is_empty() {
        writes.push(RowWrite::SweepReactions(message.seq));
    }
    if stored.pinned_at.is_some() {
        writes.push(RowWrite::Unpin(message.seq));
    }
    if !stored.mentions.is_empty() {
        writes.push(RowWrite::DeleteMentions(message.seq, stored.mentions.clone()));
    }
    let event = NewEvent::Change { kind: EventKind::MessageDeleted, message: Some(message), payload: None };
    Decision { writes, event }
}

/// Returns the actor and the message that the action changes. Fails for a system message.
fn actor_and_message(facts: &Facts) -> Result<(&Member, &Message)> {
    let actor = facts.actor.as_ref().ok_or_else(|| Error::not_found("conversation"))?;
    Ok((actor, text_message(facts)?))
}

/// Returns the message that the action changes. Fails for a system message.
fn text_message(facts: &Facts) -> Result<&Message> {
    let message = facts.message.as_ref().ok_or_else(|| Error::not_found("message"))?;
    if message.note.is_some() {
        return Err(Error::forbidden("System messages cannot be changed."));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::super::test_facts::{facts, member, message};
    use super::super::{Decision, Facts, NewEvent, RowWrite, Verdict, decide};
    use super::{DELETED_BY_OPERATOR, Mentions, Payload};
    use crate::domain::command::{Action, Command, Outcome};
    use crate::domain::conversation::{ConversationKind, Member, Role};
    use crate::domain::event::EventKind;
    use crate::domain::message::{Content, Message, SystemNote};
    use crate::domain::{Code, ConversationId, MessageId, Result, Timestamp, UserId};

    /// Edits or, without a text, deletes.
    fn decide_action(
        content: Option<&str>,
        actor_id: UserId,
        role: Option<Role>,
        stored: Option<Message>,
    ) -> Result<Verdict> {
        let message_id = stored.as_ref().map_or_else(MessageId::new, |stored| stored.id);
        let action = match content {
            Some(text) => {
                let content = Content::parse(text.to_owned()).expect("short");
                Action::EditMessage { message_id, content }
            }
            None => Action::DeleteMessage { message_id },
        };
        let conversation_id = ConversationId::new();
        let command = Command { conversation_id, actor_id, id: MessageId::new(), timestamp: Timestamp(2), action };
        decide(&command, &facts(role.map(|role| member(actor_id, role)), stored))
    }

    fn changed_message(verdict: Result<Verdict>) -> (EventKind, Message) {
        let Ok(Verdict::Write(Decision { event: NewEvent::Change { kind, message: Some(message), .. }, .. })) = verdict
        else {
            panic!("it changes the message");
        };
        (kind, message)
    }

    #[test]
    fn a_sender_edits_and_deletes() {
        let stored = message();
        let sender = stored.sender_id;
        let (kind, edited) = changed_message(decide_action(Some("second"), sender, Some(Role::Member), Some(stored)));
        assert_eq!(kind, EventKind::MessageUpdated);
        assert_eq!((edited.content.as_str(), edited.edited_at, edited.seq), ("second", Some(Timestamp(2)), 3));
        assert_eq!(
            decide_action(Some("second"), sender, Some(Role::Member), Some(edited.clone())),
            Ok(Verdict::Nothing(Outcome::Duplicate(edited.clone()))),
            "again"
        );

        let (kind, deleted) = changed_message(decide_action(None, sender, Some(Role::Member), Some(edited)));
        assert_eq!(kind, EventKind::MessageDeleted);
        assert_eq!((deleted.content.as_str(), deleted.deleted_at), ("", Some(Timestamp(2))));
        assert_eq!(
            decide_action(None, sender, Some(Role::Member), Some(deleted.clone())),
            Ok(Verdict::Nothing(Outcome::Duplicate(deleted.clone()))),
            "again"
        );
        let edit = decide_action(Some("third"), sender, Some(Role::Member), Some(deleted));
        assert_eq!(edit.map_err(|error| error.code), Err(Code::NotFound));
    }

    #[test]
    fn an_edit_adds_no_counted_mention_and_a_deletion_removes_all() {
        let (ada, bob) = (UserId::new(), UserId::new());
        let mentions = |user_ids: &[UserId], all| Mentions { user_ids: user_ids.to_vec(), all };
        let stored = Message { mentions: mentions(&[ada], true), ..message() };
        let actor = member(stored.sender_id, Role::Admin);
        let mentioned = [("ada".to_owned(), ada), ("bob".to_owned(), bob)].into();
        let facts = Facts { mentioned, ..facts(Some(actor), Some(stored.clone())) };
        let writes = |action| {
            let (conversation_id, actor_id, id) = (stored.conversation_id, stored.sender_id, MessageId::new());
            let command = Command { conversation_id, actor_id, id, timestamp: Timestamp(2), action };
            match decide(&command, &facts) {
                Ok(Verdict::Write(Decision { writes, .. })) => writes[1..].to_vec(),
                other => panic!("{other:?}"),
            }
        };
        let edit = |text: &str| Action::EditMessage {
            message_id: stored.id,
            content: Content::parse(text.to_owned()).expect("short"),
        };
        assert_eq!(writes(edit("@ada @bob @all")), []);
        assert_eq!(writes(edit("@bob")), [RowWrite::DeleteMentions(3, stored.mentions.clone())]);
        assert_eq!(writes(edit("@ada")), [RowWrite::DeleteMentions(3, mentions(&[], true))]);
        let deletion = Action::DeleteMessage { message_id: stored.id };
        assert_eq!(writes(deletion), [RowWrite::DeleteMentions(3, stored.mentions.clone())]);
    }

    #[test]
    fn only_admins_delete_messages_of_others() {
        let (stored, other) = (message(), UserId::new());
        let code = |content, role, stored: &Message| {
            decide_action(content, other, role, Some(stored.clone())).map(drop).map_err(|error| error.code)
        };
        for role in [Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(code(Some("mine"), Some(role), &stored), Err(Code::Forbidden), "{role:?}");
        }
        assert_eq!(code(None, Some(Role::Member), &stored), Err(Code::Forbidden));
        assert_eq!(code(None, Some(Role::Admin), &stored), Ok(()));
        assert_eq!(code(None, None, &stored), Err(Code::NotFound));
        let noted = Message { sender_id: other, note: Some(SystemNote::MemberRemoved { user_id: other }), ..stored };
        assert_eq!(code(None, Some(Role::Owner), &noted), Err(Code::Forbidden));
    }

    #[test]
    fn an_operator_removes_the_texts_of_members() {
        let stored = message();
        let remove = |stored: Option<Message>| {
            let (conversation_id, message_id) = (ConversationId::new(), MessageId::new());
            let facts = Facts { kind: ConversationKind::Direct, ..facts(None, stored) };
            decide(&Command::removal(conversation_id, message_id), &facts)
        };
        let Ok(Verdict::Write(Decision { writes, event })) = remove(Some(stored.clone())) else { panic!("it removes") };
        let NewEvent::Change { kind, message: Some(removed), .. } = event else { panic!("it changes the message") };
        assert_eq!((kind, removed.content.as_str()), (EventKind::MessageDeleted, ""));
        assert_eq!(removed.extra.as_ref().map(Payload::as_str), Some(DELETED_BY_OPERATOR));
        assert!(writes.contains(&RowWrite::InsertRemoval(stored.id)));
        assert_eq!(remove(Some(removed.clone())), Ok(Verdict::Nothing(Outcome::Duplicate(removed))), "again");
        let noted = Message { note: Some(SystemNote::MemberRemoved { user_id: stored.sender_id }), ..stored };
        assert_eq!(remove(Some(noted)).map_err(|error| error.code), Err(Code::Forbidden));
        assert_eq!(remove(None).map_err(|error| error.code), Err(Code::NotFound));
    }

    #[test]
    fn a_block_refuses_new_texts_alone() {
        let stored = message();
        let sender_id = stored.sender_id;
        let decide_blocked = |action| {
            let conversation_id = stored.conversation_id;
            let command =
                Command { conversation_id, actor_id: sender_id, id: MessageId::new(), timestamp: Timestamp(2), action };
            let actor = Member { is_blocked: true, ..member(sender_id, Role::Member) };
            let facts = Facts { kind: ConversationKind::Direct, ..facts(Some(actor), Some(stored.clone())) };
            decide(&command, &facts)
        };
        let edit = |text: &str| Action::EditMessage {
            message_id: stored.id,
            content: Content::parse(text.to_owned()).expect("short"),
        };
        assert_eq!(decide_blocked(edit("second")), Err(super::declined()));
        let retry = decide_blocked(edit("first"));
        assert_eq!(retry, Ok(Verdict::Nothing(Outcome::Duplicate(stored.clone()))), "a retry");
        let (kind, _) = changed_message(decide_blocked(Action::DeleteMessage { message_id: stored.id }));
        assert_eq!(kind, EventKind::MessageDeleted);
    }

    #[test]
    fn a_missing_message_is_not_found() {
        let delete = decide_action(None, UserId::new(), Some(Role::Owner), None);
        assert_eq!(delete.map_err(|error| error.code), Err(Code::NotFound));
    }
}
