//! The rules of revising a message, in one pure function: who may, and what becomes of it.
//!
//! A store reads the message and the actor's role under the lock of the conversation's counter, asks [`revise`], and keeps the
//! answer in the same transaction.

use super::command::Revision;
use super::conversation::Role;
use super::event::Happening;
use super::message::Message;
use super::{Error, Result};

/// What a revision comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revised {
    /// This happens, and the message becomes so.
    Changed(Happening, Message),
    /// It is as wanted already.
    Already(Message),
}

/// Judges a revision of `stored` by somebody who has `role` in the conversation, if they are in it.
pub fn revise(revision: &Revision, role: Option<Role>, stored: Option<Message>) -> Result<Revised> {
    let role = role.ok_or_else(|| Error::not_found("conversation"))?;
    let mut message = stored.ok_or_else(|| Error::not_found("message"))?;
    if message.note.is_some() {
        return Err(Error::forbidden("What the conversation notes by itself stays as it is."));
    }
    let is_own = message.sender_id == revision.actor_id;
    match &revision.content {
        Some(_) if !is_own => return Err(Error::forbidden("Only its sender can edit a message.")),
        None if !is_own && role < Role::Admin => {
            return Err(Error::forbidden("Only its sender, an admin or the owner can delete a message."));
        }
        Some(_) if message.deleted_at.is_some() => return Err(Error::not_found("message")),
        None if message.deleted_at.is_some() => return Ok(Revised::Already(message)),
        Some(content) if content.as_str() == message.content => return Ok(Revised::Already(message)),
        _ => {}
    }
    let happening = if let Some(content) = &revision.content {
        content.as_str().clone_into(&mut message.content);
        message.edited_at = Some(revision.timestamp);
        Happening::Updated
    } else {
        message.content.clear();
        message.deleted_at = Some(revision.timestamp);
        Happening::Deleted
    };
    Ok(Revised::Changed(happening, message))
}

#[cfg(test)]
mod tests {
    use super::{Revised, revise};
    use crate::domain::command::Revision;
    use crate::domain::conversation::Role;
    use crate::domain::event::Happening;
    use crate::domain::message::{Content, Message, Note};
    use crate::domain::{Code, ConversationId, MessageId, Timestamp, UserId};

    fn message() -> Message {
        Message {
            id: MessageId::new(),
            conversation_id: ConversationId::new(),
            seq: 3,
            sender_id: UserId::new(),
            content: "first".to_owned(),
            reply_to: None,
            timestamp: Timestamp(1),
            edited_at: None,
            deleted_at: None,
            note: None,
        }
    }

    fn revision(message: &Message, actor_id: UserId, content: Option<&str>) -> Revision {
        Revision {
            conversation_id: message.conversation_id,
            message_id: message.id,
            actor_id,
            content: content.map(|text| Content::parse(text.to_owned()).expect("short")),
            timestamp: Timestamp(2),
        }
    }

    #[test]
    fn a_sender_edits_and_deletes() {
        let stored = message();
        let edit = revision(&stored, stored.sender_id, Some("second"));
        let Ok(Revised::Changed(Happening::Updated, edited)) = revise(&edit, Some(Role::Member), Some(stored)) else {
            panic!("an edit changes the message");
        };
        assert_eq!((edited.content.as_str(), edited.edited_at, edited.seq), ("second", Some(Timestamp(2)), 3));
        assert_eq!(
            revise(&edit, Some(Role::Member), Some(edited.clone())),
            Ok(Revised::Already(edited.clone())),
            "again"
        );

        let delete = revision(&edited, edited.sender_id, None);
        let Ok(Revised::Changed(Happening::Deleted, gone)) = revise(&delete, Some(Role::Member), Some(edited)) else {
            panic!("a deletion changes the message");
        };
        assert_eq!((gone.content.as_str(), gone.deleted_at), ("", Some(Timestamp(2))));
        assert_eq!(
            revise(&delete, Some(Role::Member), Some(gone.clone())),
            Ok(Revised::Already(gone.clone())),
            "again"
        );
        assert_eq!(revise(&edit, Some(Role::Member), Some(gone)).map_err(|error| error.code), Err(Code::NotFound));
    }

    #[test]
    fn others_may_not_unless_they_tidy_up() {
        let (stored, other) = (message(), UserId::new());
        let code = |content, role, stored: &Message| {
            revise(&revision(stored, other, content), role, Some(stored.clone())).map(drop).map_err(|error| error.code)
        };
        for role in [Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(code(Some("mine"), Some(role), &stored), Err(Code::Forbidden), "{role:?}");
        }
        assert_eq!(code(None, Some(Role::Member), &stored), Err(Code::Forbidden));
        assert_eq!(code(None, Some(Role::Admin), &stored), Ok(()));
        assert_eq!(code(None, None, &stored), Err(Code::NotFound));
        let noted = Message { sender_id: other, note: Some(Note::MemberRemoved { user_id: other }), ..stored };
        assert_eq!(code(None, Some(Role::Owner), &noted), Err(Code::Forbidden));
    }

    #[test]
    fn there_must_be_a_message() {
        let revision = revision(&message(), UserId::new(), None);
        assert_eq!(revise(&revision, Some(Role::Owner), None).map_err(|error| error.code), Err(Code::NotFound));
    }
}
