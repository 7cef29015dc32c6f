//! Typing: the others in a small conversation see that a user writes. Nothing of it is stored.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Chat, no_conversation};
use crate::bus::{Audience, Envelope};
use crate::domain::{ConversationId, Result, UserId};
use crate::limits;
use crate::sync::small_conversation_probe;
use crate::wire::frames;

/// A user in a conversation.
type Typist = (ConversationId, UserId);

/// The users who said lately that they type, so that each is announced at most once in [`limits::TYPING_PERIOD`].
#[derive(Default)]
pub(super) struct Typists(Mutex<Announcements>);

/// The last announcements.
#[derive(Default)]
struct Announcements {
    /// Those of each user, one for each conversation.
    users: HashMap<UserId, Vec<Typing>>,
    /// The number of announcements of all users.
    count: usize,
    /// When the old announcements of all users were last forgotten.
    swept_at: Option<Instant>,
}

/// A user's last announcement in a conversation.
struct Typing {
    conversation_id: ConversationId,
    started_at: Instant,
    /// Those who are not informed. `None` if nobody is, because the user has stopped or the conversation is large.
    except: Option<Vec<UserId>>,
}

impl Typing {
    fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.started_at) >= limits::TYPING_PERIOD
    }

    /// Returns true if clients may still show it.
    fn is_shown(&self, now: Instant) -> bool {
        now.duration_since(self.started_at) < limits::TYPING_SHOWN
    }
}

impl Announcements {
    fn get_mut(&mut self, (conversation_id, user_id): Typist) -> Option<&mut Typing> {
        self.users.get_mut(&user_id)?.iter_mut().find(|typing| typing.conversation_id == conversation_id)
    }

    /// Returns true if one more of the user can be remembered. Forgets old ones to make room: those of the user at once, and those of all users at
    /// most once in [`limits::TYPING_SWEEP`], because that looks at each of them.
    fn has_room(&mut self, user_id: UserId, now: Instant) -> bool {
        let Self { users, count, swept_at } = self;
        if *count >= limits::TYPING_MAX && swept_at.is_none_or(|at| now.duration_since(at) >= limits::TYPING_SWEEP) {
            *swept_at = Some(now);
            users.retain(|_, own| {
                own.retain(|typing| typing.is_shown(now));
                !own.is_empty()
            });
            *count = users.values().map(Vec::len).sum();
        }
        let mut own_count = 0;
        if let Some(own) = users.get_mut(&user_id) {
            let before = own.len();
            if before >= limits::TYPING_PER_USER_MAX {
                own.retain(|typing| typing.is_shown(now));
            }
            own_count = own.len();
            *count -= before - own_count;
        }
        *count < limits::TYPING_MAX && own_count < limits::TYPING_PER_USER_MAX
    }
}

impl Typists {
    /// Returns true if the user may be announced now.
    fn may_start(&self, typist: Typist, now: Instant) -> bool {
        self.lock().get_mut(typist).is_none_or(|typing| typing.is_due(now))
    }

    /// Remembers an announcement. Returns false if the user must not be announced: another connection of theirs was faster, they type in too many
    /// conversations, or too many users type.
    fn start(&self, typist: Typist, except: Option<Vec<UserId>>, now: Instant) -> bool {
        let (conversation_id, user_id) = typist;
        let new = Typing { conversation_id, started_at: now, except };
        let mut all = self.lock();
        if let Some(typing) = all.get_mut(typist) {
            let is_due = typing.is_due(now);
            if is_due {
                *typing = new;
            }
            return is_due;
        }
        let has_room = all.has_room(user_id, now);
        if has_room {
            all.users.entry(user_id).or_default().push(new);
            all.count += 1;
        }
        has_room
    }

    /// Forgets that a user types. Returns those who were not informed, if clients may still show it.
    fn stop(&self, typist: Typist, now: Instant) -> Option<Vec<UserId>> {
        let mut all = self.lock();
        let typing = all.get_mut(typist)?;
        let except = typing.except.take()?;
        typing.is_shown(now).then_some(except)
    }

    /// A panic under the lock leaves a valid map.
    fn lock(&self) -> MutexGuard<'_, Announcements> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chat {
    /// Informs the others in a conversation that a user types, unless they were informed a moment ago. Fails with `not_found` if the user is no
    /// member.
    pub async fn start_typing(&self, id: ConversationId, user_id: UserId) -> Result<()> {
        let typist = (id, user_id);
        if !self.typing.may_start(typist, Instant::now()) {
            return Ok(());
        }
        let except = self.not_informed(id, user_id).await?;
        if self.typing.start(typist, except.clone(), Instant::now())
            && let Some(except) = except
        {
            self.announce_typing(id, user_id, except, true);
        }
        Ok(())
    }

