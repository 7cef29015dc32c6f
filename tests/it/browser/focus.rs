//! Where the focus goes when its element is gone; presses that must not act twice; waits that are said.

use chinwag::limits::LOGIN_FAILURES;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::{PASSWORD, post};
use crate::support::server::Server;

const LIST: &str = "document.activeElement === document.getElementById('list')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_focus_goes_somewhere_sensible() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let rooms = [ada.group("Lunch", &[&grace]).await, ada.group("Tea", &[&grace]).await];
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "grace").await;
    page.tolerate("the server responded with a status of 404"); // the link to what is not there
    // After the login: at the list. Tab goes on to its first item.
    page.until(LIST).await;
    page.until("all('conversation-item').length === 3").await;
    page.press("Tab").await;
    page.until("document.activeElement === all('conversation-item')[0]").await;
    page.open("Lunch").await;
    // After leaving.
    page.click("one('members-open')").await;
    page.click("one('leave')").await;
    page.until("one('leave').textContent === 'Press again to leave'").await;
    page.click("one('leave')").await;
    page.until(&format!("all('conversation-item').length === 2 && {LIST}")).await;
    // The question is not left behind for the next group.
    page.open("Tea").await;
    page.click("one('members-open')").await;
    page.until("one('leave').textContent === 'Leave the group'").await;
    // When one is removed, also with a dialog open.
    ada.delete(&format!("{}/{}", rooms[1].members, grace.id)).await.expect(204);
    page.until(&format!("all('conversation-item').length === 1 && !seen(one('leave')) && {LIST}")).await;
    page.until("document.getElementById('notice').textContent === 'Ada removed you from Tea.'").await;
    // On a phone, back goes to the item from which one came.
    page.emulate(390, 844, "light").await;
    page.open("Ada").await;
    page.click("document.getElementById('back')").await;
    page.until("document.activeElement === one('conversation-item')").await;
    // A link to what is not there is said as it is.
    page.eval("void (location.hash = '00000000-0000-7000-8000-000000000000')").await;
    page.until(
        "document.getElementById('notice').textContent === 'There is no such conversation, or you are not in it.'",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_does_not_skip_the_question() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.group("Lunch", &[&grace]).await;
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.click("one('members-open')").await;
    // Though the page is busy between the halves, for longer than the pause that follows a question.
    page.eval(
        "addEventListener('click', () => {
            const end = performance.now() + 600;
            while (performance.now() < end);
        }, { once: true })",
    )
    .await;
    page.double_click("one('member-remove')").await;
    page.until(
        "one('member-remove').textContent === 'Sure?' && one('member-remove').ariaLabel === 'Sure? Remove: Grace'",
    )
    .await;
    // A change of presence does not take the question back.
    let _socket = grace.connect("/ws").await;
    page.until("one('member-item', '[data-username=grace]').textContent.includes('online')").await;
    page.until("one('member-remove').textContent === 'Sure?'").await;
    page.until("all('member-item').length === 2").await;
    page.press("Escape").await;
    page.open("Grace").await;
    page.double_click("one('block')").await;
    page.until("one('block').textContent === 'Press again to block'").await;
    // The question is about this conversation alone.
    page.open("Lunch").await;
    page.open("Grace").await;
    page.until("one('block').textContent === 'Block'").await;
    assert_eq!(ada.get("/v1/users/me/blocks").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_said_and_counts_down() {
    let server = Server::start().await;
    server.register("ada").await;
    let browser = Browser::start().await;
    let mut page = Visitor::at_login(&browser, server.address).await;
    page.tolerate("the server responded with a status of 429");
    page.fill("one('auth-username')", "ada").await;
    page.fill("one('auth-password')", PASSWORD).await;
    // At once, and not one after the other: how long one has to wait does not depend on how long a comparison takes here.
    let wrong = json!({"username": "ada", "password": "not the right one"});
    let mut guesses: FuturesUnordered<_> =
        (0..=LOGIN_FAILURES.burst).map(|_| post(server.address, "/v1/users/login", &wrong)).collect();
    while guesses.next().await.expect("one is refused").status != 429 {}
    page.press("Enter").await;
    let count = "one('auth-error').querySelector('[aria-hidden]').textContent";
    page.until("/^Too many attempts\\. Try again in \\d+ seconds?\\./.test(one('auth-error').textContent)").await;
    let first = page.eval(count).await;
    page.until(&format!("{count} !== {first}")).await;
    page.until(&format!("{count} === 'You can try again now.'")).await;
    page.click("one('auth-submit')").await;
    page.is_connected().await;
}
