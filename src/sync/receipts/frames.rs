//! Receipt frames: informs the other members of receipts that were written, in one frame of each conversation and second.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::bus::{Audience, Bus, Envelope, Selection};
use crate::domain::receipt::{MemberReceipts, ReadState, Receipt};
use crate::domain::{Code, ConversationId, UserId};
use crate::limits;
use crate::store::{MemberId, Store};
use crate::wire::frames;

/// The receipts that were written and not sent. Bounded by what is written in [`limits::RECEIPT_FRAMES_PERIOD`].
#[derive(Default)]
pub(super) struct ReceiptFrames {
    risen: Mutex<AllRisen>,
    changed: Notify,
}

type AllRisen = HashMap<ConversationId, Members>;
/// The members of a conversation whose receipts have risen.
type Members = HashMap<UserId, Risen>;

/// The receipts of a member that have risen since they were last sent.
#[derive(Clone, Copy)]
struct Risen {
    receipt: Receipt,
    /// True if the member has received more, not only read what was received before.
    is_delivery: bool,
    /// True if there may be others in the conversation who must not see it.
    has_blocks: bool,
}

impl Risen {
    /// Returns what has risen by this and by what was written later.
    fn then(self, later: Self) -> Self {
        let receipt = Receipt { read_seq: later.receipt.read_seq.or(self.receipt.read_seq), ..later.receipt };
        let is_delivery = self.is_delivery || later.is_delivery;
        Self { receipt, is_delivery, has_blocks: self.has_blocks || later.has_blocks }
    }
}

/// The members of a conversation who must not see all receipts, by the owners of those that are hidden. Members from whom the same are hidden get
/// the same frame.
type HiddenReceipts = HashMap<Vec<UserId>, Vec<UserId>>;

impl ReceiptFrames {
    /// Adds receipts that were written. Leaves out those that the others may not see, and those in large conversations.
    pub(super) fn note(&self, (conversation_id, user_id): MemberId, before: ReadState, after: &MemberReceipts) {
        let Some(risen) = risen(user_id, before, after) else { return };
        let mut all = self.risen();
        let members = all.entry(conversation_id).or_default();
        members.entry(user_id).and_modify(|earlier| *earlier = earlier.then(risen)).or_insert(risen);
        drop(all);
        self.changed.notify_one();
    }

    /// Publishes what is noted until `stop`: at once if nothing was published for [`limits::RECEIPT_FRAMES_PERIOD`], and together with what came
    /// meanwhile otherwise.
    pub(super) async fn run(&self, store: &dyn Store, bus: &dyn Bus, stop: &CancellationToken) {
        let publishing = async {
            loop {
                self.changed.notified().await;
                self.publish(store, bus).await;
                sleep(limits::RECEIPT_FRAMES_PERIOD).await;
            }
        };
        stop.run_until_cancelled(publishing).await;
    }

    async fn publish(&self, store: &dyn Store, bus: &dyn Bus) {
        let risen = std::mem::take(&mut *self.risen());
        let has_blocks = |(_, members): &(ConversationId, Members)| members.values().any(|risen| risen.has_blocks);
        let (with_blocks, without): (Vec<_>, Vec<_>) = risen.into_iter().partition(has_blocks);
        for (number, (conversation_id, members)) in without.into_iter().enumerate() {
            if number % limits::RECEIPT_FRAMES_AT_ONCE == limits::RECEIPT_FRAMES_AT_ONCE - 1 {
                yield_now().await;
            }
            publish_in(conversation_id, &members, &HiddenReceipts::default(), bus);
        }
        let mut with_blocks = with_blocks.into_iter();
        loop {
            let (mut some, mut asked) = (Vec::new(), Vec::new());
            while asked.len() < limits::RECEIPT_BLOCKS_AT_ONCE
                && let Some((conversation_id, members)) = with_blocks.next()
            {
                let blocked = members.iter().filter(|(_, risen)| risen.has_blocks);
                asked.extend(blocked.map(|(user_id, _)| (conversation_id, *user_id)));
                some.push((conversation_id, members));
            }
            if some.is_empty() {
                return;
            }
            let mut hidden = self.hidden(store, &asked, &mut some).await;
            for (conversation_id, members) in some {
                publish_in(conversation_id, &members, &hidden.remove(&conversation_id).unwrap_or_default(), bus);
            }
        }
    }

