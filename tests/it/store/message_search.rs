//! The index of messages by their words.

use chinwag::domain::command::Action;
use chinwag::domain::event::Event;
use chinwag::domain::message::Content;
use chinwag::domain::message_search::{
    FoundMessages, IndexVersion, IndexedEvent, MessagePosition, MessageQuery, Search, WORDS_VERSION, index_step,
};
use chinwag::domain::{ConversationId, Seq, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::searched_version;

use super::Fixture;

distributed_conformance!(
    a_step_counts_once_and_only_at_its_place,
    an_index_of_another_version_is_built_beside_it,
    a_deleted_conversation_is_swept_from_the_index,
    a_scan_finds_what_is_not_indexed_and_what_is_left_over,
    messages_of_the_same_time_are_in_one_order,
    ; plain: a_common_word_is_found_in_pages
);

/// Indexes a conversation from a number on.
async fn index_after(store: &Fixture, version: i64, id: ConversationId, after: Seq) {
    let mut after = after;
    loop {
        let events = store.events(id, after, limits::CATCH_UP_PAGE).await.unwrap();
        let Some(step) = index_step(id, after, events.iter().map(IndexedEvent::of)) else { return };
        after = step.up_to;
        store.index_messages(version, vec![step]).await.unwrap();
    }
}

async fn indexed(store: &Fixture, version: i64, id: ConversationId) -> Option<Seq> {
    store.index_positions_of(version, &[id]).await.unwrap()[0].indexed
}

async fn page(
    store: &Fixture,
    version: i64,
    reader_id: UserId,
    q: &str,
    before: MessagePosition,
    limit: usize,
) -> FoundMessages {
    let terms = MessageQuery::parse(q).unwrap().terms;
    let since = Timestamp(0);
    let search = Search { reader_id, terms, sender_id: None, conversation_ids: None, since, before, limit };
    store.search_messages(version, &search).await.unwrap()
}

/// Returns the numbers of the messages that have a word, newest first.
async fn found(store: &Fixture, version: i64, reader_id: UserId, q: &str) -> Vec<Seq> {
    let found = page(store, version, reader_id, q, MessagePosition::LAST, 100).await;
    assert_eq!(found.next, None);
    found.messages.iter().map(|message| message.seq).collect()
}

async fn a_step_counts_once_and_only_at_its_place(store: &Fixture) {
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    for text in ["one", "two", "three"] {
        store.send(id, ada, text).await;
    }
    let events = store.events(id, 0, 10).await.unwrap();
    let step = |after, events: &[Event]| index_step(id, after, events.iter().map(IndexedEvent::of)).unwrap();
    let (first, later) = (step(0, &events[..2]), step(2, &events[2..]));
    assert_eq!(store.index_messages(1, vec![later.clone()]).await, Ok(vec![id]));
    assert_eq!(found(store, 1, ada, "three").await, [0; 0], "the events before it are missing");
    // Two nodes index the same events.
    let other = store.another().await;
    assert_eq!(store.index_messages(1, vec![first.clone()]).await, Ok(vec![]));
    assert_eq!(other.index_messages(1, vec![first]).await, Ok(vec![id]));
    assert_eq!(other.index_messages(1, vec![later]).await, Ok(vec![]));
    assert_eq!(indexed(store, 1, id).await, Some(3));
    assert_eq!(found(store, 1, ada, "three").await, [3]);
    assert_eq!(found(store, 1, ada, "one").await, [1]);

    let second = store.all(id).await.remove(1);
    let content = Content::parse("zwei".to_owned()).unwrap();
    store.alter(id, ada, Action::EditMessage { message_id: second.id, content }).await.unwrap();
    index_after(store, 1, id, 3).await;
    assert_eq!((found(store, 1, ada, "two").await, found(store, 1, ada, "zwei").await), (vec![], vec![2]));
    store.alter(id, ada, Action::DeleteMessage { message_id: second.id }).await.unwrap();
    index_after(store, 1, id, 4).await;
    assert_eq!(found(store, 1, ada, "zwei").await, [0; 0]);
    assert_eq!(indexed(store, 1, id).await, Some(5));
}

async fn an_index_of_another_version_is_built_beside_it(store: &Fixture) {
    let (own, newer) = (WORDS_VERSION, WORDS_VERSION + 1);
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    store.send(id, ada, "hello").await;
    assert_eq!(searched_version(&*store.store, own).await, Ok(own), "before there is any");
    let index = |version, is_complete| IndexVersion { version, is_complete, used_at: store.now() };
    store.set_index_version(index(own, true)).await.unwrap();
    index_after(store, own, id, 0).await;
    store.set_index_version(index(newer, false)).await.unwrap();
    assert_eq!(searched_version(&*store.store, newer).await, Ok(own), "while the new one is built");
    assert_eq!(found(store, newer, ada, "hello").await, [0; 0]);
    index_after(store, newer, id, 0).await;
    for version in [own, newer] {
        assert_eq!(found(store, version, ada, "hello").await, [1], "each has the message once");
    }
    store.set_index_version(index(newer, true)).await.unwrap();
    store.set_index_version(index(newer, false)).await.unwrap();
    assert_eq!(searched_version(&*store.store, newer).await, Ok(newer), "it stays complete");
    assert_eq!(searched_version(&*store.store, own).await, Ok(own), "and an older node keeps its own");
    // The old one goes.
    while store.sweep_index(own, id, 1).await.unwrap() {}
    store.forget_index_version(own).await.unwrap();
    assert_eq!(found(store, own, ada, "hello").await, [0; 0]);
    assert_eq!(found(store, newer, ada, "hello").await, [1]);
    assert_eq!(searched_version(&*store.store, own).await, Ok(newer));
    assert_eq!(store.index_versions().await.unwrap().len(), 1);
}

async fn a_deleted_conversation_is_swept_from_the_index(store: &Fixture) {
    let ada = store.register("ada").await;
    let (id, kept) = (store.group("Lunch", ada, &[]).await, store.group("Dinner", ada, &[]).await);
    for number in 0..5 {
        store.send(id, ada, &format!("hello {number}")).await;
    }
    store.send(kept, ada, "hello kept").await;
    index_after(store, 1, id, 0).await;
    index_after(store, 1, kept, 0).await;
    store.delete_conversation(id, ada).await.unwrap();
    assert_eq!(found(store, 1, ada, "hello").await, [1]);
    let steps =
        [store.sweep_index(1, id, 2).await, store.sweep_index(1, id, 2).await, store.sweep_index(1, id, 2).await];
    assert_eq!(steps, [Ok(true), Ok(true), Ok(false)]);
    assert_eq!(indexed(store, 1, id).await, None);
    assert_eq!(found(store, 1, ada, "hello").await, [1]);
}

async fn a_scan_finds_what_is_not_indexed_and_what_is_left_over(store: &Fixture) {
    let ada = store.register("ada").await;
    let mut ids = Vec::new();
    for name in ["new", "behind", "done", "gone", "empty"] {
        ids.push(store.group(name, ada, &[]).await);
    }
    for id in &ids[..4] {
        store.send(*id, ada, "hello").await;
    }
    for id in &ids[1..4] {
        index_after(store, 1, *id, 0).await;
    }
    store.send(ids[1], ada, "again").await;
    store.delete_conversation(ids[3], ada).await.unwrap();
    let (mut all, mut first) = (Vec::new(), ConversationId::FIRST);
    loop {
        let page = store.index_positions(1, first, 2).await.unwrap();
        all.extend(page.iter().copied());
        match page.last().filter(|_| page.len() == 2) {
            Some(last) => first = last.conversation_id.next().unwrap(),
            None => break,
        }
    }
    let mut ordered = ids.clone();
    ordered.sort_unstable();
    assert_eq!(all.iter().map(|position| position.conversation_id).collect::<Vec<_>>(), ordered);
    let position = |index: usize| all.iter().find(|position| position.conversation_id == ids[index]).unwrap();
    let behind: Vec<_> = (0..5).map(|index| position(index).behind()).collect();
    assert_eq!(behind, [Some(0), Some(1), None, None, None]);
    let left_over: Vec<_> = (0..5).map(|index| position(index).is_left_over()).collect();
    assert_eq!(left_over, [false, false, false, true, false]);
    // The same by their ids.
    let mut named = store.index_positions_of(1, &ids).await.unwrap();
    named.sort_unstable_by_key(|position| position.conversation_id);
    assert_eq!(named, all);
}

/// Returns what a search finds page by page, as the numbers of its messages.
async fn all_pages(store: &Fixture, reader_id: UserId, q: &str, limit: usize) -> Vec<Seq> {
    let (mut all, mut before) = (Vec::new(), MessagePosition::LAST);
    loop {
        let found = page(store, 1, reader_id, q, before, limit).await;
        assert!(found.messages.len() <= limit);
        all.extend(found.messages.iter().map(|message| message.seq));
        match found.next {
            Some(next) => {
                assert!(next < before, "it gets on");
                before = next;
            }
            None => return all,
        }
    }
}

async fn a_common_word_is_found_in_pages(store: &Fixture) {
    let (ada, eve) = (store.register("ada").await, store.register("eve").await);
    let (id, foreign) = (store.group("Lunch", ada, &[]).await, store.group("Others", eve, &[]).await);
    // More than PostgreSQL collects, and than it walks through at a time.
    let count = limits::SEARCH_COLLECTED_MAX + 500;
    for (room, sender) in [(id, ada), (foreign, eve)] {
        let text = |number: usize| if number.is_multiple_of(1_000) { "common rare" } else { "common" };
        let sends: Vec<_> = (0..count).map(|number| store.send_of(room, sender, text(number))).collect();
        for batch in sends.chunks(limits::BATCH_ROWS_MAX) {
            let lane = super::lane(&*store.store, room);
            store.commit(lane, batch.into()).await.unwrap();
        }
        index_after(store, 1, room, 0).await;
    }
    let newest_first: Vec<Seq> = (1..=i64::try_from(count).unwrap()).rev().collect();
    assert_eq!(all_pages(store, ada, "common", 1_000).await, newest_first);
    assert_eq!(all_pages(store, ada, "com", 1_000).await, newest_first);
    let rare: Vec<Seq> = newest_first.iter().copied().filter(|seq| seq % 1_000 == 1).collect();
    assert_eq!(all_pages(store, ada, "rare", 2).await, rare);
    assert_eq!(all_pages(store, ada, "\"common rare\"", 2).await, rare);
    assert_eq!(all_pages(store, ada, "absent", 2).await, [0; 0]);
    // With more conversations than the index is asked for.
    for number in 0..=limits::SEARCH_SCOPE_MAX {
        store.group(&format!("g{number}"), ada, &[]).await;
    }
    assert_eq!(all_pages(store, ada, "common", 1_000).await, newest_first);
    assert_eq!(all_pages(store, ada, "rare", 2).await, rare);
}

async fn messages_of_the_same_time_are_in_one_order(store: &Fixture) {
    let ada = store.register("ada").await;
    let mut expected = Vec::new();
    // More in one millisecond than SQLite has numbers for.
    let at = store.now();
    let at = Timestamp(at.0 - at.0 % 1_000);
    for _ in 0..4 {
        let id = store.group("Lunch", ada, &[]).await;
        let sends: Vec<_> = (0..300)
            .map(|number| super::shims::Send {
                timestamp: Timestamp(at.0 + number % 3),
                ..store.send_of(id, ada, "tied")
            })
            .collect();
        store.commit(super::lane(&*store.store, id), sends.into()).await.unwrap();
        index_after(store, 1, id, 0).await;
        expected.extend((0..300).map(|number| (at.0 + number % 3, id, number + 1)));
    }
    expected.sort_unstable_by(|one, other| other.cmp(one));
    let (mut all, mut before) = (Vec::new(), MessagePosition::LAST);
    loop {
        let found = page(store, 1, ada, "tied", before, 70).await;
        all.extend(found.messages.iter().map(|message| (message.timestamp.0, message.conversation_id, message.seq)));
        match found.next {
            Some(next) => before = next,
            None => break,
        }
    }
    assert_eq!(all.len(), expected.len());
    if store.kind() == "postgres" {
        assert_eq!(all, expected);
    } else {
        // Those for which SQLite has no number in their millisecond count as a millisecond younger.
        all.sort_unstable();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }
}
