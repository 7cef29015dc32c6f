//! Jumps to messages far back in the history, and back.

use serde_json::json;

use super::visitor::{Visitor, is_shown, message};
use crate::support::browser::Browser;
use crate::support::client::{Conversation, TestUser};
use crate::support::server::Server;

const COUNT: i64 = 200;
const SCROLLER: &str = "document.getElementById('scroller')";

/// True if the shown messages have every number between the first and the last.
const GAPLESS: &str =
    "all('message').every((row, index, rows) => Number(row.dataset.seq) === Number(rows[0].dataset.seq) + index)";

/// A conversation whose last message answers its first.
async fn long_talk(ada: &TestUser, grace: &TestUser) -> Conversation {
    let room = ada.direct(grace).await;
    let first = ada.send(&room, "the original").await;
    for number in 2..COUNT {
        grace.send(&room, &format!("number {number}")).await;
    }
    let answer = json!({"content": "the answer", "reply_to": first["id"]});
    grace.post(&room.messages, &answer).await.expect(201);
    room
}

/// Scrolls down until this message is there, and none behind it is missing.
async fn scroll_down_to(page: &Visitor, text: &str) {
    while page.eval(&format!("seen(one('later-state')) || {} === undefined", message(text))).await == true {
        // The wheel moves the view, or a page comes and makes room for it.
        let state = format!("{SCROLLER}.scrollTop + ' ' + all('message').length");
        let before = page.eval(&state).await;
        page.wheel(SCROLLER, 2000).await;
        page.until(&format!("{} || {state} !== {before}", message(text))).await;
        assert_eq!(page.eval(GAPLESS).await, true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_leads_to_the_original_and_a_button_back_and_no_hole_is_between() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = long_talk(&ada, &grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    let quote = format!("{}.querySelector('[data-testid=quote]')", message("the answer"));
    page.click(&quote).await;
    page.until(&is_shown("the original")).await;
    page.until("seen(one('later-state')) && seen(one('jump-newest')) && seen(one('jump-back'))").await;
    assert_eq!(page.eval(&format!("document.activeElement === {}", message("the original"))).await, true);
    assert_eq!(
        page.eval(&format!("{GAPLESS} && all('message')[0].dataset.seq === '1' && all('message').length < {COUNT}"))
            .await,
        true
    );

    // What is sent meanwhile does not move the reader, is not read, and makes no hole.
    grace.send(&room, "news").await;
    page.until("one('jump-newest').textContent === '1 new'").await;
    assert_eq!(page.eval(&format!("{GAPLESS} && {} === undefined", message("news"))).await, true);
    assert_eq!(page.unread_in(&room.id).await, 1);
    page.click("one('jump-back')").await;
    page.until(&is_shown("the answer")).await;
    page.until("!seen(one('jump-back'))").await;
    page.until(&format!("{} && !seen(one('later-state'))", message("news"))).await;

    // The range in the middle grows until it meets the newest messages.
    page.click(&quote).await;
    page.until("seen(one('jump-back')) && all('message')[0].dataset.seq === '1'").await;
    scroll_down_to(&page, "news").await;
    let loaded = format!(
        "load('page/page-client.js').then(({{ client }}) => client.history.get('{}').messages.map(({{ seq }}) => seq))",
        room.id
    );
    assert_eq!(page.eval(&loaded).await, json!((1..=COUNT + 1).collect::<Vec<_>>()));
    grace.send(&room, "more news").await;
    page.until(&message("more news")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_while_they_read_the_past_sees_their_message_at_the_end() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    long_talk(&ada, &grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    page.click(&format!("{}.querySelector('[data-testid=quote]')", message("the answer"))).await;
    page.until(&is_shown("the original")).await;
    page.send("found it").await;
    page.until(&format!("{}?.dataset.state === 'sent' && !seen(one('jump-newest')) && {GAPLESS}", message("found it")))
        .await;
    assert_eq!(page.eval("seen(one('jump-back')) || seen(one('later-state'))").await, false);
}
