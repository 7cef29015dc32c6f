//! Committing sends: one gapless order, and each send once.

use std::collections::HashSet;
use std::sync::Arc;

use chinwag::domain::command::Outcome;
use chinwag::domain::{Code, ConversationId, MessageId};
use chinwag::store::Store;

use super::shims::{ApplyOne, Send};
use super::{Fixture, commit_one, fresh, lane, refused, refused_field, repeated, seqs, texts};

distributed_conformance!(
    a_batch_is_numbered_densely_in_its_order,
    an_empty_batch_is_nothing,
    a_retry_is_the_message_that_is_there,
    another_senders_id_is_taken,
    a_stranger_is_refused_and_uses_no_number,
    what_is_replied_to_must_be_there,
    one_refused_send_does_not_hurt_its_batch,
    the_senders_own_receipts_advance,
    a_removed_member_sends_no_more_but_may_retry,
    retries_at_once_from_two_processes_are_one_message,
    sends_at_once_from_two_processes_leave_no_gap,
    batches_that_overlap_do_not_lock_each_other_out,
);

async fn commit(store: &Fixture, batch: &[Send]) -> Vec<super::Result<Outcome>> {
    let outcomes = store.commit(lane(&*store.store, batch[0].conversation_id), batch.into()).await.unwrap();
    assert_eq!(outcomes.len(), batch.len());
    outcomes
}

async fn a_batch_is_numbered_densely_in_its_order(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let one = store.group("one", ada, &[bob]).await;
    let two = store.direct(ada, bob).await;
    store.send(two, ada, "before").await;
    let batch: Vec<_> = [(one, ada), (two, bob), (one, bob), (one, ada), (two, ada), (one, bob)]
        .into_iter()
        .enumerate()
        .map(|(index, (conversation_id, sender_id))| store.send_of(conversation_id, sender_id, &format!("{index}")))
        .collect();
    let committed: Vec<_> = commit(store, &batch).await.into_iter().map(fresh).collect();
    assert_eq!(seqs(&committed), [1, 2, 2, 3, 3, 4]);
    for (message, send) in committed.iter().zip(&batch) {
        assert_eq!((message.id, message.content.as_str()), (send.id, send.content.as_str()));
        assert_eq!((message.conversation_id, message.sender_id), (send.conversation_id, send.sender_id));
        assert_eq!(message.timestamp, send.timestamp);
    }
    assert_eq!(texts(&store.all(one).await), ["0", "2", "3", "5"]);
    assert_eq!(texts(&store.all(two).await), ["before", "1", "4"]);
    for (id, last) in [(one, &committed[5]), (two, &committed[4])] {
        let conversation = store.conversation(id).await.unwrap().unwrap();
        assert_eq!((conversation.last_seq, conversation.active_at), (last.seq, last.timestamp));
        assert_eq!(conversation.member_count, 2);
    }
}

async fn an_empty_batch_is_nothing(store: &Fixture) {
    assert_eq!(store.commit(0, Arc::new([])).await, Ok(Vec::new()));
}

async fn a_retry_is_the_message_that_is_there(store: &Fixture) {
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    let send = store.send_of(id, ada, "once");
    let first = fresh(store.commit_one(&send).await);
    let active_at = store.conversation(id).await.unwrap().unwrap().active_at;
    let again = Send { timestamp: store.now(), ..store.send_of(id, ada, "what it was no longer counts") };
    let again = Send { id: send.id, ..again };
    assert_eq!(repeated(store.commit_one(&again).await), first);
    assert_eq!(repeated(commit_one(&*store.another().await, &send).await), first);
    let conversation = store.conversation(id).await.unwrap().unwrap();
    assert_eq!((conversation.last_seq, conversation.active_at), (1, active_at), "nothing happened");

    let batch = [store.send_of(id, ada, "new"), send.clone(), store.send_of(id, ada, "newer")];
    let mut outcomes = commit(store, &batch).await.into_iter();
    assert_eq!(fresh(outcomes.next().unwrap()).seq, 2);
    assert_eq!(repeated(outcomes.next().unwrap()), first);
    assert_eq!(fresh(outcomes.next().unwrap()).seq, 3);
    let whole: Vec<_> = commit(store, &batch).await.into_iter().map(repeated).collect();
    assert_eq!(seqs(&whole), [2, 1, 3], "an answer to a whole batch was lost");
    assert_eq!(texts(&store.all(id).await), ["once", "new", "newer"]);
}

async fn another_senders_id_is_taken(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let adas = store.send_of(id, ada, "a secret until now");
    fresh(store.commit_one(&adas).await);
    let bobs = Send { id: adas.id, ..store.send_of(id, bob, "mine") };
    let error = store.commit_one(&bobs).await.unwrap_err();
    assert_eq!(error.code, Code::IdTaken);
    for committed in [adas.content.as_str().to_owned(), ada.to_string(), "ada".to_owned()] {
        assert!(!error.detail.contains(&committed), "{error}");
    }
    let batch = [store.send_of(id, bob, "two"), bobs, store.send_of(id, bob, "three")];
    let mut outcomes = commit(store, &batch).await.into_iter();
    assert_eq!(fresh(outcomes.next().unwrap()).seq, 2);
    assert_eq!(refused(outcomes.next().unwrap()), Code::IdTaken);
    assert_eq!(fresh(outcomes.next().unwrap()).seq, 3);
}

