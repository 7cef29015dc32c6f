//! Receipts: how far members have received and read, and what counts as unread.

use std::time::Duration;

use chinwag::domain::block::NewBlock;
use chinwag::domain::command::Action;
use chinwag::domain::conversation::Role;
use chinwag::domain::receipt::{ReadState, ReceiptOutcome, ReceiptUpdate, UnreadState};
use chinwag::domain::{ConversationId, Seq, UserId};
use chinwag::limits::{UNREAD_MAX, UNREAD_SCANNED_MAX};
use chinwag::store::Receipts;
use tokio::time::timeout;

use super::Fixture;
use crate::support::postgres::connect;

distributed_conformance!(
    receipts_advance_and_never_go_back,
    an_update_of_a_user_who_is_no_member_changes_nothing,
    unread_are_the_texts_of_others,
    few_rows_are_read_to_count_what_is_unread,
    a_mark_is_kept_until_its_user_reads_or_writes,
    between_two_with_a_block_receipts_stay_where_they_joined,
    updates_and_sends_at_once_from_two_processes_end_at_the_newest,
);

async fn update(store: &Fixture, id: ConversationId, user_id: UserId, update: ReceiptUpdate) -> ReceiptOutcome {
    let outcomes = store.update_receipts(&[(id, user_id, update)]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes[0]
}

/// Returns the state and the unread count after an update that changes something.
async fn changed(store: &Fixture, id: ConversationId, user_id: UserId, by: ReceiptUpdate) -> (ReadState, i64) {
    let outcome = update(store, id, user_id, by).await;
    let ReceiptOutcome::Changed { after, .. } = outcome else { panic!("{outcome:?} after {by:?}") };
    let shown = unread_state(store, id, user_id).await;
    assert_eq!((shown.read_seq, shown.unread_from_seq), (after.state.read_seq, after.state.unread_from_seq));
    (after.state, shown.unread_count)
}

/// Returns what the devices of a member show, who is asked for among others.
async fn unread_state(store: &Fixture, id: ConversationId, user_id: UserId) -> UnreadState {
    let asked = [(id, UserId::new()), (id, user_id), (ConversationId::new(), user_id)];
    let states = store.unread_states(&asked).await.unwrap();
    let [(member, state)] = states[..] else { panic!("{states:?}") };
    assert_eq!(member, (id, user_id));
    state
}

async fn unread(store: &Fixture, id: ConversationId, user_id: UserId) -> i64 {
    let view = store.conversation_view(id, user_id).await.unwrap().unwrap();
    let listed = store.conversation_views(user_id, None, 10).await.unwrap();
    let listed = listed.into_iter().find(|listed| listed.conversation.id == id).unwrap();
    assert_eq!(listed, view);
    view.unread_count
}

async fn receipts_advance_and_never_go_back(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    for text in ["one", "two", "three", "four"] {
        store.send(id, ada, text).await;
    }
    let state = |delivered_seq, read_seq| ReadState { delivered_seq, read_seq, unread_from_seq: None };
    let outcome = update(store, id, bob, ReceiptUpdate::delivered(3)).await;
    let ReceiptOutcome::Changed { before, after } = outcome else { panic!("{outcome:?}") };
    assert_eq!((before, after.state), (state(0, 0), state(3, 0)));
    let shown = unread_state(store, id, bob).await;
    assert_eq!((shown.last_seq, after.member_count, shown.unread_count), (4, 2, 4));
    assert_eq!(changed(store, id, bob, ReceiptUpdate::read(2)).await, (state(3, 2), 2));
    for by in [ReceiptUpdate::read(1), ReceiptUpdate::read(2), ReceiptUpdate::delivered(0), ReceiptUpdate::read(-7)] {
        assert_eq!(update(store, id, bob, by).await, ReceiptOutcome::Unchanged, "{by:?}");
    }
    assert_eq!(changed(store, id, bob, ReceiptUpdate::read(Seq::MAX)).await, (state(4, 4), 0), "beyond the end");
    assert_eq!((store.receipts(id, bob).await, store.receipts(id, ada).await), ((4, 4), (4, 4)));
}

async fn an_update_of_a_user_who_is_no_member_changes_nothing(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    store.send(id, ada, "one").await;
    let read = ReceiptUpdate::read(1);
    let batch = [(id, eve, read), (id, bob, read), (ConversationId::new(), ada, read), (id, ada, read)];
    let outcomes = store.update_receipts(&batch).await.unwrap();
    assert_eq!((outcomes[0], outcomes[2]), (ReceiptOutcome::NotMember, ReceiptOutcome::NotMember));
    assert!(matches!(outcomes[1], ReceiptOutcome::Changed { .. }) && outcomes[3] == ReceiptOutcome::Unchanged);
    store.remove(id, ada, bob).await;
    assert_eq!(update(store, id, bob, ReceiptUpdate::read(2)).await, ReceiptOutcome::NotMember);
    assert_eq!(store.update_receipts(&[]).await.unwrap(), []);
}

async fn unread_are_the_texts_of_others(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let first = store.send(id, ada, "one").await;
    store.send(id, bob, "two").await;
    assert_eq!(unread(store, id, bob).await, 0, "a send reads what was before it");
    assert_eq!(unread(store, id, ada).await, 1);
    let second = store.send(id, ada, "three").await;
    store.add(id, ada, cat, Role::Member).await;
    let edit =
        |message_id| Action::EditMessage { message_id, content: super::Content::parse("new".to_owned()).unwrap() };
    store.alter(id, ada, edit(first.id)).await.unwrap();
    store.alter(id, ada, edit(second.id)).await.unwrap();
    assert_eq!(unread(store, id, bob).await, 1, "neither system messages nor changes count");
    assert_eq!(unread(store, id, cat).await, 0, "a new member starts at the newest number");
    assert_eq!(changed(store, id, bob, ReceiptUpdate::unread_from(1)).await.1, 2, "without one's own");
    store.alter(id, ada, Action::DeleteMessage { message_id: first.id }).await.unwrap();
    assert_eq!(unread(store, id, bob).await, 1);
    for _ in 0..UNREAD_MAX + 5 {
        store.send(id, ada, "more").await;
    }
    assert_eq!(unread(store, id, bob).await, UNREAD_MAX);
}

async fn few_rows_are_read_to_count_what_is_unread(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.direct(ada, bob).await;
    store.send(id, bob, "read me").await;
    let sends: Vec<_> = (0..UNREAD_SCANNED_MAX).map(|_| store.send_of(id, ada, "of ada")).collect();
    store.commit(super::lane(&**store, id), sends.into()).await.unwrap();
    let (state, count) = changed(store, id, ada, ReceiptUpdate::unread_from(1)).await;
    assert_eq!((state.unread_from_seq, count), (Some(1), 0), "it is behind all that are looked at");
    store.send(id, bob, "and me").await;
    assert_eq!(unread(store, id, ada).await, 1);
}

async fn a_mark_is_kept_until_its_user_reads_or_writes(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    assert_eq!(update(store, id, bob, ReceiptUpdate::unread_from(1)).await, ReceiptOutcome::Unchanged, "of nothing");
    for text in ["one", "two", "three"] {
        store.send(id, ada, text).await;
    }
    let state = |unread_from_seq| ReadState { delivered_seq: 3, read_seq: 3, unread_from_seq };
    assert_eq!(changed(store, id, bob, ReceiptUpdate::read(3)).await, (state(None), 0));
    assert_eq!(changed(store, id, bob, ReceiptUpdate::unread_from(2)).await, (state(Some(2)), 2));
    assert_eq!(changed(store, id, bob, ReceiptUpdate::unread_from(Seq::MAX)).await, (state(Some(3)), 1));
    assert_eq!(changed(store, id, bob, ReceiptUpdate::unread_from(0)).await, (state(Some(1)), 3));
    assert_eq!(update(store, id, bob, ReceiptUpdate::delivered(3)).await, ReceiptOutcome::Unchanged);
    let view = store.conversation_view(id, bob).await.unwrap().unwrap();
    assert_eq!((view.read_seq, view.unread_from_seq, view.unread_count), (3, Some(1), 3));
    assert_eq!(store.receipts_of_others(id, ada).await.unwrap(), Some((3, 3)), "the others see no mark");
    assert_eq!(changed(store, id, bob, ReceiptUpdate::read(1)).await, (state(None), 0), "any read takes it away");

    changed(store, id, bob, ReceiptUpdate::unread_from(1)).await;
    store.send(id, ada, "four").await;
    assert_eq!(unread(store, id, bob).await, 4);
    store.send(id, bob, "five").await;
    let view = store.conversation_view(id, bob).await.unwrap().unwrap();
    assert_eq!((view.read_seq, view.unread_from_seq, view.unread_count), (5, None, 0));
}

async fn between_two_with_a_block_receipts_stay_where_they_joined(store: &Fixture) {
    let [ada, bob, cat, dan] = [
        store.register("ada").await,
        store.register("bob").await,
        store.register("cat").await,
        store.register("dan").await,
    ];
    let id = store.group("Lunch", ada, &[cat, dan]).await;
    store.add(id, ada, bob, Role::Member).await;
    store.send(id, ada, "one").await;
    store.insert_block(&NewBlock { user_id: bob, blocked_id: ada, created_at: store.now() }).await.unwrap();
    let outcome = update(store, id, bob, ReceiptUpdate::read(2)).await;
    assert!(matches!(outcome, ReceiptOutcome::Changed { after, .. } if after.has_blocks), "{outcome:?}");
    let outcome = update(store, id, cat, ReceiptUpdate::read(2)).await;
    assert!(matches!(outcome, ReceiptOutcome::Changed { after, .. } if !after.has_blocks), "{outcome:?}");
    let shown = async |reader_id, user_id| {
        let receipts = Receipts::receipts(&**store, id, reader_id, 10).await.unwrap();
        let receipt = receipts.into_iter().find(|receipt| receipt.user_id == user_id).unwrap();
        (receipt.delivered_seq, receipt.read_seq)
    };
    assert_eq!((shown(ada, bob).await, shown(bob, ada).await), ((1, None), (0, None)));
    for (reader, user) in [(bob, bob), (cat, bob), (cat, ada), (ada, cat), (bob, cat)] {
        assert_eq!(shown(reader, user).await, (2, Some(2)));
    }
    assert_eq!(store.receipts_of_others(id, ada).await.unwrap(), Some((0, 0)), "of Cat and Dan");
    store.remove(id, ada, dan).await;
    assert_eq!(store.receipts_of_others(id, ada).await.unwrap(), Some((2, 2)), "of Cat");
    let asked = [(id, ada), (id, bob), (id, cat), (ConversationId::new(), ada)];
    let mut pairs = store.blocked_members(&asked).await.unwrap();
    pairs.sort_unstable();
    let mut expected = [((id, ada), bob), ((id, bob), ada)];
    expected.sort_unstable();
    assert_eq!(pairs, expected);
}

async fn updates_and_sends_at_once_from_two_processes_end_at_the_newest(store: &Fixture) {
    const ROUNDS: usize = 20;
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let mut rooms = Vec::new();
    for number in 0..8 {
        rooms.push(store.group(&format!("Room {number}"), ada, &[bob]).await);
    }
    let other = store.another().await;
    let send = async |sender_id| {
        for _ in 0..ROUNDS {
            // One batch for each lane, as the journal makes them.
            for lane in 0..store.lanes() {
                let ids = rooms.iter().filter(|id| super::lane(&**store, **id) == lane);
                let batch: Vec<_> = ids.map(|id| store.send_of(*id, sender_id, "hello")).collect();
                store.commit(lane, batch.into()).await.unwrap();
            }
        }
    };
    let read = async |through: &dyn chinwag::store::Store| {
        let mut locked = 0;
        for seq in 1..=i64::try_from(2 * ROUNDS).unwrap() {
            let updates: Vec<_> = rooms.iter().flat_map(|id| [(*id, ada), (*id, bob)]).collect();
            let updates: Vec<_> = updates.into_iter().map(|(id, user)| (id, user, ReceiptUpdate::read(seq))).collect();
            let outcomes = through.update_receipts(&updates).await.unwrap();
            locked += outcomes.iter().filter(|outcome| **outcome == ReceiptOutcome::Locked).count();
        }
        locked
    };
    let sends = async { tokio::join!(send(ada), send(bob)) };
    let (_, here, there) = tokio::join!(sends, read(&**store), read(&*other));
    println!("{} rows were left to a later try", here + there);
    let last_seq = i64::try_from(2 * ROUNDS).unwrap();
    let all: Vec<_> = rooms.iter().flat_map(|id| [(*id, ada), (*id, bob)]).collect();
    let all: Vec<_> = all.into_iter().map(|(id, user)| (id, user, ReceiptUpdate::read(last_seq))).collect();
    store.update_receipts(&all).await.unwrap();
    for id in rooms {
        assert_eq!(store.head(id).await.unwrap(), Some(last_seq));
        for user in [ada, bob] {
            assert_eq!(store.receipts(id, user).await, (last_seq, last_seq));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_another_transaction_holds_is_left_for_later() {
    let store = &Fixture::postgres().await;
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    store.send(id, ada, "one").await;
    let holder = connect(&store.url).await;
    let hold = format!("BEGIN; UPDATE members SET role = role WHERE conversation_id = '{id}' AND user_id = '{bob}'");
    holder.batch_execute(&hold).await.unwrap();
    let cat = store.register("cat").await;
    let other = store.group("Dinner", bob, &[cat]).await;
    store.send(other, bob, "one").await;
    let batch = [(id, bob, ReceiptUpdate::read(1)), (other, cat, ReceiptUpdate::read(1))];
    let outcomes = timeout(Duration::from_secs(1), store.update_receipts(&batch)).await.expect("it does not wait");
    let outcomes = outcomes.unwrap();
    assert_eq!(outcomes[0], ReceiptOutcome::Locked);
    assert!(matches!(outcomes[1], ReceiptOutcome::Changed { .. }), "{:?}", outcomes[1]);
    holder.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(store.update_receipts(&batch[..1]).await.unwrap()[0], ReceiptOutcome::Changed { .. }));
}
