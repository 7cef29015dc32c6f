//! Quotes: what an answer shows of the message that it answers is read with it.

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::conversation::Role;
use chinwag::domain::message::{Content, Message, Quote};
use chinwag::domain::{MessageId, Seq};
use chinwag::limits::QUOTE_CHARS_MAX;
use chinwag::store::Range;

use super::{Fixture, Send, fresh, repeated};

distributed_conformance!(
    an_answer_quotes_the_message_as_it_is,
    every_reader_of_an_answer_gets_its_quote,
    a_quote_is_the_beginning_of_a_text,
    answers_of_one_batch_have_each_their_quote,
    a_system_message_is_quoted_without_its_sentence,
);

fn quote_of(message: &Message) -> Quote {
    let Message { seq, sender_id, content, deleted_at, .. } = message.clone();
    Quote { seq, sender_id, is_system: message.note.is_some(), content, deleted_at }
}

async fn alter(store: &Fixture, message: &Message, action: Action) -> Message {
    fresh(store.alter(message.conversation_id, message.sender_id, action).await)
}

fn edit(message: &Message, text: &str) -> Action {
    Action::EditMessage { message_id: message.id, content: Content::parse(text.to_owned()).unwrap() }
}

async fn an_answer_quotes_the_message_as_it_is(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let first = store.send(id, ada, "at noon?").await;
    assert_eq!(first.quote, None);
    let send = Send { reply_to: Some(first.id), ..store.send_of(id, bob, "yes") };
    let answer = fresh(store.commit_one(&send).await);
    assert_eq!(answer.quote.as_deref(), Some(&quote_of(&first)));
    assert_eq!(repeated(store.commit_one(&send).await), answer, "a retry");
    let other = Send { reply_to: Some(MessageId::new()), ..send.clone() };
    assert_eq!(repeated(store.commit_one(&other).await), answer, "a retry that names another message");

    let edited = alter(store, &first, edit(&first, "at one?")).await;
    let stored = async || store.message_by_id(id, answer.id).await.unwrap().unwrap();
    assert_eq!(stored().await.quote.as_deref(), Some(&quote_of(&edited)), "an edit shows");
    let answer = alter(store, &answer, edit(&answer, "yes, at one")).await;
    assert_eq!(answer.quote.as_deref(), Some(&quote_of(&edited)), "the event of an edit has the quote");
    let again = store.alter(id, bob, edit(&answer, "yes, at one")).await;
    assert_eq!(again, Ok(Outcome::Duplicate(answer.clone())));

    let deleted = alter(store, &first, Action::DeleteMessage { message_id: first.id }).await;
    let quote = stored().await.quote.unwrap();
    assert_eq!((*quote, deleted.content.as_str()), (quote_of(&deleted), ""), "a deletion hides the text");
    let gone = alter(store, &answer, Action::DeleteMessage { message_id: answer.id }).await;
    assert_eq!((gone.reply_to, gone.quote), (Some(first.id), None), "what is deleted quotes nothing");
    assert_eq!(stored().await.quote, None);
}

async fn every_reader_of_an_answer_gets_its_quote(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[bob]).await;
    let first = store.send(id, ada, "at noon?").await;
    let send = Send { reply_to: Some(first.id), ..store.send_of(id, bob, "yes") };
    let answer = fresh(store.commit_one(&send).await);
    let expected = vec![first.clone(), answer.clone()];
    for range in [Range::Newest, Range::Before(9), Range::After(0)] {
        let page = store.page(ada, id, range, 9).await.unwrap().unwrap();
        assert_eq!((page.messages, page.last_seq), (expected.clone(), 2), "{range:?}");
        assert_eq!(store.messages(id, range, 9).await.unwrap(), expected, "{range:?}");
    }
    let events = store.events(id, 0, 9).await.unwrap();
    assert_eq!(events.into_iter().map(|event| event.message.unwrap()).collect::<Vec<_>>(), expected);
    let view = store.conversation_view(id, ada).await.unwrap().unwrap();
    assert_eq!(view.last_message.as_ref(), Some(&answer));
    assert_eq!(store.conversation_views(ada, None, 9).await.unwrap()[0].last_message.as_ref(), Some(&answer));
    store.alter(id, ada, Action::Pin { message_id: answer.id, is_pinned: true }).await.unwrap();
    assert_eq!(store.pins(id, Seq::MAX, 9).await.unwrap()[0].message.quote, answer.quote);
}

async fn a_quote_is_the_beginning_of_a_text(store: &Fixture) {
    let ada = store.register("ada").await;
    let id = store.group("Lunch", ada, &[]).await;
    let most = usize::try_from(QUOTE_CHARS_MAX).unwrap();
    for (text, expected) in [
        ("🦀".repeat(most), "🦀".repeat(most)),
        ("é".repeat(most) + "x", "é".repeat(most)),
        ("x".repeat(16 * 1024), "x".repeat(most)),
        ("a\nb \"c\" \u{202e}".to_owned(), "a\nb \"c\" \u{202e}".to_owned()),
    ] {
        let long = store.send(id, ada, &text).await;
        let send = Send { reply_to: Some(long.id), ..store.send_of(id, ada, "yes") };
        let answer = fresh(store.commit_one(&send).await);
        assert_eq!(answer.quote.as_ref().unwrap().content, expected);
        assert_eq!(store.message_by_id(id, answer.id).await.unwrap(), Some(answer));
    }
}

async fn answers_of_one_batch_have_each_their_quote(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (id, other) = (store.group("Lunch", ada, &[bob]).await, store.group("Supper", ada, &[bob]).await);
    let mut batch = Vec::new();
    let mut expected = Vec::new();
    for (place, text) in [(id, "one"), (id, "two"), (other, "three")] {
        let message = store.send(place, ada, text).await;
        for sender in [ada, bob] {
            batch.push(Send { reply_to: Some(message.id), ..store.send_of(place, sender, "yes") });
            batch.push(store.send_of(place, sender, "by the way"));
            expected.extend([Some(text.to_owned()), None]);
        }
    }
    // A message can be answered by the id that another conversation has too.
    let lane = super::lane(&*store.store, id);
    let outcomes = store.commit(lane, batch.into()).await.unwrap();
    let quotes: Vec<Option<String>> =
        outcomes.into_iter().map(|outcome| fresh(outcome).quote.map(|quote| quote.content)).collect();
    assert_eq!(quotes, expected);
}

async fn a_system_message_is_quoted_without_its_sentence(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let id = store.group("Lunch", ada, &[]).await;
    let note = store.add(id, ada, bob, Role::Member).await;
    assert!(note.content.contains("bob"));
    let send = Send { reply_to: Some(note.id), ..store.send_of(id, ada, "welcome") };
    let quote = fresh(store.commit_one(&send).await).quote.unwrap();
    assert_eq!(*quote, Quote { content: String::new(), ..quote_of(&note) });
}
