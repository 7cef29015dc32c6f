//! The search for messages.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chinwag::limits::{MESSAGE_QUERY_CHARS_MAX, SEARCH_TERMS_MAX};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{each, refused_fields};
use crate::support::client::{Conversation, Response, TestUser};
use crate::support::node::Node;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    words_phrases_beginnings_and_filters_find_messages,
    pages_are_in_the_order_of_time,
    a_cursor_tells_nothing_and_opens_for_its_user_alone,
    only_members_find_messages,
    an_edited_or_deleted_text_is_never_shown,
    a_group_is_found_by_its_name_and_a_direct_conversation_by_its_user,
    what_cannot_be_searched_for_is_refused,
    messages_of_a_server_that_was_killed_are_found,
}

async fn search(user: &TestUser, q: &str, more: &str) -> Response {
    let q = utf8_percent_encode(q, NON_ALPHANUMERIC);
    user.get(&format!("/v1/search?q={q}{more}")).await
}

/// Returns the texts that a search finds.
async fn found(user: &TestUser, q: &str) -> Vec<String> {
    let list = search(user, q, "&limit=200").await.expect(200).json();
    assert_eq!(list["next"], Value::Null, "{q}");
    each(&list, "/message/content").iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Searches until this is what it finds.
async fn until_found(user: &TestUser, q: &str, expected: &[&str]) {
    let searching = async {
        while found(user, q).await != expected {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let is_found = timeout(TEST_TIMEOUT, searching).await.is_ok();
    assert!(is_found, "{q} finds {:?}", found(user, q).await);
}

/// Sends texts, waits until the last one is found, and returns them.
async fn indexed(user: &TestUser, room: &Conversation, texts: &[&str]) {
    for text in texts {
        user.send(room, text).await;
    }
    user.send(room, "sentinel").await;
    until_found(user, "\"sentinel\"", &["sentinel"]).await;
}

async fn words_phrases_beginnings_and_filters_find_messages(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.send(&room, "Grace says hello to everybody").await;
    let texts = [
        "Hello, Wörld!",
        "the most dangerous phrase in the language",
        "a phrase that is most boring, and dangerous",
        "E\u{301}lodie wohnt in der Straße 42",
        "STRASSENBAHN um 8:15",
        "林徽因是建筑师",
        "我爱建筑",
        "東京タワーへ行く",
        "snake_case and X-ray",
        "👩‍🚀 only a picture",
        "don't panic",
        "İstanbul'da",
        "김치 맛있다",
    ];
    indexed(&ada, &room, &texts).await;
    // What a query finds, newest first.
    let hello = "Hello, Wörld!";
    let (dangerous, boring) = (texts[1], texts[2]);
    for (q, expected) in [
        ("hello", &[hello, "Grace says hello to everybody"][..]),
        ("HELLO world", &[hello]),
        ("hel", &[hello, "Grace says hello to everybody"]),
        ("\"hel\"", &[]),
        ("hel world", &[]),
        ("world hel", &[hello]),
        ("elodie", &[texts[3]]),
        ("ELODIE strasse", &[texts[3]]),
        ("strasse", &[texts[4], texts[3]]),
        ("\"strasse\"", &[texts[3]]),
        ("42", &[texts[3]]),
        ("8", &[texts[4]]),
        ("dangerous", &[boring, dangerous]),
        ("\"most dangerous\"", &[dangerous]),
        ("“dangerous phrase”", &[dangerous]),
        ("phrase \"most boring\"", &[boring]),
        ("\"dangerous phrase in the lang", &[dangerous]),
        ("建筑", &[texts[6], texts[5]]),
        ("建筑师", &[texts[5]]),
        ("林", &[texts[5]]),
        ("師", &[]),
        ("师", &[texts[5]]),
        ("因是", &[texts[5]]),
        ("林因", &[]),
        ("タワー", &[texts[7]]),
        ("ﾀﾜｰ", &[texts[7]]),
        ("snake", &[texts[8]]),
        ("x-ra", &[texts[8]]),
        ("x-r", &[]),
        ("case_and", &[texts[8]]),
        ("picture 👩‍🚀", &[texts[9]]),
        ("don't", &[texts[10]]),
        ("istanbul", &[texts[11]]),
        ("ISTANBUL", &[texts[11]]),
        ("김치", &[texts[12]]),
        ("김", &[texts[12]]),
        ("absent", &[]),
        ("hello absent", &[]),
        ("hello from:grace", &["Grace says hello to everybody"]),
        ("hello from:@GRACE", &["Grace says hello to everybody"]),
        ("from:grace", &["Grace says hello to everybody"]),
        ("hello from:ada", &[hello]),
        ("hello from:nobody", &[]),
        ("hello before:2020-01-01", &[]),
        ("hello after:2020-01-01 from:grace", &["Grace says hello to everybody"]),
        ("hello after:2100-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(found(&ada, q).await, expected, "{q}");
    }
    let item = search(&ada, "world hel", "").await.expect(200).json()["items"][0].clone();
    assert_eq!((&item["excerpt"], &item["ranges"]), (&json!(hello), &json!([[0, 3], [7, 12]])));
    assert_eq!(item["message"]["status"], "sent");
    let item = search(&ada, "picture", "").await.expect(200).json()["items"][0].clone();
    // The picture before it has five UTF-16 code units.
    assert_eq!(item["ranges"], json!([[13, 20]]), "{item}");
}

async fn pages_are_in_the_order_of_time(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (lunch, dinner) = (ada.group("Lunch", &[&grace]).await, ada.group("Dinner", &[]).await);
    let others = grace.group("Others", &[]).await;
    let mut sent = Vec::new();
    for number in 0..9 {
        let room = [&lunch, &dinner][number % 2];
        sent.push(ada.send(room, &format!("soup {number}")).await["id"].clone());
        grace.send(&others, "soup of others").await;
    }
    indexed(&ada, &lunch, &[]).await;
    sent.reverse();
    for limit in [1, 2, 4, 9, 10] {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = search(&ada, "soup", &format!("&limit={limit}{cursor}")).await.expect(200).json();
            let ids = each(&page, "/message/id");
            assert!(ids.len() <= limit);
            all.extend(ids);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(all, sent, "{limit}");
    }
    let here = search(&ada, "soup", &format!("&conversation_id={}", dinner.id)).await.expect(200).json();
    assert_eq!(each(&here, "/message/id").len(), 4);
    let forged = search(&ada, "soup", "&cursor=x").await;
    assert_eq!(refused_fields(&forged), ["cursor"]);
}

async fn a_cursor_tells_nothing_and_opens_for_its_user_alone(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    indexed(&ada, &room, &["soup 1", "soup 2", "soup 3"]).await;
    let first = search(&ada, "soup", "&limit=1").await.expect(200).json();
    assert_eq!(each(&first, "/message/content"), ["soup 3"]);
    let cursor = first["next"].as_str().expect("others follow").to_owned();
    let bytes = BASE64.decode(&cursor).unwrap();
    let id = Uuid::parse_str(&room.id).unwrap();
    for known in [room.id.as_bytes(), id.as_simple().to_string().as_bytes(), id.as_bytes()] {
        assert!(!bytes.windows(known.len()).any(|part| part == known), "it shows a conversation");
    }
    let again = search(&ada, "soup", "&limit=1").await.expect(200).json();
    assert_ne!(again["next"], first["next"], "it does not even show that two positions are the same");

    let page = async |user, cursor: &str| search(user, "soup", &format!("&cursor={cursor}")).await;
    assert_eq!(each(&page(&ada, &cursor).await.expect(200).json(), "/message/content"), ["soup 2", "soup 1"]);
    let altered = cursor.replacen(&cursor[..1], if cursor.starts_with('A') { "B" } else { "A" }, 1);
    let readable = BASE64.encode(format!("9000000000000000.{}.1", room.id));
    for refused in [page(&grace, &cursor).await, page(&ada, &altered).await, page(&ada, &readable).await] {
        assert_eq!(refused_fields(&refused), ["cursor"]);
    }
}

async fn only_members_find_messages(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace, eve) =
        (server.register("ada").await, server.register("grace").await, server.register("eve").await);
    let room = ada.group("Lunch", &[&grace]).await;
    indexed(&ada, &room, &["a secret of two"]).await;
    assert_eq!(found(&grace, "secret").await, ["a secret of two"]);
    for q in ["secret", "from:ada", &format!("secret in:{}", room.id), "secret in:Lunch", "in:Lunch", "in:@ada"] {
        assert_eq!(found(&eve, q).await, [""; 0], "{q}");
    }
    let named = search(&eve, "secret", &format!("&conversation_id={}", room.id)).await;
    assert_eq!(named.problem(), (404, "not_found".to_owned()));

    let member = format!("{}/{}", room.members, grace.id);
    ada.delete(&member).await.expect(204);
    assert_eq!(found(&grace, "secret").await, [""; 0], "not any more");
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);
    assert_eq!(found(&grace, "secret").await, ["a secret of two"], "as in the history");
    // System messages have names of users, and are not found.
    assert_eq!(found(&ada, "added").await, [""; 0]);
    ada.delete(&room.path).await.expect(204);
    assert_eq!(found(&ada, "secret").await, [""; 0]);
}

async fn an_edited_or_deleted_text_is_never_shown(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    indexed(&ada, &room, &["first draft", "second draft", "third draft"]).await;
    let drafts = search(&ada, "draft", "").await.expect(200).json();
    let path =
        |index: usize| format!("{}/{}", room.messages, drafts["items"][index]["message"]["id"].as_str().unwrap());
    let indexing = held.hold("index_messages", 1);
    ada.patch(&path(0), &json!({"content": "third version"})).await.expect(200);
    ada.delete(&path(1)).await.expect(204);
    assert_eq!(found(&ada, "draft").await, ["first draft"], "though the index has the others");
    assert_eq!(found(&ada, "third").await, ["third version"], "the text is what it is now");
    assert_eq!(found(&ada, "version").await, [""; 0], "it is found when it is indexed");
    indexing.release();
    until_found(&ada, "version", &["third version"]).await;
    assert_eq!(found(&ada, "draft").await, ["first draft"]);
}

async fn a_group_is_found_by_its_name_and_a_direct_conversation_by_its_user(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (club, direct) = (ada.group("Café Club", &[]).await, ada.direct(&grace).await);
    ada.send(&direct, "tea for two").await;
    indexed(&ada, &club, &["tea for all"]).await;
    for (q, expected) in [
        ("tea in:\"cafe CLUB\"", &["tea for all"][..]),
        ("in:@grace", &["tea for two"]),
        ("tea in:@grace in_between", &[]),
        ("tea in:club", &[]),
        ("tea in:@nobody", &[]),
        ("tea in:@ada", &[]),
    ] {
        assert_eq!(found(&ada, q).await, expected, "{q}");
    }
    for room in [&club, &direct] {
        assert_eq!(found(&ada, &format!("tea in:{}", room.id)).await.len(), 1);
    }
    let both = search(&ada, &format!("tea in:{}", club.id), &format!("&conversation_id={}", direct.id)).await;
    assert_eq!(both.expect(200).json()["items"], json!([]), "no message is in both");
}

async fn what_cannot_be_searched_for_is_refused(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    indexed(&ada, &room, &["a word"]).await;
    let (kilobyte, froms) = ("x".repeat(1_024), "from:ada ".repeat(1_000));
    let many = "a ".repeat(SEARCH_TERMS_MAX + 1);
    for bad in ["", " ", "!?", "\u{301}\u{301}", "\"", "from:", "from:ada from:eve", "before:soon", "a\0", &many] {
        assert_eq!(refused_fields(&search(&ada, bad, "").await), ["q"], "{bad:?}");
    }
    assert_eq!(refused_fields(&search(&ada, &kilobyte, "").await), ["q"]);
    let too_long = search(&ada, &froms, "").await.problem();
    assert_eq!(too_long, (414, "uri_too_long".to_owned()));
    assert_eq!(refused_fields(&ada.get("/v1/search").await), ["q"]);
    // Everything else is searched for as it is written, also what a database takes for its own.
    for q in [
        "\"a word",
        "\"\"\"a word",
        "a AND word",
        "a OR",
        "NEAR(a word)",
        "a*",
        "words:a",
        "a | word",
        "a & !word",
        "a:* <-> b",
        "'a'",
        "\\",
        "{a}",
        "^a",
        "-a",
        "%",
        "a_",
        "';--",
        "\u{E000}a",
        &"é".repeat(MESSAGE_QUERY_CHARS_MAX),
    ] {
        let answer = search(&ada, q, "").await;
        assert!([200, 422].contains(&answer.status), "{q}: {answer:?}");
    }
    assert_eq!(found(&ada, "\"a word").await, ["a word"]);
    assert_eq!(found(&ada, "a OR").await, [""; 0]);
}

async fn messages_of_a_server_that_was_killed_are_found(store: StoreKind) {
    let mut node = Node::on(store).await;
    node.start().await;
    let ada = node.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    ada.send(&room, "written before the end").await;
    // The index lags behind by half a second.
    node.kill().await;
    node.start().await;
    until_found(&ada, "before the end", &["written before the end"]).await;
}
