//! The rows of messages: patched in place, few of many, and what screen readers get of them.

use serde_json::json;

use super::direct_chat::DirectChat;
use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

/// Holds what the page sends, until `released()`.
const HOLD: &str = "{
    const { send } = WebSocket.prototype;
    const held = [];
    WebSocket.prototype.send = function (frame) { held.push(() => send.call(this, frame)); };
    window.released = () => {
        WebSocket.prototype.send = send;
        for (const go of held) go();
    };
}";

/// Selects the first word of a message, and keeps its elements to compare them later.
fn select(text: &str) -> String {
    format!(
        "(() => {{
            window.row = {};
            window.bubble = row.querySelector('[data-testid=message-text]');
            const text = bubble.firstChild;
            getSelection().setBaseAndExtent(text, 0, text, text.data.indexOf(' '));
        }})()",
        message(text)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_replaces_no_row_and_keeps_selection_and_focus() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let hello = grace.send(&room, "hello there").await;
    let mine = ada.send(&room, "my own").await;
    let browser = Browser::start().await;
    let (page, other) = Visitor::ada_and_grace(&browser, server.address).await;
    page.open("Grace").await;
    page.sees(&["hello there", "my own"]).await;
    page.until(
        "all('message').every((row) => row.tabIndex >= -1) && one('conversation-status').textContent === 'online'",
    )
    .await;
    page.eval(&select("hello there")).await;
    page.eval(&format!("window.own = {0}; own.focus()", message("my own"))).await;
    page.eval("window.item = one('conversation-item'); window.nodes = all('message')").await;

    // Presence, a receipt, a new message, an edit of this message and one of another.
    other.open("Ada").await;
    page.until("own.querySelector('[data-testid=message-status]').dataset.status === 'read'").await;
    other.close().await;
    page.until("row.querySelector('.avatar').dataset.status === 'offline'").await;
    grace.send(&room, "news").await;
    page.until(&format!("{} && one('conversation-item').textContent.includes('news')", message("news"))).await;
    let path = |message: &serde_json::Value| format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path(&mine), &json!({"content": "my own, edited"})).await.expect(200);
    page.until("own.textContent.includes('my own, edited')").await;
    grace.patch(&path(&hello), &json!({"content": "hello there, Ada"})).await.expect(200);
    page.until("row.textContent.includes('hello there, Ada')").await;

    assert_eq!(page.eval("String(getSelection())").await, "hello");
    assert_eq!(page.eval("document.activeElement === own").await, true);
    assert_eq!(page.eval("nodes.every((node, index) => node === all('message')[index])").await, true);
    assert_eq!(page.eval("bubble === row.querySelector('[data-testid=message-text]')").await, true);
    assert_eq!(page.eval("item === one('conversation-item')").await, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_keeps_its_row_from_the_send_to_the_receipt() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    page.eval(HOLD).await;
    page.send("on its way").await;
    page.until(&format!("{}?.dataset.state === 'pending'", message("on its way"))).await;
    page.eval(&select("on its way")).await;
    page.eval("released()").await;
    page.until("row.isConnected && row.dataset.state === 'sent' && row.querySelector('[data-testid=message-status]').dataset.status === 'sent'")
        .await;
    assert_eq!(page.eval("String(getSelection())").await, "on");
    page.sees(&["on its way"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_messages_few_have_rows() {
    const COUNT: usize = 700;
    let server = Server::with(&["--rate-limits", "off"]).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    for number in 1..=COUNT {
        ada.send(&room, &format!("number {number}")).await;
    }
    grace.read(&room, i64::try_from(COUNT).unwrap()).await.expect(204);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Lunch").await;
    let scroller = "document.getElementById('scroller')";
    // Up to the first message and down to the newest, in steps of a screen: every message is seen, once and in its order.
    let step = |direction: i32| {
        format!(
            "new Promise((resolve) => {{
                {scroller}.scrollTop += {direction} * {scroller}.clientHeight;
                requestAnimationFrame(() => setTimeout(resolve, 0));
            }})"
        )
    };
    let shown = "(() => {
        const numbers = all('message').map((row) => Number(row.dataset.seq));
        if (numbers.length > 300 || numbers.some((number, index) => number !== numbers[0] + index)) throw new Error(numbers);
        const box = document.getElementById('scroller').getBoundingClientRect();
        for (const row of all('message')) {
            const { top, bottom } = row.getBoundingClientRect();
            if (bottom > box.top && top < box.bottom) (window.visible ??= new Set()).add(Number(row.dataset.seq));
        }
        return numbers[0];
    })()";
    page.until(&message(&format!("number {COUNT}"))).await;
    page.eval(shown).await;
    while page.eval("one('load-state').dataset.state").await != "complete"
        || page.eval(&format!("{scroller}.scrollTop")).await != 0
    {
        page.eval(&step(-1)).await;
        page.until("one('load-state').dataset.state !== 'loading'").await;
        page.eval(shown).await;
    }
    assert_eq!(page.eval("visible.size").await, COUNT);
    page.eval("visible.clear()").await;
    while page.eval("seen(one('jump-newest'))").await == true {
        page.eval(shown).await;
        page.eval(&step(1)).await;
    }
    page.eval(shown).await;
    assert_eq!(page.eval("visible.size").await, COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screen_readers_hear_what_is_new_from_others_alone() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for text in ["one", "two"] {
        grace.send(&room, text).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.eval("window.heard = []; new MutationObserver(() => heard.push(one('announcer').textContent)).observe(one('announcer'), { childList: true })")
        .await;
    page.open("Grace").await;
    page.sees(&["one", "two"]).await;
    // The second row of a group has its sender and its time as well.
    assert_eq!(
        page.eval(&format!("{}.textContent.startsWith('Grace ')", message("two"))).await,
        true,
        "grouped rows name their sender"
    );
    assert_eq!(page.eval(&format!("{}.querySelectorAll('time').length", message("two"))).await, 1);
    page.send("my own").await;
    grace.send(&room, "three").await;
    page.until("heard.length > 0").await;
    assert_eq!(page.eval("heard").await, json!(["Grace: three. "]), "neither history nor one's own");
    for number in 1..=5 {
        grace.send(&room, &format!("burst {number}")).await;
    }
    page.until("heard.length > 1").await;
    assert_eq!(
        page.eval("document.querySelector('[role=log]').getAttribute('aria-live')").await,
        "off",
        "the list itself says nothing"
    );
    let landmarks = "[document.querySelectorAll('main'), document.querySelectorAll('h1')]
        .map((nodes) => [...nodes].filter((node) => node.checkVisibility() || !node.closest('[hidden]')).length)";
    assert_eq!(page.eval(landmarks).await, json!([1, 1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_focus_goes_into_the_conversation_and_back_to_its_item() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    ada.group("Lunch", &[&grace]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.emulate(390, 844, "light").await;
    page.open("Lunch").await;
    page.until("document.activeElement.checkVisibility() && document.activeElement !== document.body").await;
    page.click("document.getElementById('back')").await;
    page.until("document.activeElement === one('conversation-item', '[data-title=Lunch]')").await;
}
