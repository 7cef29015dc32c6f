//! How far one has read: the unread line, the marks, the place in a conversation, the badge.

use serde_json::json;

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::TestUser;
use crate::support::server::Server;

const LINE: &str = "one('unread-line')";

/// Returns the text of the row behind the unread line.
const AFTER_LINE: &str =
    "one('unread-line')?.nextElementSibling?.querySelector('[data-testid=message-text]')?.textContent";

fn unread(title: &str, count: usize) -> String {
    format!("one('conversation-item', '[data-title={title}]').dataset.unread === '{count}'")
}

async fn pair() -> (Server, TestUser, TestUser) {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    (server, ada, grace)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_stands_where_reading_stopped() {
    let (server, ada, grace) = pair().await;
    let lunch = ada.group("Lunch", &[&grace]).await;
    ada.group("Supper", &[&grace]).await;
    for number in 1..=60 {
        ada.send(&lunch, &format!("old {number}")).await;
    }
    grace.read(&lunch, 60).await.expect(204);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Lunch").await;
    page.until(&message("old 60")).await;
    assert_eq!(page.eval(LINE).await, json!(null), "everything is read");
    page.open("Supper").await;
    assert_eq!(page.eval("document.querySelector('link[rel=icon]').href.endsWith('/icon.svg')").await, true);
    for number in 1..=70 {
        ada.send(&lunch, &format!("new {number}")).await;
    }
    page.until(&unread("Lunch", 70)).await;
    page.until("document.title === '(1) Chinwag'").await;
    page.until("document.querySelector('link[rel=icon]').href.endsWith('/icon-unread.svg')").await;
    // A new page has not loaded the line, and the jump loads it.
    page.reload().await;
    page.is_connected().await;
    page.until(&unread("Lunch", 70)).await;
    page.open("Lunch").await;
    page.until(&format!("seen(one('jump-unread')) && {}", message("new 70"))).await;
    page.until(&unread("Lunch", 0)).await;
    page.until("document.title === 'Chinwag' && document.querySelector('link[rel=icon]').href.endsWith('/icon.svg')")
        .await;
    page.click("one('jump-unread')").await;
    page.until(&format!("{AFTER_LINE} === 'new 1' && !seen(one('jump-unread'))")).await;
    page.until(&format!(
        "(() => {{ const box = document.getElementById('scroller').getBoundingClientRect(); const at = {LINE}.getBoundingClientRect().top;
            return at > box.top && at < box.bottom; }})()"
    ))
    .await;
    assert_eq!(page.eval("document.activeElement.id").await, "scroller");
    // Who answers has read.
    page.send("an answer").await;
    page.until(&format!("{LINE} === null")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_one_looks_elsewhere_is_below_the_line() {
    let (server, ada, grace) = pair().await;
    let lunch = ada.group("Lunch", &[&grace]).await;
    for number in 1..=60 {
        ada.send(&lunch, &format!("old {number}")).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Lunch").await;
    page.until(&unread("Lunch", 0)).await;
    ada.send(&lunch, "seen at once").await;
    page.until(&format!("{} && {}", message("seen at once"), unread("Lunch", 0))).await;
    // The reader scrolls up: what comes now is not seen.
    page.wheel("document.getElementById('scroller')", -1500).await;
    page.until("seen(one('jump-newest'))").await;
    ada.send(&lunch, "not seen").await;
    page.until(&format!("{AFTER_LINE} === 'not seen' && {}", unread("Lunch", 1))).await;
    page.click("one('jump-newest')").await;
    page.until(&unread("Lunch", 0)).await;
    assert_eq!(page.eval(AFTER_LINE).await, "not seen", "the line stays while one reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marked_as_unread_it_stays_so_until_it_is_opened_again() {
    let (server, ada, grace) = pair().await;
    let lunch = ada.group("Lunch", &[&grace]).await;
    ada.group("Supper", &[&grace]).await;
    for number in 1..=4 {
        ada.send(&lunch, &format!("number {number}")).await;
    }
    let browser = Browser::start().await;
    let (page, phone) = tokio::join!(
        Visitor::log_in(&browser, server.address, "grace"),
        Visitor::log_in(&browser, server.address, "grace")
    );
    for device in [&page, &phone] {
        device.open("Lunch").await;
        device.until(&unread("Lunch", 0)).await;
        // The server has heard it, so that no device tells it after the mark that follows.
        while grace.get(&lunch.path).await.expect(200).json()["unread_count"] != 0 {}
    }
    let row = message("number 2");
    page.eval(&format!("{row}.focus()")).await;
    page.click(&format!("{row}.querySelector('[data-testid=more-message]')")).await;
    page.click("one('unread-message')").await;
    // Also on the other device, although both show it.
    for device in [&page, &phone] {
        device.until(&unread("Lunch", 3)).await;
        device.until(&format!("{AFTER_LINE} === 'number 2'")).await;
    }
    assert_eq!(page.eval(&format!("document.activeElement === {row}")).await, true);
    ada.send(&lunch, "number 5").await;
    for device in [&page, &phone] {
        device.until(&unread("Lunch", 4)).await;
    }
    let stored = grace.get(&lunch.path).await.expect(200).json();
    assert_eq!((stored["unread_count"].clone(), stored["unread_from_seq"].clone()), (4.into(), 2.into()));
    page.open("Supper").await;
    page.open("Lunch").await;
    page.until(&format!("{AFTER_LINE} === 'number 2'")).await;
    for device in [&page, &phone] {
        device.until(&unread("Lunch", 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_in_a_conversation_is_kept() {
    let (server, ada, grace) = pair().await;
    let lunch = ada.group("Lunch", &[&grace]).await;
    let supper = ada.group("Supper", &[&grace]).await;
    for number in 1..=150 {
        ada.send(&lunch, &format!("number {number}")).await;
    }
    ada.send(&supper, "soup").await;
    grace.read(&lunch, 150).await.expect(204);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Lunch").await;
    page.until(&message("number 150")).await;
    // By the script: a wheel scrolls on for a while.
    page.eval("document.getElementById('scroller').scrollTop -= 1500").await;
    // Older messages come above, and become the first visible ones.
    page.until("all('message').length === 100 && seen(one('jump-newest'))").await;
    let place = "(() => { const top = document.getElementById('scroller').getBoundingClientRect().top;
        const row = all('message').find((row) => row.getBoundingClientRect().bottom > top);
        return row && row.dataset.seq + ' ' + Math.round(row.getBoundingClientRect().top); })()";
    let before = page.eval(place).await;
    page.open("Supper").await;
    page.sees(&["soup"]).await;
    ada.send(&lunch, "news").await;
    page.until(&unread("Lunch", 1)).await;
    page.open("Lunch").await;
    page.until(&format!("{place} === {before}")).await;
    page.until("one('jump-newest').textContent === '1 new'").await;
    assert_eq!(page.eval(&unread("Lunch", 1)).await, true, "it is not seen yet");
    // A window of another width keeps it too.
    page.emulate(1000, 700, "light").await;
    page.until(&format!("innerWidth === 1000 && {place}.split(' ')[0] === {before}.split(' ')[0]")).await;
    page.click("one('jump-newest')").await;
    page.until(&unread("Lunch", 0)).await;
}