    /// Returns from whom the receipts of the asked members are hidden, by their conversations. If the store does not answer, takes these members out
    /// of `some`, and adds them for the next frame.
    async fn hidden(
        &self,
        store: &dyn Store,
        asked: &[MemberId],
        some: &mut [(ConversationId, Members)],
    ) -> HashMap<ConversationId, HiddenReceipts> {
        let error = match store.blocked_members(asked).await {
            Ok(pairs) => return by_conversation(pairs),
            Err(error) => error,
        };
        for (conversation_id, members) in some {
            for (user_id, earlier) in members.extract_if(|_, risen| risen.has_blocks) {
                // A defect, which the store has logged, would come again.
                if error.code == Code::Unavailable {
                    self.put_back((*conversation_id, user_id), earlier);
                }
            }
        }
        HashMap::new()
    }

    fn put_back(&self, (conversation_id, user_id): MemberId, earlier: Risen) {
        let mut all = self.risen();
        let members = all.entry(conversation_id).or_default();
        members.entry(user_id).and_modify(|later| *later = earlier.then(*later)).or_insert(earlier);
        drop(all);
        self.changed.notify_one();
    }

    /// Recovers a poisoned lock: a panic leaves a valid map.
    fn risen(&self) -> MutexGuard<'_, AllRisen> {
        self.risen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the receipts of a conversation: in the same bytes to all who see all of them, and without some to those who must not see these.
fn publish_in(conversation_id: ConversationId, members: &Members, hidden: &HiddenReceipts, bus: &dyn Bus) {
    for send_receipts in [true, false] {
        let publish = |receipts: &[Receipt], users| {
            if !receipts.is_empty() {
                let audience = Audience::Readers { conversation_id, send_receipts, users };
                bus.publish(Envelope::Ephemeral { audience, frame: frames::receipts(conversation_id, receipts) });
            }
        };
        let receipts = visible(members.values(), send_receipts);
        publish(&receipts, Selection::AllBut(hidden.values().flatten().copied().collect()));
        for (owners, users) in hidden {
            let others = receipts.iter().filter(|receipt| !owners.contains(&receipt.user_id));
            publish(&others.copied().collect::<Vec<Receipt>>(), Selection::Only(users.clone()));
        }
    }
}

/// Groups pairs of a member and another one who must not see the member's receipts.
fn by_conversation(pairs: Vec<(MemberId, UserId)>) -> HashMap<ConversationId, HiddenReceipts> {
    let mut hidden: HashMap<MemberId, HashSet<UserId>> = HashMap::new();
    for ((conversation_id, user_id), other_id) in pairs {
        hidden.entry((conversation_id, other_id)).or_default().insert(user_id);
    }
    let mut all: HashMap<ConversationId, HiddenReceipts> = HashMap::new();
    for ((conversation_id, reader_id), hidden) in hidden {
        let mut hidden: Vec<UserId> = hidden.into_iter().collect();
        hidden.sort_unstable();
        all.entry(conversation_id).or_default().entry(hidden).or_default().push(reader_id);
    }
    all
}

/// Returns what the others may see of a change.
fn risen(user_id: UserId, before: ReadState, after: &MemberReceipts) -> Option<Risen> {
    let MemberReceipts { state, member_count, sends_receipts, has_blocks } = *after;
    if member_count > limits::SMALL_CONVERSATION_MEMBERS_MAX {
        return None;
    }
    let is_delivery = state.delivered_seq > before.delivered_seq;
    let is_read = sends_receipts && state.read_seq > before.read_seq;
    let receipt =
        Receipt { user_id, delivered_seq: state.delivered_seq, read_seq: sends_receipts.then_some(state.read_seq) };
    (is_delivery || is_read).then_some(Risen { receipt, is_delivery, has_blocks })
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
    use crate::domain::receipt::{MemberReceipts, ReadState, Receipt};
    use crate::limits::SMALL_CONVERSATION_MEMBERS_MAX;

    fn state(delivered_seq: i64, read_seq: i64) -> ReadState {
        ReadState { delivered_seq, read_seq, unread_from_seq: None }
    }

    fn receipts(delivered_seq: i64, read_seq: i64) -> MemberReceipts {
        MemberReceipts {
            state: state(delivered_seq, read_seq),
            member_count: SMALL_CONVERSATION_MEMBERS_MAX,
            sends_receipts: true,
            has_blocks: false,
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
        let large = MemberReceipts { member_count: SMALL_CONVERSATION_MEMBERS_MAX + 1, ..receipts(6, 6) };
        assert_eq!(seen(state(5, 3), large), [None, None]);
    }
}
