//! Blocking the other user of a direct conversation.

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_blocked_and_unblocked() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    ada.group("Lunch", &[&grace]).await;
    let browser = Browser::start().await;
    let (hers, other) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    other.open("Ada").await;
    hers.send("hello").await;
    other.sees(&["hello"]).await;
    other.until("one('conversation-status').textContent === 'online'").await;

    hers.click("one('block')").await;
    hers.until("one('block').textContent === 'Press again to block'").await;
    hers.click("one('block')").await;
    hers.until("one('block').textContent === 'Unblock'").await;
    // Both show the other as offline, and the blocked user's page says nothing else.
    hers.until("one('conversation-status').textContent === 'offline'").await;
    other.until("one('conversation-status').textContent === 'offline'").await;
    other.until("one('block').textContent === 'Block'").await;
    other.fill("one('composer')", "are you there?").await;
    other.press("Enter").await;
    other.until("all('message', '[data-state=failed]').length === 1").await;

    // A reload finds the block.
    hers.eval("void location.reload()").await;
    hers.is_connected().await;
    hers.is_at("Grace").await;
    hers.until("one('block').textContent === 'Unblock'").await;
    hers.click("one('block')").await;
    hers.until("one('block').textContent === 'Block'").await;
    other.until("one('conversation-status').textContent === 'online'").await;
    hers.open("Lunch").await;
    hers.until("!seen(one('block'))").await;
}
