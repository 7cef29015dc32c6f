//! Pins: a bounded number of messages that a conversation keeps in view.

use chinwag::domain::command::{Action, Outcome};
use chinwag::domain::event::{EventKind, Payload};
use chinwag::domain::message::{Content, Message};
use chinwag::domain::pin::Pin;
use chinwag::domain::{Code, ConversationId, Result, Seq, UserId};
use chinwag::limits::PINS_MAX;
use serde_json::{Value, json};

use super::shims::ApplyOne;
use super::{Fixture, refused, refused_field};

distributed_conformance!(
    a_pin_is_an_event_and_is_listed,
    a_conversation_has_a_bounded_number_of_pins,
    a_deletion_unpins,
    an_edit_leaves_the_pin,
    a_deleted_conversation_has_no_pins,
);

async fn pin(store: &Fixture, message: &Message, actor_id: UserId, is_pinned: bool) -> Result<Outcome> {
    let action = Action::Pin { message_id: message.id, is_pinned };
    store.alter(message.conversation_id, actor_id, action).await
}

/// Returns the number, the kind and the fields of the event.
#[track_caller]
fn changed(outcome: Result<Outcome>) -> (Seq, EventKind, Value) {
    let Ok(Outcome::Committed(event)) = outcome else { panic!("expected an event, not {outcome:?}") };
    assert_eq!(event.message, None, "the text does not ride along");
    let payload = event.payload.as_ref().map(Payload::as_str).unwrap();
    (event.seq, event.kind, serde_json::from_str(payload).unwrap())
}

async fn listed(store: &Fixture, id: ConversationId) -> Vec<Pin> {
    store.pins(id, Seq::MAX, 1_000).await.unwrap()
}

async fn room(store: &Fixture) -> (ConversationId, UserId, UserId) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    (store.group("Lunch", ada, &[bob]).await, ada, bob)
}

async fn a_pin_is_an_event_and_is_listed(store: &Fixture) {
    let (id, ada, bob) = room(store).await;
    let (first, second) = (store.send(id, ada, "one").await, store.send(id, bob, "two").await);
    let fields = json!({"message_id": second.id, "user_id": ada});
    assert_eq!(changed(pin(store, &second, ada, true).await), (3, EventKind::MessagePinned, fields.clone()));
    assert_eq!(pin(store, &second, ada, true).await, Ok(Outcome::NoChange), "again");
    assert_eq!(pin(store, &first, ada, false).await, Ok(Outcome::NoChange), "it is not pinned");
    assert_eq!(changed(pin(store, &first, ada, true).await).0, 4);
    let pins = listed(store, id).await;
    assert_eq!(
        pins.iter().map(|pin| (pin.message.id, pin.user_id)).collect::<Vec<_>>(),
        [(second.id, ada), (first.id, ada)]
    );
    for pin in &pins {
        assert_eq!(pin.message.pinned_at, Some(pin.pinned_at));
        assert_eq!(store.message(id, pin.message.id).await.unwrap().as_ref(), Some(&pin.message));
    }
    assert_eq!(store.pins(id, second.seq, 9).await.unwrap(), pins[1..]);
    assert_eq!(store.pins(id, Seq::MAX, 1).await.unwrap(), pins[..1]);
    assert_eq!(changed(pin(store, &second, ada, false).await), (5, EventKind::MessageUnpinned, fields));
    assert_eq!(listed(store, id).await, pins[1..]);
    assert_eq!(store.message(id, second.id).await.unwrap(), Some(second));
    let kinds: Vec<(Seq, EventKind)> =
        store.events(id, 2, 9).await.unwrap().into_iter().map(|event| (event.seq, event.kind)).collect();
    assert_eq!(kinds, [(3, EventKind::MessagePinned), (4, EventKind::MessagePinned), (5, EventKind::MessageUnpinned)]);
    assert_eq!(store.receipts(id, bob).await, (2, 2), "a pin is not read by anybody");
}

async fn a_conversation_has_a_bounded_number_of_pins(store: &Fixture) {
    let (id, ada, _) = room(store).await;
    let mut messages = Vec::new();
    for number in 0..=PINS_MAX {
        messages.push(store.send(id, ada, &number.to_string()).await);
    }
    let (last, others) = messages.split_last().unwrap();
    for message in others {
        changed(pin(store, message, ada, true).await);
    }
    assert_eq!(refused_field(pin(store, last, ada, true).await), "message_id");
    assert_eq!(pin(store, &others[0], ada, true).await, Ok(Outcome::NoChange));
    changed(pin(store, &others[0], ada, false).await);
    changed(pin(store, last, ada, true).await);
    assert_eq!(listed(store, id).await.len(), others.len());
    let deletion = Action::DeleteMessage { message_id: last.id };
    store.alter(id, ada, deletion).await.unwrap();
    changed(pin(store, &others[0], ada, true).await);
    let other = store.group("Supper", ada, &[]).await;
    let message = store.send(other, ada, "x").await;
    changed(pin(store, &message, ada, true).await);
}

async fn a_deletion_unpins(store: &Fixture) {
    let (id, ada, _) = room(store).await;
    let message = store.send(id, ada, "one").await;
    changed(pin(store, &message, ada, true).await);
    let deletion = Action::DeleteMessage { message_id: message.id };
    let Ok(Outcome::Committed(event)) = store.alter(id, ada, deletion).await else { panic!("it is deleted") };
    assert_eq!(event.message.unwrap().pinned_at, None);
    assert_eq!((listed(store, id).await, store.head(id).await.unwrap()), (vec![], Some(3)));
    for is_pinned in [true, false] {
        assert_eq!(refused(pin(store, &message, ada, is_pinned).await), Code::NotFound);
    }
}

async fn an_edit_leaves_the_pin(store: &Fixture) {
    let (id, ada, _) = room(store).await;
    let message = store.send(id, ada, "one").await;
    changed(pin(store, &message, ada, true).await);
    let edit = Action::EditMessage { message_id: message.id, content: Content::parse("uno".to_owned()).unwrap() };
    let Ok(Outcome::Committed(event)) = store.alter(id, ada, edit).await else { panic!("it is edited") };
    let edited = event.message.unwrap();
    assert!(edited.pinned_at.is_some());
    assert_eq!(listed(store, id).await[0].message, edited);
}

async fn a_deleted_conversation_has_no_pins(store: &Fixture) {
    let (id, ada, _) = room(store).await;
    let message = store.send(id, ada, "one").await;
    changed(pin(store, &message, ada, true).await);
    store.delete_conversation(id, ada).await.unwrap();
    while store.sweep_deleted(100).await.unwrap() {}
    assert_eq!(listed(store, id).await, []);
    assert_eq!(refused(pin(store, &message, ada, true).await), Code::NotFound);
}
