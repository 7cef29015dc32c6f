//! Pending receipts: the newest update of each member that is not written yet.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::domain::Result;
use crate::domain::receipt::ReceiptUpdate;
use crate::registry::Charge;
use crate::store::MemberId;

/// A caller that waits until its update is written.
pub(super) type Reply = oneshot::Sender<Result<()>>;

/// An update that is not written yet.
pub(super) struct PendingUpdate {
    pub(super) update: ReceiptUpdate,
    replies: Vec<Reply>,
    /// Charges the memory of this to the user.
    _charge: Charge,
}

impl PendingUpdate {
    pub(super) fn new(update: ReceiptUpdate, reply: Option<Reply>, charge: Charge) -> Self {
        Self { update, replies: reply.into_iter().collect(), _charge: charge }
    }

    /// Replies to the callers that wait. A caller may have gone.
    pub(super) fn reply(&mut self, result: &Result<()>) {
        for reply in self.replies.drain(..) {
            let _ = reply.send(result.clone());
        }
    }

    /// Adds the callers that wait for another update of the same member.
    pub(super) fn join(&mut self, other: Self) {
        self.replies.extend(other.replies);
    }
}

/// The updates that are not written yet, one for each member, in the order in which the members came.
#[derive(Default)]
pub(super) struct Pending {
    updates: HashMap<MemberId, PendingUpdate>,
    /// The keys of `updates`, each once.
    order: VecDeque<MemberId>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds an update. `charge` is asked for the memory of a member that is new here, and nothing is added if there is none.
    pub(super) fn add(
        &mut self,
        member: MemberId,
        update: ReceiptUpdate,
        reply: Option<Reply>,
        charge: impl FnOnce() -> Result<Charge>,
    ) -> Result<()> {
        match self.updates.entry(member) {
            Entry::Occupied(mut entry) => {
                let pending = entry.get_mut();
                pending.update = pending.update.then(update);
                // Callers that have given up do not add up.
                pending.replies.retain(|reply| !reply.is_closed());
                pending.replies.extend(reply);
            }
            Entry::Vacant(entry) => {
                entry.insert(PendingUpdate::new(update, reply, charge()?));
                self.order.push_back(member);
            }
        }
        Ok(())
    }

    /// Takes the updates of the members that came first.
    pub(super) fn take(&mut self, limit: usize) -> Vec<(MemberId, PendingUpdate)> {
        let members = self.order.drain(..limit.min(self.order.len()));
        members.filter_map(|member| Some((member, self.updates.remove(&member)?))).collect()
    }

    /// Puts an update back that could not be written. One that came meanwhile is later than it.
    pub(super) fn put_back(&mut self, member: MemberId, earlier: PendingUpdate) {
        match self.updates.entry(member) {
            Entry::Occupied(mut entry) => {
                let later = entry.get_mut();
                later.update = earlier.update.then(later.update);
                later.replies.extend(earlier.replies);
            }
            Entry::Vacant(entry) => {
                entry.insert(earlier);
                self.order.push_front(member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::{MemberId, Pending};
    use crate::domain::receipt::ReceiptUpdate;
    use crate::domain::{Code, ConversationId, Error, UserId};
    use crate::registry::{Holder, Registry};

    fn member() -> MemberId {
        (ConversationId::new(), UserId::new())
    }

    fn add(pending: &mut Pending, member: MemberId, update: ReceiptUpdate) {
        let charge = || Ok(Registry::default().charge(Holder::LOCAL));
        pending.add(member, update, None, charge).expect("there is room");
    }

    fn taken(pending: &mut Pending, limit: usize) -> Vec<(MemberId, ReceiptUpdate)> {
        pending.take(limit).into_iter().map(|(member, pending)| (member, pending.update)).collect()
    }

    #[test]
    fn the_updates_of_a_member_become_one_at_its_first_place() {
        let (mut pending, [ada, bob, joan]) = (Pending::default(), [member(), member(), member()]);
        for (who, seq) in [(ada, 3), (bob, 1), (ada, 2), (joan, 9), (ada, 5)] {
            add(&mut pending, who, ReceiptUpdate::read(seq));
        }
        assert_eq!(taken(&mut pending, 2), [(ada, ReceiptUpdate::read(5)), (bob, ReceiptUpdate::read(1))]);
        assert_eq!((taken(&mut pending, 2), pending.is_empty()), (vec![(joan, ReceiptUpdate::read(9))], true));
    }

    #[test]
    fn an_update_that_is_put_back_comes_before_those_since() {
        let (mut pending, [ada, bob]) = (Pending::default(), [member(), member()]);
        add(&mut pending, ada, ReceiptUpdate::unread_from(4));
        let (_, earlier) = pending.take(1).pop().expect("one");
        add(&mut pending, bob, ReceiptUpdate::read(1));
        add(&mut pending, ada, ReceiptUpdate::read(7));
        pending.put_back(ada, earlier);
        assert_eq!(taken(&mut pending, 9), [(bob, ReceiptUpdate::read(1)), (ada, ReceiptUpdate::read(7))]);

        add(&mut pending, ada, ReceiptUpdate::read(1));
        let (_, earlier) = pending.take(1).pop().expect("one");
        add(&mut pending, bob, ReceiptUpdate::read(2));
        pending.put_back(ada, earlier);
        assert_eq!(taken(&mut pending, 9), [(ada, ReceiptUpdate::read(1)), (bob, ReceiptUpdate::read(2))]);
    }

    #[test]
    fn without_room_nothing_is_added_and_all_who_wait_are_answered() {
        let (mut pending, ada) = (Pending::default(), member());
        let busy = || Err(Error::new(Code::Busy, "full"));
        assert!(pending.add(ada, ReceiptUpdate::read(1), None, busy).is_err() && pending.is_empty());
        let (first, second) = (oneshot::channel(), oneshot::channel());
        let charge = || Ok(Registry::default().charge(Holder::LOCAL));
        pending.add(ada, ReceiptUpdate::read(1), Some(first.0), charge).expect("there is room");
        pending.add(ada, ReceiptUpdate::read(2), Some(second.0), busy).expect("it takes no more room");
        let (_, mut both) = pending.take(9).pop().expect("one");
        both.reply(&Ok(()));
        for mut waiting in [first.1, second.1] {
            assert_eq!(waiting.try_recv(), Ok(Ok(())));
        }
    }
}
