//! Receipt frames: informs the other members of receipts that were written, in one frame of each conversation and second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::pending::Member;
use crate::bus::{Audience, Bus, Envelope};
use crate::domain::receipt::{MemberReceipts, ReadState, Receipt};
use crate::domain::{ConversationId, UserId};
use crate::limits;
use crate::wire::frames;

/// The receipts that were written and not sent. Bounded by what is written in [`limits::RECEIPT_FRAMES_PERIOD`].
#[derive(Default)]
pub(super) struct ReceiptFrames {
    risen: Mutex<HashMap<ConversationId, HashMap<UserId, Risen>>>,
    changed: Notify,
}

/// The receipts of a member that have risen since they were last sent.
#[derive(Clone, Copy)]
struct Risen {
    receipt: Receipt,
    /// True if the member has received more, not only read what was received before.
    is_delivery: bool,
}

impl ReceiptFrames {
    /// Adds receipts that were written. Leaves out those that the others may not see, and those in large conversations.
    pub(super) fn note(&self, (conversation_id, user_id): Member, before: ReadState, after: &MemberReceipts) {
        let Some(risen) = risen(user_id, before, after) else { return };
        let mut all = self.risen.lock().unwrap_or_else(PoisonError::into_inner);
        match all.entry(conversation_id).or_default().entry(user_id) {
            Entry::Occupied(mut entry) => {
                let is_delivery = risen.is_delivery || entry.get().is_delivery;
                let read_seq = risen.receipt.read_seq.or(entry.get().receipt.read_seq);
                entry.insert(Risen { receipt: Receipt { read_seq, ..risen.receipt }, is_delivery });
            }
            Entry::Vacant(entry) => _ = entry.insert(risen),
        }
        drop(all);
        self.changed.notify_one();
    }

    /// Publishes what is noted until `stop`: at once if nothing was published for [`limits::RECEIPT_FRAMES_PERIOD`], and together with what came
    /// meanwhile otherwise.
    pub(super) async fn run(&self, bus: &dyn Bus, stop: &CancellationToken) {
        let publishing = async {
            loop {
                self.changed.notified().await;
                self.publish(bus).await;
                sleep(limits::RECEIPT_FRAMES_PERIOD).await;
            }
        };
        stop.run_until_cancelled(publishing).await;
    }

    async fn publish(&self, bus: &dyn Bus) {
        let risen = std::mem::take(&mut *self.risen.lock().unwrap_or_else(PoisonError::into_inner));
        for (number, (conversation_id, members)) in risen.into_iter().enumerate() {
            if number % limits::RECEIPT_FRAMES_AT_ONCE == limits::RECEIPT_FRAMES_AT_ONCE - 1 {
                yield_now().await;
            }
            for send_receipts in [true, false] {
                let receipts = visible(members.values(), send_receipts);
                if !receipts.is_empty() {
                    let audience = Audience::Readers { conversation_id, send_receipts };
                    let frame = frames::receipts(conversation_id, &receipts);
                    bus.publish(Envelope::Ephemeral { audience, frame });
                }
            }
        }
    }
}

/// Returns what the others may see of a change.
fn risen(user_id: UserId, before: ReadState, after: &MemberReceipts) -> Option<Risen> {
    let MemberReceipts { state, member_count, is_blocked, sends_receipts, .. } = *after;
    if member_count > limits::SMALL_CONVERSATION_MEMBERS_MAX || is_blocked {
        return None;
    }
    let is_delivery = state.delivered_seq > before.delivered_seq;
    let is_read = sends_receipts && state.read_seq > before.read_seq;
    let receipt =
        Receipt { user_id, delivered_seq: state.delivered_seq, read_seq: sends_receipts.then_some(state.read_seq) };
    (is_delivery || is_read).then_some(Risen { receipt, is_delivery })
}

/// Returns the receipts for those who send read receipts, or for those who do not and see deliveries alone.
fn visible<'a>(members: impl Iterator<Item = &'a Risen>, send_receipts: bool) -> Vec<Receipt> {
    if send_receipts {
        return members.map(|risen| risen.receipt).collect();
    }
    members.filter(|risen| risen.is_delivery).map(|risen| Receipt { read_seq: None, ..risen.receipt }).collect()
}

#[cfg(test)]
mod tests {
    use super::{risen, visible};
    use crate::domain::UserId;
    use crate::domain::notifications::Notifications;
    use crate::domain::receipt::{MemberReceipts, ReadState, Receipt};
    use crate::limits::SMALL_CONVERSATION_MEMBERS_MAX;

    fn state(delivered_seq: i64, read_seq: i64) -> ReadState {
        ReadState { delivered_seq, read_seq, unread_from_seq: None }
    }

    fn receipts(delivered_seq: i64, read_seq: i64) -> MemberReceipts {
        MemberReceipts {
            state: state(delivered_seq, read_seq),
            last_seq: 9,
            member_count: SMALL_CONVERSATION_MEMBERS_MAX,
            is_blocked: false,
            sends_receipts: true,
            unread_count: 0,
            mention_count: 0,
            notifications: Notifications::default(),
        }
    }

    #[test]
    fn the_others_see_what_has_risen_and_what_a_member_shows() {
        let user_id = UserId::new();
        let seen = |before, after: MemberReceipts| {
            let risen = risen(user_id, before, &after);
            [true, false].map(|send_receipts| {
                let receipts = visible(risen.iter(), send_receipts);
                receipts.first().map(|receipt: &Receipt| (receipt.delivered_seq, receipt.read_seq))
            })
        };
        assert_eq!(seen(state(5, 3), receipts(6, 6)), [Some((6, Some(6))), Some((6, None))]);
        assert_eq!(seen(state(6, 3), receipts(6, 6)), [Some((6, Some(6))), None], "nothing was delivered");
        assert_eq!(seen(state(5, 3), receipts(6, 3)), [Some((6, Some(3))), Some((6, None))]);
        assert_eq!(seen(state(6, 6), receipts(6, 6)), [None, None], "a mark is private");
        let silent = |after| MemberReceipts { sends_receipts: false, ..after };
        assert_eq!(seen(state(5, 3), silent(receipts(6, 6))), [Some((6, None)), Some((6, None))]);
        assert_eq!(seen(state(6, 3), silent(receipts(6, 6))), [None, None]);
        let blocked = MemberReceipts { is_blocked: true, ..receipts(6, 6) };
        assert_eq!(seen(state(5, 3), blocked), [None, None]);
        let large = MemberReceipts { member_count: SMALL_CONVERSATION_MEMBERS_MAX + 1, ..receipts(6, 6) };
        assert_eq!(seen(state(5, 3), large), [None, None]);
    }
}
