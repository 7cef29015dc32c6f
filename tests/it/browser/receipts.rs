//! Receipts and presence: ticks, who has read, away, last seen.

use serde_json::json;

use super::direct_chat::DirectChat;
use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

fn status(text: &str, status: &str) -> String {
    format!("{}?.querySelector('[data-testid=message-status]')?.dataset.status === '{status}'", message(text))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_say_that_a_message_was_sent_received_and_read() {
    let chat = DirectChat::open().await;
    let DirectChat { server, grace, browser, page, .. } = &chat;
    page.send("hello").await;
    page.until(&status("hello", "sent")).await;
    assert_eq!(
        page.eval(&format!("{}.querySelector('[data-testid=message-status] .sr-only').textContent", message("hello")))
            .await,
        "Sent"
    );
    // The list of her page shows it.
    let other = Visitor::log_in(browser, server.address, "grace").await;
    page.until(&status("hello", "delivered")).await;
    other.open("Ada").await;
    page.until(&status("hello", "read")).await;
    assert_eq!(other.eval("all('message-status').length").await, 0, "one's own messages alone have them");
    page.reload().await;
    page.until(&status("hello", "read")).await;
    // Who does not tell that they read is not known to have read.
    grace.patch("/v1/users/me", &json!({"settings": {"send_receipts": false}})).await.expect(200);
    page.send("secretly").await;
    page.until(&status("secretly", "delivered")).await;
    other.sees(&["hello", "secretly"]).await;
    other.send("an answer").await;
    page.sees(&["hello", "secretly", "an answer"]).await;
    assert_eq!(page.eval(&status("secretly", "delivered")).await, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_shows_who_has_read() {
    let server = Server::start().await;
    let (ada, grace, alan) =
        (server.register("ada").await, server.register("grace").await, server.register("alan").await);
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.send("soup?").await;
    page.until(&status("soup?", "sent")).await;
    grace.read(&room, 1).await.expect(204);
    page.eval(&format!("{}.focus()", message("soup?"))).await;
    page.click(&format!("{}.querySelector('[data-testid=more-message]')", message("soup?"))).await;
    page.click("one('readers-message')").await;
    let names = "[...one('readers').querySelectorAll('section')].map((part) =>
        [part.querySelector('h3').textContent, ...[...part.querySelectorAll('.option-name')].map((name) => name.textContent)].join()).join(' | ')";
    page.until(&format!("{names} === 'Read (1),Grace | Sent, not delivered (1),Alan'")).await;
    // It follows what happens meanwhile.
    alan.read(&room, 1).await.expect(204);
    page.until(&format!("{names} === 'Read (2),Grace,Alan' || {names} === 'Read (2),Alan,Grace'")).await;
    page.press("Escape").await;
    page.until(&format!("!one('readers').open && document.activeElement === {}", message("soup?"))).await;
    page.until(&status("soup?", "read")).await;
    // A new member has nothing to read, and the one who leaves is not waited for.
    page.send("and bread").await;
    grace.read(&room, 2).await.expect(204);
    alan.delete(&format!("{}/members/{}", room.path, alan.id)).await.expect(204);
    page.until(&status("and bread", "read")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_away_comes_back_at_a_key_and_is_last_seen_when_they_go() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let (page, other) = Visitor::ada_and_grace(&browser, server.address).await;
    page.open("Grace").await;
    other.open("Ada").await;
    page.until("one('conversation-status').textContent === 'online'").await;
    // The page's clock goes on by five minutes.
    other
        .run_statements(
            "const { client } = await load('page/page-client.js');
            const now = Date.now;
            const { setTimeout } = window;
            window.setTimeout = (work, delay) => setTimeout(work, delay > 250_000 ? 0 : delay);
            client.presence.stop();
            client.presence.touch();
            Date.now = () => now() + 300_000;
            window.setTimeout = setTimeout;",
        )
        .await;
    page.until("one('conversation-status').textContent === 'away'").await;
    other.press("Escape").await;
    page.until("one('conversation-status').textContent === 'online'").await;
    other.close().await;
    page.until("one('conversation-status').textContent === 'last seen just now'").await;
    // Who does not show it is offline.
    let shown = json!({"settings": {"show_last_seen": false}});
    grace.patch("/v1/users/me", &shown).await.expect(200);
    page.reload().await;
    page.until("one('conversation-status').textContent === 'offline'").await;
}
