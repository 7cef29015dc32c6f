//! A server that stops and restarts, or asks clients to wait.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::{Conversation, TestUser};
use crate::support::proxy::{Flow, Proxy};
use crate::support::server::Server;

/// Ada's page with a direct conversation with Grace open, on a server that a test can stop.
struct Chat {
    server: Server,
    ada: TestUser,
    room: Conversation,
    page: Visitor,
    _browser: Browser,
}

impl Chat {
    async fn begin() -> Self {
        let server = Server::start().await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.direct(&grace).await;
        let browser = Browser::start().await;
        let mut page = Visitor::log_in(&browser, server.address, "ada").await;
        page.tolerate("net::ERR_CONNECTION_REFUSED");
        page.open("Grace").await;
        Self { server, ada, room, page, _browser: browser }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_the_server_is_away_is_sent_exactly_once() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, group) = (ada.direct(&grace).await, grace.group("Choir", &[&ada]).await);
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("net::ERR_CONNECTION_REFUSED");
    page.tolerate("responded with a status of 404"); // the page requests a conversation that she has left
    page.open("Choir").await;
    page.open("Grace").await;
    page.send("before").await;
    page.sees(&["before"]).await;

    let offline = server.take_offline().await;
    page.until("['waiting', 'connecting'].includes(one('connection-state').dataset.state)").await;
    page.until("one('conversation-status').textContent === 'Not connected'").await;
    page.click("one('conversation-item', '[data-title=Choir]')").await;
    page.is_at("Choir").await;
    page.send("la la").await;
    page.click("one('conversation-item', '[data-title=Grace]')").await;
    page.is_at("Grace").await;
    for text in ["one", "two", "three"] {
        page.send(text).await;
    }
    page.until("all('message', '[data-state=pending]').length === 3").await;
    let ids = page.eval("all('message', '[data-state=pending]').map((row) => row.dataset.id)").await;

    // Meanwhile the first message has arrived and its acknowledgement was lost, another user has used the id of the second (an
    // unlikely refusal with a reason), and Ada is removed from the choir.
    let offline = offline
        .while_offline(async |address| {
            let (ada, grace) = (TestUser::login(address, "ada").await, TestUser::login(address, "grace").await);
            ada.post(&room.messages, &json!({"id": ids[0], "content": "one"})).await.expect(201);
            grace.post(&room.messages, &json!({"id": ids[1], "content": "hers"})).await.expect(201);
            grace.delete(&format!("{}/{}", group.members, ada.id)).await.expect(204);
        })
        .await;
    assert_eq!(page.eval("all('message', '[data-state=pending]').length").await, 3);

    let server = offline.bring_online().await;
    page.eval("dispatchEvent(new Event('online'))").await; // reconnects at once, without waiting for the next attempt
    page.is_connected().await;
    page.until("all('message', '[data-state=pending]').length === 0").await;
    page.until(&format!("{}.dataset.state === 'failed'", message("two"))).await;
    page.until("/^Not sent: .{10,}/.test(one('message-reason').textContent)").await;
    page.until("all('conversation-item').length === 1").await;
    let texts = "all('message').map((row) => row.querySelector('[data-testid=message-text]').textContent).join()";
    assert_eq!(page.eval(texts).await, "before,one,hers,three,two");

