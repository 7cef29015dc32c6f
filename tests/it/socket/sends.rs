//! Sending and receiving.

use chinwag::limits::CATCH_UP_PAGE;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::bus::{Form, NetworkCondition, TestBus};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    two_people_chat_both_ways,
    what_is_sent_is_stored_before_it_is_heard,
    a_retry_is_answered_by_the_message_that_is_there,
    everything_that_is_missed_is_replayed_in_order,
    many_senders_get_one_gapless_order,
    a_send_in_doubt_reaches_its_sender_once,
    a_send_in_a_gap_that_is_not_read_to_its_end_reaches_its_sender_once,
    a_retry_in_doubt_reaches_its_sender_once,
    a_send_in_doubt_that_is_found_meanwhile_reaches_its_sender_once,
}

async fn two_people_chat_both_ways(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect("/ws").await);

    hers.send(&json!({"type": "message.send", "content": "hi"})).await;
    assert_eq!((hers.next_content().await, theirs.next_content().await), ("hi".to_owned(), "hi".to_owned()));

    let id = Uuid::now_v7();
    let send = json!({"type": "message.send", "conversation_id": room.id, "id": id, "content": "hello yourself 👋"});
    theirs.send(&send).await;
    let (one, other) = (hers.next_of(&["message.new"]).await, theirs.next_of(&["message.new"]).await);
    assert_eq!(one, other, "every recipient gets the same");
    assert_eq!((&one["seq"], &one["conversation_id"]), (&json!(2), &json!(room.id)));
    let message = &one["message"];
    assert_eq!((&message["id"], &message["sender_id"]), (&json!(id), &json!(grace.id)));
    assert_eq!((&message["content"], &message["status"]), (&json!("hello yourself 👋"), &json!("sent")));
}

async fn what_is_sent_is_stored_before_it_is_heard(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let (mut hers, mut theirs) = (ada.connect("/ws").await, grace.connect(&room.socket).await);
    for text in ["one", "two", "three"] {
        hers.send(&json!({"type": "message.send", "conversation_id": room.id, "content": text})).await;
        let received = theirs.next_of(&["message.new"]).await;
        let newest = grace.get(&format!("{}?limit=1", room.messages)).await.expect(200).json();
        assert_eq!(newest["items"][0], received["message"]);
    }
}

async fn a_retry_is_answered_by_the_message_that_is_there(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    let send = json!({"type": "message.send", "id": Uuid::now_v7(), "content": "once"});
    for _ in 0..3 {
        hers.send(&send).await;
    }
    let answers = [hers.next_of(&["message.new"]).await, hers.next_of(&["message.new"]).await];
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], hers.next_of(&["message.new"]).await);

    ada.post(&room.messages, &json!({"id": send["id"], "content": "once"})).await.expect(200);
    let taken = grace.post(&room.messages, &json!({"id": send["id"], "content": "mine"})).await;
    assert_eq!(taken.problem(), (409, "id_taken".to_owned()));
    assert!(!String::from_utf8_lossy(&taken.body).contains("once"), "it tells nothing of the first");

    ada.send(&room, "twice").await;
    assert_eq!((theirs.next_content().await, theirs.next_content().await), ("once".to_owned(), "twice".to_owned()));
    assert_eq!(ada.get(&room.path).await.json()["last_seq"], 2);
}

