//! Conversations with the state of one member.

use super::Seq;
use super::conversation::{Conversation, Role};
use super::message::Message;
use super::notifications::Notifications;
use super::user::User;
use crate::limits;

/// A conversation as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ConversationView {
    pub conversation: Conversation,
    /// The other user of a direct conversation.
    pub peer: Option<User>,
    pub last_message: Option<Message>,
    /// The member's role.
    pub role: Role,
    /// The number up to which the member has read.
    pub read_seq: Seq,
    /// The member's own mark: messages from this number on count as unread.
    pub unread_from_seq: Option<Seq>,
    /// The number of messages of others after `read_seq`, or from `unread_from_seq` on, counted up to [`crate::limits::UNREAD_MAX`].
    pub unread_count: i64,
    /// Those of them that mention the member, counted up to the same bound.
    pub mention_count: i64,
    /// The member's choice, also if its time is over.
    pub notifications: Notifications,
}

impl ConversationView {
    /// Returns how many messages the store looked at for `unread_count`. It looks at the newest ones until the count is full, of which it
    /// returns the least that it can have been.
    pub fn messages_counted(&self) -> usize {
        if self.unread_count >= limits::UNREAD_MAX {
            return usize::try_from(limits::UNREAD_MAX).unwrap_or(usize::MAX);
        }
        let after = self.unread_from_seq.map_or(self.read_seq, |first| self.read_seq.min(first - 1));
        usize::try_from(self.conversation.last_seq - after).unwrap_or(0).min(limits::UNREAD_SCANNED_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::ConversationView;
    use crate::domain::conversation::{Conversation, ConversationKind, Role};
    use crate::domain::notifications::Notifications;
    use crate::domain::{ConversationId, Timestamp, UserId};
    use crate::limits;

    #[test]
    fn a_full_count_ends_the_look_at_messages() {
        let counted = |last_seq, read_seq, unread_from_seq, unread_count| {
            let conversation = Conversation {
                id: ConversationId::new(),
                kind: ConversationKind::Group,
                name: None,
                creator_id: UserId::new(),
                created_at: Timestamp(0),
                member_count: 2,
                last_seq,
                active_at: Timestamp(0),
            };
            let view = ConversationView {
                conversation,
                peer: None,
                last_message: None,
                role: Role::Member,
                read_seq,
                unread_from_seq,
                unread_count,
                mention_count: 0,
                notifications: Notifications::default(),
            };
            view.messages_counted()
        };
        assert_eq!((counted(9, 9, None, 0), counted(9, 4, None, 3), counted(0, 0, None, 0)), (0, 5, 0));
        assert_eq!((counted(9, 9, Some(1), 0), counted(9, 4, Some(7), 2)), (9, 5));
        assert_eq!(counted(1_000_000, 0, None, limits::UNREAD_MAX), 100);
        assert_eq!(counted(1_000_000, 1_000_000, Some(1), 0), limits::UNREAD_SCANNED_MAX);
    }
}
