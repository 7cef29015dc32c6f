//! The test bench.

use serde_json::{Value, json};

use super::direct_chat::DirectChat;
use super::visitor::{Visitor, message};

fn row(kind: &str) -> String {
    format!("one('bench-row', '[data-type=\"{kind}\"]')")
}

async fn says(page: &Visitor, words: &str) {
    page.until(&format!("one('bench-said').textContent.includes({})", json!(words))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bench_does_what_happens_seldom_and_nothing_is_lost() {
    let chat = DirectChat::open().await;
    let DirectChat { grace, room, page, .. } = &chat;
    let is_loaded = "performance.getEntriesByType('resource').some(({ name }) => name.includes('lazy/bench.js'))";
    assert_eq!(page.eval(is_loaded).await, false);
    page.click("one('me-menu')").await;
    page.click("one('bench-open')").await;
    page.until("seen(one('bench')) && document.activeElement === one('bench-filter')").await;
    assert_eq!(page.eval("one('bench-duplicate').disabled").await, true, "nothing was sent yet");

    // The acknowledgement of a message, and how long it took.
    page.send("hello").await;
    page.sees(&["hello"]).await;
    page.until(&format!("{}.querySelector('.bench-ack')", row("message.new"))).await;
    page.until(&format!("{}.dataset.direction === 'out'", row("message.send"))).await;
    page.until("/acknowledged in [0-9.]+ ms/.test(one('bench-stats').textContent)").await;

    page.click("one('bench-duplicate')").await;
    says(page, "The same id is the same message: number 1 again").await;
    page.sees(&["hello"]).await;

    page.click("one('bench-expire')").await;
    says(page, "The token was renewed").await;
    page.until(&row("auth")).await;
    let shown = page.eval("document.body.textContent.includes('eyJ')").await;
    assert_eq!(shown, false, "no token is shown");

    page.fill("one('bench-frame')", "not JSON").await;
    page.click("one('bench-send')").await;
    says(page, "This is no JSON").await;
    page.fill("one('bench-frame')", r#"{"type": "nonsense", "ref": "mine"}"#).await;
    page.click("one('bench-send')").await;
    page.until(&format!("{}.textContent.includes('mine')", row("error"))).await;

    // A message that comes while there is no socket is resumed.
    page.click("one('bench-drop')").await;
    page.until("one('connection-state').textContent.startsWith('The connection was lost.')").await;
    grace.send(room, "meanwhile").await;
    page.is_connected().await;
    page.sees(&["hello", "meanwhile"]).await;
    page.until(&format!("{} && {}", row("hello"), row("resumed"))).await;
    page.click("document.querySelector('.bench-numbers summary')").await;
    page.until("one('bench-heads').textContent === 'Grace222'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bench_opens_by_its_address_and_filters_pauses_and_copies() {
    let chat = DirectChat::open().await;
    let DirectChat { grace, room, page, .. } = &chat;
    page.eval("void (location.hash = '#bench')").await;
    page.until("seen(one('bench'))").await;
    page.is_at("Grace").await;
    assert_eq!(page.eval("location.hash").await, format!("#{}", room.id), "the conversation stays open");
    grace.send(room, "first").await;
    page.until(&row("message.new")).await;

    page.click("one('bench-pause')").await;
    page.until("one('bench-pause').ariaPressed === 'true'").await;
    grace.send(room, "second").await;
    page.until(&message("second")).await;
    page.until("/paused, [1-9]/.test(one('bench-stats').textContent)").await;
    assert_eq!(page.eval("all('bench-row', '[data-type=\"message.new\"]').length").await, 1);
    page.click("one('bench-pause')").await;
    page.until("all('bench-row', '[data-type=\"message.new\"]').length === 2").await;

    page.fill("one('bench-filter')", "message.new SECOND").await;
    page.until("all('bench-row').length === 1").await;
    page.click("one('bench-row').querySelector('summary')").await;
    page.until("JSON.parse(one('bench-row').querySelector('pre').textContent).message.content === 'second'").await;
    page.eval("void (navigator.clipboard.writeText = async (text) => { window.copied = text; })").await;
    page.click("one('bench-copy')").await;
    says(page, "1 frame is in the clipboard.").await;
    let copied: Value = serde_json::from_str(page.eval("window.copied").await.as_str().unwrap()).unwrap();
    assert_eq!((&copied[0]["direction"], &copied[0]["frame"]["message"]["content"]), (&json!("in"), &json!("second")));

    // Every size has room for it.
    page.fill("one('bench-filter')", "").await;
    for (width, height) in [(320, 568), (390, 844), (1440, 900)] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, scheme).await;
            page.until(&format!("innerWidth === {width}")).await;
            let wide = page
                .eval(
                    "[...document.querySelectorAll('.bench *')].filter((node) => node.checkVisibility()
                    && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML)",
                )
                .await;
            assert_eq!(wide, json!([]), "{width} × {height}");
        }
    }
    page.click("one('bench-filter')").await;
    page.press("Escape").await;
    page.until("!seen(one('bench'))").await;

    // A fresh page opens it too.
    let tab = page.open_tab().await;
    tab.eval("history.replaceState(null, '', '#bench')").await;
    tab.reload().await;
    tab.until("seen(one('bench'))").await;
}