    /// Informs the others that a user types no more, if they were informed of it.
    pub fn stop_typing(&self, id: ConversationId, user_id: UserId) {
        if let Some(except) = self.typing.stop((id, user_id), Instant::now()) {
            self.announce_typing(id, user_id, except, false);
        }
    }

    /// Returns the members who are not informed: the user, and those who block the user or are blocked. Returns `None` in a large
    /// conversation, where nobody is.
    async fn not_informed(&self, id: ConversationId, user_id: UserId) -> Result<Option<Vec<UserId>>> {
        let _permit = self.store_permits.acquire_own(user_id).await?;
        // With the user, so that a membership in a large conversation is seen as well.
        self.store.member(id, user_id).await?.ok_or_else(no_conversation)?;
        let members = self.store.receipts(id, user_id, small_conversation_probe()).await?;
        if members.len() == small_conversation_probe() {
            return Ok(None);
        }
        let others: Vec<UserId> = members.iter().map(|receipt| receipt.user_id).filter(|id| *id != user_id).collect();
        let mut except = if others.is_empty() { Vec::new() } else { self.store.blocks_with(user_id, &others).await? };
        except.push(user_id);
        Ok(Some(except))
    }

    fn announce_typing(&self, conversation_id: ConversationId, user_id: UserId, except: Vec<UserId>, starts: bool) {
        let frame = frames::typing(conversation_id, user_id, starts);
        self.bus.publish(Envelope::Ephemeral { audience: Audience::Subscribers { conversation_id, except }, frame });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Typist, Typists};
    use crate::domain::{ConversationId, UserId};
    use crate::limits::{TYPING_MAX, TYPING_PER_USER_MAX, TYPING_PERIOD, TYPING_SHOWN, TYPING_SWEEP};

    fn typist() -> Typist {
        (ConversationId::new(), UserId::new())
    }

    #[test]
    fn a_user_is_announced_once_in_a_period() {
        let (typists, ada, start) = (Typists::default(), typist(), Instant::now());
        let soon = start + TYPING_PERIOD / 2;
        assert!(typists.may_start(ada, start) && typists.start(ada, Some(vec![]), start));
        assert!(!typists.may_start(ada, soon) && !typists.start(ada, Some(vec![]), soon));
        assert!(typists.start(typist(), Some(vec![]), start), "others have their own");
        assert_eq!(typists.stop(ada, soon), Some(vec![]));
        assert_eq!(typists.stop(ada, soon), None, "once");
        assert!(!typists.may_start(ada, soon), "to stop does not make room for another start");
        assert!(typists.may_start(ada, start + TYPING_PERIOD));
    }

    #[test]
    fn what_clients_do_not_show_needs_no_end() {
        let (typists, ada, bob, start) = (Typists::default(), typist(), typist(), Instant::now());
        assert_eq!(typists.stop(ada, start), None, "it never began");
        assert!(typists.start(ada, Some(vec![ada.1]), start) && typists.start(bob, None, start));
        assert_eq!(typists.stop(ada, start + TYPING_SHOWN), None);
        assert_eq!(typists.stop(bob, start), None, "nobody was informed");
    }

    #[test]
    fn the_memory_of_typists_is_bounded() {
        let (typists, start) = (Typists::default(), Instant::now());
        for _ in 0..TYPING_MAX {
            assert!(typists.start(typist(), Some(vec![]), start));
        }
        assert!(!typists.start(typist(), Some(vec![]), start));
        assert!(typists.start(typist(), Some(vec![]), start + TYPING_SHOWN));
        let all = typists.lock();
        assert_eq!((all.users.len(), all.count), (1, 1));
    }

    #[test]
    fn old_announcements_are_looked_for_once_a_second() {
        let (typists, start) = (Typists::default(), Instant::now());
        for _ in 0..TYPING_MAX {
            assert!(typists.start(typist(), Some(vec![]), start));
        }
        let before = start + TYPING_SHOWN.mul_f64(0.95);
        assert!(!typists.start(typist(), Some(vec![]), before), "they are still shown");
        assert!(!typists.start(typist(), Some(vec![]), start + TYPING_SHOWN), "somebody looked a moment ago");
        assert!(typists.start(typist(), Some(vec![]), before + TYPING_SWEEP));
    }

    #[test]
    fn a_user_leaves_room_for_others() {
        let (typists, ada, start) = (Typists::default(), UserId::new(), Instant::now());
        let ada_starts = |now| typists.start((ConversationId::new(), ada), Some(vec![]), now);
        for _ in 0..TYPING_PER_USER_MAX {
            assert!(ada_starts(start));
        }
        assert!(!ada_starts(start) && typists.start(typist(), Some(vec![]), start));
        assert!(ada_starts(start + TYPING_SHOWN), "the old ones are forgotten");
        assert_eq!(typists.lock().count, 2);
    }
}
