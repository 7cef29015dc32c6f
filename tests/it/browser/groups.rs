//! Groups and their members.

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_started_talks_and_changes() {
    let server = Server::start().await;
    for username in ["ada", "grace", "alan"] {
        server.register(username).await;
    }
    let browser = Browser::start().await;
    let (ada, alan) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in(&browser, server.address, "alan")
    );

    ada.click("one('new-conversation')").await;
    ada.pick("grace", "grace").await;
    ada.pick("alan", "alan").await;
    ada.fill("one('group-name')", "Lunch <club>").await;
    ada.click("one('start-conversation')").await;
    ada.is_at("Lunch <club>").await;
    ada.until("one('conversation-status').textContent === '2 of 3 online'").await;

    alan.open("Lunch <club>").await;
    ada.send("Soup today?").await;
    alan.sees(&["Soup today?"]).await;
    alan.until("document.querySelector('.sender').textContent === 'Ada'").await;
    alan.send("Yes, with bread.").await;
    ada.sees(&["Soup today?", "Yes, with bread."]).await;

    // The page offers no action that the user's role forbids.
    alan.click("one('members-open')").await;
    alan.until("all('member-item').map((item) => item.dataset.username + ' ' + item.dataset.role).join() === 'ada owner,alan member,grace member'").await;
    assert_eq!(alan.eval("all('member-remove').length + Number(seen(one('rename')))").await, 0);
    alan.press("Escape").await;
    alan.until("!one('member-item')").await;

    ada.click("one('members-open')").await;
    ada.fill("one('rename')", "Soup club").await;
    ada.click("one('rename-save')").await;
    alan.is_at("Soup club").await;
    alan.until(&format!("{}.classList.contains('system')", message("Soup club"))).await;

    // A draft is not sent to a group that the user has left.
    alan.fill("one('composer')", "half a sent").await;
    ada.click("one('member-item', '[data-username=alan]').querySelector('[data-testid=member-remove]')").await;
    ada.click("one('member-item', '[data-username=alan]').querySelector('[data-testid=member-remove]')").await;
    ada.until("all('member-item').length === 2").await;
    alan.until("!one('conversation-item') && !seen(one('composer')) && seen(document.getElementById('notice'))").await;
    ada.press("Escape").await;
    ada.until(&message("removed Alan")).await;
}