async fn everything_that_is_missed_is_replayed_in_order(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    // More than two pages of the store, so that the replay joins pages.
    let count = 250_i64;
    let mut hers = ada.connect(&room.socket).await;
    for number in 1..=count {
        hers.send(&json!({"type": "message.send", "content": number.to_string()})).await;
    }
    assert_eq!(hers.next_seqs(250).await, (1..=count).collect::<Vec<_>>());

    let mut all = grace.connect(&format!("{}?after_seq=0", room.socket)).await;
    assert_eq!(all.next_seqs(250).await, (1..=count).collect::<Vec<_>>());
    let resumed = all.next_of(&["resumed"]).await;
    assert_eq!(resumed["last_seq"], count);
    assert_eq!(resumed["receipts"][&ada.id]["read_seq"], count, "a send advances the sender's own");

    let mut some = grace.connect("/ws").await;
    some.send(&json!({"type": "resume", "ref": "r1", "conversations": {&room.id: 200}})).await;
    assert_eq!(some.next_seqs(50).await, (201..=count).collect::<Vec<_>>());
    assert_eq!(some.next_of(&["resumed"]).await["ref"], "r1");

    let mut held = grace.connect("/ws?hold=1").await;
    ada.send(&room, "while it was held").await;
    held.send(&json!({"type": "resume", "conversations": {&room.id: 249}})).await;
    ada.send(&room, "after").await;
    assert_eq!(held.next_seqs(3).await, [250, 251, 252]);

    some.send(&json!({"type": "resume", "ref": "r2", "conversations": {&room.id: 9999}})).await;
    let refused = some.next_of(&["error"]).await;
    assert_eq!((&refused["code"], &refused["ref"]), (&json!("resync"), &json!("r2")));
    assert_eq!(refused["conversation_id"], room.id.as_str());
}

async fn many_senders_get_one_gapless_order(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let each = 150;
    let mut sockets = Vec::new();
    for user in [&ada, &grace, &ada, &grace] {
        sockets.push(user.connect(&room.socket).await);
    }
    let everything = 1..=4 * i64::from(each);
    let talks = sockets.into_iter().enumerate().map(|(index, mut socket)| {
        let everything = everything.clone();
        tokio::spawn(async move {
            for number in 0..each {
                socket.send(&json!({"type": "message.send", "content": format!("{index} {number}")})).await;
            }
            let mut own = 0;
            for seq in everything {
                let frame = socket.next_of(&["message.new"]).await;
                assert_eq!(frame["seq"], seq);
                let content = frame["message"]["content"].as_str().unwrap();
                if let Some(number) = content.strip_prefix(&format!("{index} ")) {
                    assert_eq!(number, own.to_string(), "what one client sends keeps its order");
                    own += 1;
                }
            }
            assert_eq!(own, each);
        })
    });
    for talk in talks.collect::<Vec<_>>() {
        talk.await.unwrap();
    }
}

/// Returns the texts of the messages among these frames.
fn texts(frames: &[Value]) -> Vec<&str> {
    let messages = frames.iter().filter(|frame| frame["type"] == "message.new");
    messages.map(|frame| frame["message"]["content"].as_str().unwrap()).collect()
}

/// Returns the frames up to the message with this text.
async fn frames_up_to(socket: &mut Socket, last: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    while texts(&frames).last() != Some(&last) {
        frames.push(socket.next().await);
    }
    frames
}

/// Returns the frames that arrive before all sends of the socket are admitted.
async fn frames_until_admitted(socket: &mut Socket) -> Vec<Value> {
    socket.send(&json!({"type": "ping"})).await;
    socket.until("pong").await.0
}

async fn a_send_in_doubt_reaches_its_sender_once(store: StoreKind) {
    // A send alone in its batch, one whose second attempt is lost too, and several in one batch.
    for (lost, count) in [(1, 1), (2, 1), (1, 5)] {
        let (server, held_store) = Server::held(store).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.direct(&grace).await;
        let (mut hers, mut also_hers) = (ada.connect(&room.socket).await, ada.connect("/ws").await);
        let (mut theirs, mut silent) = (grace.connect(&room.socket).await, ada.connect("/ws?hold=1").await);
        let mut hold = held_store.hold("commit", 1);
        hers.send(&json!({"type": "message.send", "content": "held"})).await;
        hold.reached().await;
        for number in 1..=lost {
            held_store.lose("commit", number);
        }
        // These wait in the lane meanwhile.
        let mut expected = vec!["held".to_owned()];
        for number in 0..count {
            expected.push(format!("number {number}"));
            hers.send(&json!({"type": "message.send", "content": expected[number + 1]})).await;
        }
        let mut received = frames_until_admitted(&mut hers).await;
        let quiet = json!({"type": "message.send", "conversation_id": room.id, "content": "from a silent one"});
        silent.send(&quiet).await;
        frames_until_admitted(&mut silent).await;
        hold.release();
        assert_eq!(silent.next_content().await, "from a silent one");
        ada.send(&room, "last").await;
        expected.extend(["from a silent one", "last"].map(str::to_owned));
        received.extend(frames_up_to(&mut hers, "last").await);
        assert_eq!(texts(&received), expected);
        for socket in [&mut also_hers, &mut theirs] {
            assert_eq!(texts(&frames_up_to(socket, "last").await), expected);
        }
        assert_eq!(texts(&frames_until_admitted(&mut silent).await), [""; 0]);
    }
}