async fn a_stranger_is_refused_and_uses_no_number(store: &Fixture) {
    let (ada, eve) = (store.register("ada").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[]).await;
    assert_eq!(refused(store.commit_one(&store.send_of(id, eve, "let me in")).await), Code::NotFound);
    let nowhere = ConversationId::new();
    assert_eq!(refused(store.commit_one(&store.send_of(nowhere, ada, "anybody?")).await), Code::NotFound);
    assert_eq!(store.head(id).await.unwrap(), Some(0));
    assert_eq!(store.head(nowhere).await.unwrap(), None);
    let first = store.send(id, ada, "first").await;
    assert_eq!(first.seq, 1);
    let same_id = Send { id: first.id, ..store.send_of(id, eve, "is there such a message?") };
    assert_eq!(refused(store.commit_one(&same_id).await), Code::NotFound);
    assert_eq!(texts(&store.all(id).await), ["first"]);
}

async fn what_is_replied_to_must_be_there(store: &Fixture) {
    let ada = store.register("ada").await;
    let (id, other) = (store.group("Lunch", ada, &[]).await, store.group("Dinner", ada, &[]).await);
    let (here, there) = (store.send(id, ada, "here").await, store.send(other, ada, "there").await);
    for unknown in [MessageId::new(), there.id] {
        let send = Send { reply_to: Some(unknown), ..store.send_of(id, ada, "to whom?") };
        assert_eq!(refused_field(store.commit_one(&send).await), "reply_to");
        assert_eq!(store.message(id, send.id).await.unwrap(), None);
    }
    let send = Send { reply_to: Some(here.id), ..store.send_of(id, ada, "to you") };
    assert_eq!(fresh(store.commit_one(&send).await).seq, 2, "the refused ones used no number");
    let retry = Send { reply_to: Some(MessageId::new()), ..send };
    assert_eq!(repeated(store.commit_one(&retry).await).reply_to, Some(here.id), "what is there is there");
}

async fn one_refused_send_does_not_hurt_its_batch(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let first = store.send(id, ada, "zero").await;
    let batch = [
        store.send_of(id, ada, "one"),
        store.send_of(id, eve, "a stranger's"),
        store.send_of(id, bob, "two"),
        Send { reply_to: Some(MessageId::new()), ..store.send_of(id, ada, "to nothing") },
        Send { id: first.id, ..store.send_of(id, bob, "an id that is taken") },
        store.send_of(ConversationId::new(), ada, "to nowhere"),
        Send { reply_to: Some(first.id), ..store.send_of(id, ada, "three") },
    ];
    let outcomes = commit(store, &batch).await;
    let committed: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(Outcome::Committed(message)) => Ok(message.seq),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        })
        .collect();
    let (none, taken) = (Err(Code::NotFound), Err(Code::IdTaken));
    assert_eq!(committed, [Ok(2), none, Ok(3), Err(Code::Invalid), taken, none, Ok(4)]);
    assert_eq!(texts(&store.all(id).await), ["zero", "one", "two", "three"]);
    assert_eq!(seqs(&store.all(id).await), [1, 2, 3, 4]);
    assert_eq!(store.head(id).await.unwrap(), Some(4));
}

async fn the_senders_own_receipts_advance(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let batch: Vec<_> = [ada, bob, ada].map(|sender| store.send_of(id, sender, "x")).into();
    commit(store, &batch).await;
    assert_eq!(store.receipts(id, ada).await, (3, 3));
    assert_eq!(store.receipts(id, bob).await, (2, 2));
    repeated(store.commit_one(&batch[1]).await);
    assert_eq!(refused_field(store.commit_one(&to_nothing(store, id, bob)).await), "reply_to");
    assert_eq!(store.receipts(id, bob).await, (2, 2), "neither a retry nor a refusal is a sign of reading");
    repeated(store.commit_one(&batch[0]).await);
    assert_eq!(store.receipts(id, ada).await, (3, 3), "never backwards");
}

fn to_nothing(store: &Fixture, id: ConversationId, sender_id: super::UserId) -> Send {
    Send { reply_to: Some(MessageId::new()), ..store.send_of(id, sender_id, "to nothing") }
}

async fn a_removed_member_sends_no_more_but_may_retry(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let send = store.send_of(id, bob, "while I was in");
    let first = fresh(store.commit_one(&send).await);
    assert_eq!(store.remove(id, ada, bob).await.seq, 2);
    let batch = [store.send_of(id, bob, "after I was out"), send, store.send_of(id, ada, "three")];
    let mut outcomes = commit(store, &batch).await.into_iter();
    assert_eq!(refused(outcomes.next().unwrap()), Code::NotFound);
    assert_eq!(repeated(outcomes.next().unwrap()), first);
    assert_eq!(fresh(outcomes.next().unwrap()).seq, 3);
    assert_eq!(store.all(id).await.len(), 3);
}

