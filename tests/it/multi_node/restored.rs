//! A backup is restored below the nodes: conversations end earlier, and their next numbers are given again.

use serde_json::json;

use super::{Cluster, SOON, Setup};
use crate::support::bus::NetworkCondition;
use crate::support::postgres::connect;
use crate::support::server::StoreKind;

in_each_setup! {
    numbers_that_went_back_are_started_over,
    numbers_that_were_given_again_are_started_over,
}

async fn numbers_that_went_back_are_started_over(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, SOON).await;
    let ada = cluster.first.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let mut socket = ada.connect(&room.socket).await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    assert_eq!(socket.next_seqs(3).await, [1, 2, 3]);
    forget_all_but_the_first(setup.store, &cluster).await;
    assert_eq!(socket.close_code().await, 1013);
    let mut socket = ada.connect(&format!("{}?after_seq=3", room.socket)).await;
    assert_eq!(socket.next_of(&["error"]).await["code"], "resync");
    ada.send(&room, "two again").await;
    let again = socket.next_of(&["message.new"]).await;
    assert_eq!((&again["seq"], &again["message"]["content"]), (&json!(2), &json!("two again")));
}

async fn numbers_that_were_given_again_are_started_over(setup: Setup) {
    let cluster = Cluster::new(setup, NetworkCondition::Reliable, SOON).await;
    let ada = cluster.first.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let mut socket = ada.connect(&room.socket).await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(ada.send(&room, text).await["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(socket.next_seqs(3).await, [1, 2, 3]);
    forget_all_but_the_first(setup.store, &cluster).await;
    assert_eq!(socket.close_code().await, 1013);
    let mut again = Vec::new();
    for text in ["two again", "three again", "four"] {
        again.push(ada.send(&room, text).await["id"].as_str().unwrap().to_owned());
    }
    // A change is named by its message.
    ada.patch(&format!("{}/{}", room.messages, again[0]), &json!({"content": "two at last"})).await.expect(200);

    let answer = async |seq: usize, id: &str| {
        let mut all = ada.connect("/ws?hold=1").await;
        all.send(&json!({"type": "resume", "conversations": {&room.id: {"seq": seq, "id": id}}})).await;
        let mut one = ada.connect(&format!("{}?after_seq={seq}&after_id={id}", room.socket)).await;
        let mut answers = Vec::new();
        for socket in [&mut all, &mut one] {
            let (frames, _) = match socket.next_of(&["error", "resumed", "message.new", "message.updated"]).await {
                frame if frame["type"] == "resumed" || frame["type"] == "error" => (vec![frame], None),
                frame => {
                    let (mut rest, code) = socket.until("resumed").await;
                    rest.insert(0, frame);
                    (rest, code)
                }
            };
            let seqs: Vec<i64> = frames.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
            answers.push((frames.last().unwrap()["code"].as_str().map(str::to_owned), seqs));
        }
        // It is live all the same.
        one.send(&json!({"type": "ping"})).await;
        one.next_of(&["pong"]).await;
        assert_eq!(answers[0], answers[1], "{seq} {id}");
        answers.remove(0)
    };
    let resync = (Some("resync".to_owned()), Vec::new());
    assert_eq!(answer(1, &ids[0]).await, (None, vec![2, 3, 4, 5]));
    assert_eq!(answer(3, &ids[2]).await, resync, "another message has the number now");
    assert_eq!(answer(3, &again[1]).await, (None, vec![4, 5]));
    assert_eq!(answer(5, &again[0]).await, (None, vec![]));
    assert_eq!(answer(5, &again[2]).await, resync, "the number is that of another change");
    assert_eq!(answer(9, &again[2]).await, resync);
    assert_eq!(answer(0, &ids[0]).await, resync, "nothing has the number 0");
}

/// Changes the store as a restore of a backup does that has the first event alone.
async fn forget_all_but_the_first(store: StoreKind, cluster: &Cluster) {
    for statement in ["DELETE FROM messages WHERE seq > 1", "UPDATE counters SET last_seq = 1"] {
        match store {
            StoreKind::Postgres => connect(&cluster.url).await.batch_execute(statement).await.unwrap(),
            StoreKind::Sqlite => {
                let path = cluster.url.strip_prefix("sqlite:").unwrap().to_owned();
                rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
            }
        }
    }
}
