//! Pages of lists are bounded in bytes as well as in items, and the next page goes on without a hole.

use serde_json::Value;

use crate::support::client::TestUser;
use crate::support::server::{Server, StoreKind};
use chinwag::limits::{CONTENT_BYTES_MAX, PAGE_BYTES_MAX};

on_each_store! {
    a_page_of_history_is_cut_at_its_bytes,
    a_page_of_conversations_is_cut_at_its_bytes,
}

/// More than fit into a page, if each has the longest text and JSON escapes every byte of it.
const MESSAGES: i64 = 25;

/// The longest text that there is in JSON: six bytes for each.
fn longest() -> String {
    "\u{1}".repeat(CONTENT_BYTES_MAX)
}

/// Requests a page of history, and checks its size. Returns the page and its numbers.
async fn page(user: &TestUser, path: &str) -> (Value, Vec<i64>) {
    let answer = user.get(path).await.expect(200);
    let bytes = answer.body.len();
    assert!(
        (PAGE_BYTES_MAX * 9 / 10..=PAGE_BYTES_MAX).contains(&bytes) || bytes < PAGE_BYTES_MAX / 2,
        "{path}: {bytes} bytes"
    );
    let page = answer.json();
    let seqs = page["items"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    (page, seqs)
}

async fn a_page_of_history_is_cut_at_its_bytes(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for _ in 0..MESSAGES {
        ada.send(&room, &longest()).await;
    }
    let all: Vec<i64> = (1..=MESSAGES).collect();
    let path = format!("{}?limit=200", room.messages);

    let (newest, mut backwards) = page(&grace, &path).await;
    assert_eq!(newest["has_more"], true);
    assert_eq!(backwards.last(), Some(&MESSAGES), "the newest page keeps the newest");
    let fit = backwards.len();
    loop {
        let (older, seqs) = page(&grace, &format!("{path}&before_seq={}", backwards[0])).await;
        backwards.splice(0..0, seqs);
        if older["has_more"] == false {
            break;
        }
    }
    assert_eq!(backwards, all);

    let mut forwards = Vec::new();
    loop {
        let last = forwards.last().copied().unwrap_or(0);
        let (newer, seqs) = page(&grace, &format!("{path}&after_seq={last}")).await;
        forwards.extend(seqs);
        if newer["has_more"] == false {
            break;
        }
    }
    assert_eq!(forwards, all);

    let (around, seqs) = page(&grace, &format!("{path}&around_seq=13")).await;
    assert_eq!((&around["has_more_before"], &around["has_more_after"]), (&Value::Bool(true), &Value::Bool(true)));
    let half = i64::try_from(fit / 2).unwrap();
    assert_eq!(seqs, (13 - half..13 - half + i64::try_from(fit).unwrap()).collect::<Vec<_>>());
    let (end, seqs) = page(&grace, &format!("{path}&around_seq={MESSAGES}")).await;
    assert_eq!((&end["has_more_before"], &end["has_more_after"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(seqs, all[all.len() - fit..]);
}

async fn a_page_of_conversations_is_cut_at_its_bytes(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let mut expected = Vec::new();
    for number in 0..MESSAGES {
        let room = ada.group(&number.to_string(), &[]).await;
        ada.send(&room, &longest()).await;
        expected.insert(0, room.id);
    }
    let (mut listed, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let answer = ada.get(&format!("/v1/conversations?limit=200{cursor}")).await.expect(200);
        assert!(answer.body.len() <= PAGE_BYTES_MAX, "{} bytes", answer.body.len());
        let page = answer.json();
        listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((listed, pages), (expected, 3));
}