/// Commits `batch`, and repeats that while the outcome is unknown, as the journal does.
async fn insist(store: &dyn Store, batch: &[Send]) -> Vec<super::Result<Outcome>> {
    for _ in 0..10 {
        match store.commit(lane(store, batch[0].conversation_id), batch.into()).await {
            Err(error) if error.code == Code::Unavailable => {}
            outcomes => return outcomes.unwrap(),
        }
    }
    panic!("the store is never available")
}

async fn retries_at_once_from_two_processes_are_one_message(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let sends: Arc<Vec<_>> = Arc::new((0..20).map(|n| store.send_of(id, ada, &format!("{n}"))).collect());
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (adapter, sends) = (adapters[task % 2].clone(), sends.clone());
            tokio::spawn(async move {
                let mut fresh_ids = Vec::new();
                // Each in an order of its own, some alone and some together.
                let order: Vec<_> = (0..sends.len()).map(|n| sends[(n * 7 + task) % sends.len()].clone()).collect();
                for batch in order.chunks(1 + task % 3) {
                    for outcome in insist(&*adapter, batch).await {
                        match outcome.unwrap() {
                            Outcome::Committed(event) => fresh_ids.push(event.message.unwrap().id),
                            Outcome::Duplicate(_) => {}
                            Outcome::Merged | Outcome::NoChange => panic!("a send always does something"),
                        }
                    }
                }
                fresh_ids
            })
        })
        .collect();
    let mut fresh_ids = Vec::new();
    for task in tasks {
        fresh_ids.extend(task.await.unwrap());
    }
    assert_eq!(fresh_ids.len(), sends.len(), "each is fresh to one");
    let kept = store.all(id).await;
    assert_eq!(seqs(&kept), (1..=20).collect::<Vec<_>>());
    let ids = |messages: &[super::Message]| messages.iter().map(|message| message.id).collect::<HashSet<_>>();
    assert_eq!(ids(&kept), sends.iter().map(|send| send.id).collect());
    assert_eq!(fresh_ids.into_iter().collect::<HashSet<_>>(), ids(&kept));
    assert_eq!(store.head(id).await.unwrap(), Some(20));
}

async fn sends_at_once_from_two_processes_leave_no_gap(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let adapter = adapters[task % 2].clone();
            let sender = if task % 4 < 2 { ada } else { bob };
            let mut sends: Vec<_> = (0..24).map(|n| store.send_of(id, sender, &format!("{task}:{n}"))).collect();
            sends.push(store.send_of(id, eve, "a stranger's"));
            sends.push(to_nothing(store, id, sender));
            tokio::spawn(async move {
                let mut committed = Vec::new();
                for batch in sends.chunks(5) {
                    let outcomes = insist(&*adapter, batch).await;
                    committed.extend(outcomes.into_iter().filter_map(Result::ok).map(|outcome| match outcome {
                        Outcome::Committed(event) => event.message.unwrap(),
                        Outcome::Duplicate(message) => message,
                        Outcome::Merged | Outcome::NoChange => panic!("a send always does something"),
                    }));
                }
                committed
            })
        })
        .collect();
    let mut committed = Vec::new();
    for task in tasks {
        let messages = task.await.unwrap();
        assert_eq!(messages.len(), 24);
        assert!(messages.is_sorted_by_key(|message| message.seq), "in the order of its batches");
        committed.extend(messages);
    }
    committed.sort_by_key(|message| message.seq);
    assert_eq!(seqs(&committed), (1..=8 * 24).collect::<Vec<_>>());
    assert_eq!(store.all(id).await, committed, "the results are what is stored");
    assert_eq!(store.head(id).await.unwrap(), Some(8 * 24));
}

async fn batches_that_overlap_do_not_lock_each_other_out(store: &Fixture) {
    let ada = store.register("ada").await;
    let mut ids = Vec::new();
    for index in 0..6 {
        ids.push(store.group(&format!("{index}"), ada, &[]).await);
    }
    let adapters = [store.store.clone(), store.another().await];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let adapter = adapters[task % 2].clone();
            // The same conversations in opposite orders: a store that locks in the order of the batch would deadlock.
            let mut order = ids.clone();
            if task % 4 < 2 {
                order.reverse();
            }
            let batches: Vec<Vec<_>> =
                (0..10).map(|_| order.iter().map(|id| store.send_of(*id, ada, "x")).collect()).collect();
            tokio::spawn(async move {
                for batch in batches {
                    // Without a retry, which would hide a deadlock.
                    for outcome in adapter.commit(0, batch.into()).await.unwrap() {
                        fresh(outcome);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for id in ids {
        assert_eq!(seqs(&store.all(id).await), (1..=80).collect::<Vec<_>>());
    }
}
