//! Reading messages.

use chinwag::domain::command::Action;
use chinwag::domain::event::Event;
use chinwag::domain::message::{Content, Message};
use chinwag::domain::{ConversationId, MessageId, Seq};
use chinwag::store::Range;

use super::shims::ApplyOne;
use super::{Fixture, fresh, seqs, texts};

distributed_conformance!(
    a_message_is_kept_as_it_is,
    texts_survive_byte_for_byte,
    ranges_have_no_gap,
    conversations_do_not_mix,
    the_events_of_many_conversations_are_read_at_once,
    a_page_is_for_members,
    a_page_tells_receipts_to_those_whose_messages_are_on_it,
);

async fn a_message_is_kept_as_it_is(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let first = store.send_of(id, ada, "question");
    let expected = Message::new(first.id, id, 1, ada, "question".to_owned(), first.timestamp);
    assert_eq!(fresh(store.commit_one(&first).await), expected);
    assert_eq!(store.message(id, first.id).await.unwrap(), Some(expected.clone()));

    let answer = super::Send { reply_to: Some(first.id), ..store.send_of(id, bob, "answer") };
    let answered = fresh(store.commit_one(&answer).await);
    assert_eq!((answered.seq, answered.reply_to), (2, Some(first.id)));
    assert_eq!(store.all(id).await, [expected, answered]);
    assert_eq!(store.message(id, MessageId::new()).await.unwrap(), None);
    assert_eq!(store.message(ConversationId::new(), first.id).await.unwrap(), None);
}

async fn texts_survive_byte_for_byte(store: &Fixture) {
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    let long = "é".repeat(chinwag::limits::CONTENT_BYTES_MAX / 2);
    let written = [
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
        "'; DROP TABLE messages; -- \"$1\" ?1 {} %s \\",
        "שלום \u{202E}abc\u{202C} مرحبا",
        "e\u{301} is not é, and stays so",
        "  white space\r\n\taround  ",
        "\u{1}\u{1F}\u{7F}\u{FEFF}\u{FFFD}\u{10FFFF}",
        &long,
    ];
    let sends: Vec<_> = written.iter().map(|text| store.send_of(id, ada, text)).collect();
    let found: Vec<_> =
        store.commit(super::lane(&*store.store, id), sends.into()).await.unwrap().into_iter().map(fresh).collect();
    assert_eq!(texts(&found), written);
    let kept = store.all(id).await;
    assert_eq!(texts(&kept), written);
    assert_eq!(store.another().await.messages(id, Range::Newest, 100).await.unwrap(), kept);
}

async fn ranges_have_no_gap(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    for n in 1..=6 {
        store.send(id, if n % 2 == 0 { ada } else { bob }, &format!("{n}")).await;
    }
    for (range, limit, expected) in [
        (Range::Newest, 3, &[4, 5, 6][..]),
        (Range::Newest, 100, &[1, 2, 3, 4, 5, 6]),
        (Range::Before(4), 2, &[2, 3]),
        (Range::Before(4), 100, &[1, 2, 3]),
        (Range::Before(1), 100, &[]),
        (Range::Before(100), 2, &[5, 6]),
        (Range::After(0), 2, &[1, 2]),
        (Range::After(2), 2, &[3, 4]),
        (Range::After(4), 100, &[5, 6]),
        (Range::After(6), 100, &[]),
        (Range::After(100), 100, &[]),
    ] {
        let page = store.messages(id, range, limit).await.unwrap();
        assert_eq!(seqs(&page), expected, "{limit} of {range:?}");
        assert!(page.iter().all(|message| message.content == message.seq.to_string()));
    }
}

async fn conversations_do_not_mix(store: &Fixture) {
    let ada = store.register("ada").await;
    let (one, two) = (store.group("one", ada, &[]).await, store.group("two", ada, &[]).await);
    let id = MessageId::new();
    for conversation_id in [one, two] {
        let send = super::Send { id, ..store.send_of(conversation_id, ada, "the same id twice") };
        let message = fresh(store.commit_one(&send).await);
        assert_eq!((message.seq, message.conversation_id), (1, conversation_id));
    }
    store.send(two, ada, "only here").await;
    assert_eq!(texts(&store.all(one).await), ["the same id twice"]);
    assert_eq!(texts(&store.all(two).await), ["the same id twice", "only here"]);
    assert_eq!(store.message(two, id).await.unwrap().unwrap().conversation_id, two);
}

async fn the_events_of_many_conversations_are_read_at_once(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for number in 0..30_i64 {
        let id = store.group("Lunch", ada, &[bob]).await;
        let first = store.send(id, ada, "question").await;
        let answer = super::Send { reply_to: Some(first.id), ..store.send_of(id, bob, "answer") };
        fresh(store.commit_one(&answer).await);
        let content = Content::parse("question, edited".to_owned()).unwrap();
        store.alter(id, ada, Action::EditMessage { message_id: first.id, content }).await.unwrap();
        store.send(id, ada, "the last").await;
        asked.push((id, number % 6));
        expected.extend(store.events(id, number % 6, 2).await.unwrap());
    }
    asked.push((ConversationId::new(), 0));
    let by_conversation = |mut events: Vec<Event>| {
        // A stable order, so that a conversation's events stay in theirs.
        events.sort_by_key(|event| event.conversation_id);
        events
    };
    let events = store.events_of(&asked, 2).await.unwrap();
    let runs = events.chunk_by(|one, other| one.conversation_id == other.conversation_id).count();
    assert_eq!(runs, asked.iter().filter(|(_, after)| *after < 4).count() - 1, "those of a conversation come together");
    assert_eq!(format!("{:?}", by_conversation(events)), format!("{:?}", by_conversation(expected)));
    let none: &[(ConversationId, Seq)] = &[];
    assert!(store.events_of(none, 2).await.unwrap().is_empty());
}

async fn a_page_is_for_members(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    for text in ["one", "two", "three", "four"] {
        store.send(id, ada, text).await;
    }
    assert!(store.page(eve, id, Range::Newest, 10).await.unwrap().is_none());
    assert!(store.page(ada, ConversationId::new(), Range::Newest, 10).await.unwrap().is_none());
    for (range, expected) in
        [(Range::Newest, ["three", "four"]), (Range::Before(4), ["two", "three"]), (Range::After(1), ["two", "three"])]
    {
        let page = store.page(bob, id, range, 2).await.unwrap().unwrap();
        assert_eq!(texts(&page.messages), expected, "{range:?}");
        assert_eq!((page.last_seq, page.member_count), (4, 2));
        assert_eq!(page.messages, store.messages(id, range, 2).await.unwrap());
    }
}

async fn a_page_tells_receipts_to_those_whose_messages_are_on_it(store: &Fixture) {
    let (ada, bob, cat) = (store.register("ada").await, store.register("bob").await, store.register("cat").await);
    let id = store.group("Lunch", ada, &[bob, cat]).await;
    store.send(id, ada, "one").await;
    store.send(id, bob, "two").await;
    store.send(id, cat, "three").await;
    let receipts = async |reader, range| store.page(reader, id, range, 10).await.unwrap().unwrap().receipts;
    assert_eq!(receipts(ada, Range::Newest).await, Some((2, 2)));
    assert_eq!(receipts(bob, Range::Newest).await, Some((1, 1)));
    assert_eq!(receipts(ada, Range::After(1)).await, None, "nothing there is theirs");
}