    page.click("one('retry')").await;
    page.sees(&["before", "one", "hers", "three", "two"]).await;
    let ada = TestUser { address: server.address, ..ada };
    let history = ada.get(&room.messages).await.expect(200).json();
    let contents: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
    assert_eq!(contents, ["before", "one", "hers", "three", "two"]);
    assert_eq!(history["items"][1]["id"], ids[0]);
    assert_eq!(page.eval("Object.keys(localStorage).join()").await, "chinwag.session", "nothing waits any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_come_back_to_when_it_asked() {
    let Chat { server, ada, room, page, _browser } = Chat::begin().await;
    page.send("before").await;
    page.sees(&["before"]).await;

    let offline = server.take_offline().await;
    page.until("one('connection-state').dataset.state === 'waiting'").await;
    page.send("meanwhile").await;
    page.until("all('message', '[data-state=pending]').length === 1").await;
    let id = page.eval("one('message', '[data-state=pending]').dataset.id").await;
    let offline = offline
        .while_offline(async |address| {
            let grace = TestUser::login(address, "grace").await;
            grace.send(&room, "missed").await;
        })
        .await;
    let server = offline.bring_online().await;
    page.is_connected().await;
    page.sees(&["before", "missed", "meanwhile"]).await;
    let ada = TestUser { address: server.address, ..ada };
    let history = ada.get(&room.messages).await.expect(200).json();
    assert_eq!((&history["items"][2]["id"], &history["last_seq"]), (&id, &json!(3)));

    let (received, opened) = page.received_frames_and_handshakes();
    let mut hints = received.iter().map(|(at, frame)| (*at, serde_json::from_str::<Value>(frame).unwrap()));
    let (hinted_at, hint) = hints.rfind(|(_, frame)| frame["type"] == "draining").expect("a hint");
    let hinted = hint["reconnect_after_ms"].as_f64().unwrap() / 1_000.0;
    let back = opened.iter().find(|at| **at > hinted_at).expect("it reconnected");
    // The browser's timers have a resolution of 1 ms.
    assert!(back - hinted_at > hinted - 0.01, "hint of {hinted} s, and reconnected after {}", back - hinted_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_too_fast_waits_and_loses_nothing() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (_, elsewhere) = (ada.direct(&grace).await, ada.group("Noise", &[]).await);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    // Another client sends with her account, faster than the limit, and uses up nearly all of its budget.
    let (refused, mut is_refused) = tokio::sync::watch::channel(false);
    let noise = tokio::spawn(async move {
        loop {
            let body = json!({"content": "noise"});
            let answers = join_all((0..8).map(|_| ada.post(&elsewhere.messages, &body))).await;
            if answers.iter().any(|answer| answer.status == 429) {
                refused.send_replace(true);
            }
        }
    });
    is_refused.wait_for(|is_refused| *is_refused).await.unwrap();
    let mut texts = Vec::new();
    while texts.len() < 5 || page.eval("document.body.textContent.includes('That was fast!')").await != true {
        assert!(texts.len() < 50, "it is never too fast");
        texts.push(format!("number {}", texts.len()));
        page.send(texts.last().unwrap()).await;
    }
    noise.abort();
    page.until(&format!("all('message', '[data-state=sent]').length === {}", texts.len())).await;
    let shown = "all('message').map((row) => row.querySelector('[data-testid=message-text]').textContent)";
    let mut shown: Vec<Value> = page.eval(shown).await.as_array().unwrap().clone();
    // A message in flight during the refusal of another may have overtaken it.
    shown.sort_by_key(|text| texts.iter().position(|one| text == one));
    assert_eq!(shown, texts);
    page.until("!document.body.textContent.includes('That was fast!')").await;
    let sent = page.frames_sent().iter().filter(|frame| frame.contains("message.send")).count();
    assert!((texts.len() + 1..20 * texts.len()).contains(&sent), "again, but not without end: {sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restored_backup_the_page_shows_what_the_server_has() {
    let Chat { server, room, page, _browser, .. } = Chat::begin().await;
    for text in ["one", "two", "three"] {
        page.send(text).await;
    }
    page.sees(&["one", "two", "three"]).await;

    let offline = server.take_offline().await;
    offline.execute("DELETE FROM messages WHERE seq > 1; UPDATE counters SET last_seq = 1");
    let offline = offline
        .while_offline(async |address| {
            let grace = TestUser::login(address, "grace").await;
            for text in ["two again", "three again", "four"] {
                grace.send(&room, text).await;
            }
        })
        .await;
    let _server = offline.bring_online().await;
    page.eval("dispatchEvent(new Event('online'))").await;
    page.is_connected().await;
    page.sees(&["one", "two again", "three again", "four"]).await;
    page.send("five").await;
    page.sees(&["one", "two again", "three again", "four", "five"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_named_as_soon_as_something_waits_for_it() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let proxy = Proxy::to(server.address);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, proxy.address, "ada").await;
    page.open("Grace").await;
    page.send("before").await;
    page.sees(&["before"]).await;
    proxy.set_from_target(Flow::Hold);
    page.eval("void (window.sentAt = performance.now())").await;
    page.send("waits").await;
    page.until("one('connection-state').dataset.state === 'silent'").await;
    let waited = page.eval("performance.now() - window.sentAt").await.as_f64().unwrap();
    assert!((4_900.0..8_000.0).contains(&waited), "{waited} ms: 5 s, and a busy machine's delay");
    page.until("one('connection-state').textContent.startsWith('The server does not answer')").await;
    proxy.set_from_target(Flow::Pass);
    page.sees(&["before", "waits"]).await;
    page.until("one('connection-state').textContent === 'Connected'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_shown_with_its_cause() {
    let Chat { server, page, _browser, .. } = Chat::begin().await;
    let _offline = server.take_offline().await;
    page.until("one('connection-state').textContent.startsWith('The server restarts. Reconnecting')").await;
    page.until("one('connection-state').textContent.startsWith('The server cannot be reached. ')").await;
    page.eval(
        "Object.defineProperty(navigator, 'onLine', { get: () => false }) && dispatchEvent(new Event('offline'))",
    )
    .await;
    page.until("one('connection-state').textContent === 'This device is offline'").await;
}