async fn a_send_in_doubt_that_is_found_meanwhile_reaches_its_sender_once(store: StoreKind) {
    let bus = TestBus::new(Form::Whole, NetworkCondition::Reliable);
    let (server, held_store) = Server::held_on(store, |inbox| bus.join(inbox)).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    held_store.lose("commit", 1);
    let mut second_try = held_store.hold("commit", 2);
    hers.send(&json!({"type": "message.send", "content": "once"})).await;
    second_try.reached().await;
    // The node compares its watermarks with the store.
    bus.reconnect();
    assert_eq!((hers.next_content().await, theirs.next_content().await), ("once".to_owned(), "once".to_owned()));
    second_try.lose();
    hers.send(&json!({"type": "message.send", "content": "behind it"})).await;
    assert_eq!(theirs.next_content().await, "behind it");
    // Both may be in one batch, which is delivered before it is answered.
    ada.send(&room, "last").await;
    assert_eq!(texts(&frames_up_to(&mut hers, "last").await), ["behind it", "last"]);
}

async fn a_send_in_a_gap_that_is_not_read_to_its_end_reaches_its_sender_once(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut hers = ada.connect(&room.socket).await;
    // A connection that is not live yet reads by itself what it lacks.
    ada.send(&room, "first").await;
    assert_eq!(hers.next_content().await, "first");
    // Another node commits before the send, and more than a page after it.
    held_store.commit_elsewhere(&room, &grace, 1).await;
    let mut committed = held_store.hold("commit", 1);
    hers.send(&json!({"type": "message.send", "content": "once"})).await;
    committed.reached().await;
    held_store.commit_elsewhere(&room, &grace, 2 * CATCH_UP_PAGE).await;
    let mut second_page = held_store.hold("events_of", 2);
    committed.release();
    second_page.reached().await;
    // It is answered after the send before it.
    ada.send(&room, "last").await;
    let received = frames_until_admitted(&mut hers).await;
    let texts = texts(&received);
    assert_eq!(texts.last(), Some(&"last"));
    assert_eq!(texts.iter().filter(|text| **text == "once").count(), 1, "{texts:?}");
}

async fn a_retry_in_doubt_reaches_its_sender_once(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut hers, mut theirs) = (ada.connect(&room.socket).await, grace.connect(&room.socket).await);
    let send = json!({"type": "message.send", "id": Uuid::now_v7(), "content": "once"});
    hers.send(&send).await;
    assert_eq!((hers.next_content().await, theirs.next_content().await), ("once".to_owned(), "once".to_owned()));
    held_store.lose("commit", 1);
    hers.send(&send).await;
    hers.send(&json!({"type": "message.send", "content": "behind it"})).await;
    assert_eq!(theirs.next_content().await, "behind it");
    // Both may be in one batch, which is delivered before it is answered.
    ada.send(&room, "last").await;
    let received = frames_up_to(&mut hers, "last").await;
    let mut received = texts(&received);
    received.sort_unstable();
    assert_eq!(received, ["behind it", "last", "once"], "a retry is answered by the message");
}
