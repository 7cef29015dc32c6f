//! Logins, unsent messages and drafts over reloads and several tabs.

use serde_json::{Value, json};

use super::direct_chat::DirectChat;
use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::{PASSWORD, TestUser};
use crate::support::proxy::{Flow, Proxy};
use crate::support::server::Server;

/// The texts of a conversation's history.
async fn history(user: &TestUser, messages: &str) -> Vec<Value> {
    let page = user.get(messages).await.expect(200).json();
    page["items"].as_array().unwrap().iter().map(|item| item["content"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_kept_for_all_tabs_or_for_one() {
    let server = Server::start().await;
    server.register("ada").await;
    let browser = Browser::start().await;

    // Of her own choice the login ends with the tab.
    let own = Visitor::at_login(&browser, server.address).await;
    assert_eq!(own.eval("one('auth-keep').checked").await, true);
    own.click("one('auth-keep')").await;
    own.fill("one('auth-username')", "ada").await;
    own.fill("one('auth-password')", PASSWORD).await;
    own.press("Enter").await;
    own.is_connected().await;
    assert_eq!(own.eval("localStorage.length").await, 0);
    own.reload().await;
    own.is_connected().await;
    let other = own.open_tab().await;
    other.until("seen(one('auth-submit'))").await;

    // A kept login is there in a new tab, and after a tab was closed.
    other.fill("one('auth-username')", "ada").await;
    other.fill("one('auth-password')", PASSWORD).await;
    other.press("Enter").await;
    other.is_connected().await;
    let next = other.open_tab().await;
    next.is_connected().await;
    other.close().await;
    let last = next.open_tab().await;
    last.is_connected().await;

    // A logout ends it in all tabs that share it. The other login goes on.
    last.click("one('me-menu')").await;
    last.click("one('logout')").await;
    for page in [&last, &next] {
        page.until("seen(one('auth-submit')) && localStorage.length === 0").await;
    }
    own.reload().await;
    own.is_connected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_all_tabs_one_refreshes_the_login() {
    let server = Server::with(&["--access-token-ttl", "20s"]).await;
    server.register("ada").await;
    let browser = Browser::start().await;
    let first = Visitor::log_in(&browser, server.address, "ada").await;
    let second = first.open_tab().await;
    second.is_connected().await;
    let token = "JSON.parse(localStorage['chinwag.session']).access_token";
    let before = first.eval(token).await;
    for page in [&first, &second] {
        page.eval("performance.clearResourceTimings()").await;
    }
    first.until(&format!("{token} !== {before}")).await;
    // Both connections get the new token, and go on.
    for page in [&first, &second] {
        let has_sent =
            async |count: usize| page.frames_sent().iter().filter(|frame| frame.contains(r#""auth""#)).count() >= count;
        while !has_sent(1).await {
            page.until("true").await;
        }
    }
    let refreshes = "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/refresh')).length";
    let (one, other) = (first.eval(refreshes).await.as_u64().unwrap(), second.eval(refreshes).await.as_u64().unwrap());
    assert_eq!(one + other, 1, "{one} and {other}");
    for page in [&first, &second] {
        page.is_connected().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_closed_tab_has_not_sent_another_tab_sends_once() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut closed = Visitor::log_in(&browser, server.address, "ada").await;
    closed.tolerate("net::ERR_CONNECTION_REFUSED");
    closed.open("Grace").await;
    let open = closed.open_tab().await;
    open.is_connected().await;
    open.is_at("Grace").await;

    let offline = server.take_offline().await;
    closed.until("one('connection-state').dataset.state !== 'connected'").await;
    closed.send("from the closed tab").await;
    closed.until("all('message', '[data-state=pending]').length === 1").await;
    open.until("one('connection-state').dataset.state !== 'connected'").await;
    assert_eq!(open.eval("all('message', '[data-state=pending]').length").await, 0, "the other tab lives");
    closed.close().await;
    open.until("all('message', '[data-state=pending]').length === 1").await;

    let server = offline.bring_online().await;
    open.eval("dispatchEvent(new Event('online'))").await;
    open.sees(&["from the closed tab"]).await;
    let ada = TestUser { address: server.address, ..ada };
    assert_eq!(history(&ada, &room.messages).await, ["from the closed tab"]);
    assert_eq!(open.eval("Object.keys(localStorage).join()").await, "chinwag.session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_unsent_when_the_page_closed_is_sent_when_it_opens_again() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("net::ERR_CONNECTION_REFUSED");
    page.open("Grace").await;
    let empty = page.open_tab().await;
    empty.eval("void (location.href = 'about:blank')").await;

    let offline = server.take_offline().await;
    page.until("one('connection-state').dataset.state !== 'connected'").await;
    for text in ["one", "two"] {
        page.send(text).await;
    }
    page.fill("one('composer')", "half a sent").await;
    page.close().await;
    let server = offline.bring_online().await;
    empty.eval(&format!("void (location.href = 'http://{}/#{}')", server.address, room.id)).await;
    empty.sees(&["one", "two"]).await;
    empty.until("one('composer').value === 'half a sent'").await;
    let ada = TestUser { address: server.address, ..ada };
    assert_eq!(history(&ada, &room.messages).await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_that_is_late_is_said_and_a_silent_server_is_left() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let proxy = Proxy::to(server.address);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, proxy.address, "ada").await;
    page.open("Grace").await;
    let is_late = "document.getElementById('messages').textContent.includes('Not confirmed yet…')";

    // The acknowledgement is late.
    proxy.set_from_target(Flow::Hold);
    page.send("late").await;
    page.until(is_late).await;
    assert!(page.frames_sent().iter().any(|frame| frame.contains(r#""ping""#)), "it asks for a sign of life");
    proxy.set_from_target(Flow::Pass);
    page.sees(&["late"]).await;
    assert_eq!(page.eval("one('connection-state').dataset.state").await, "connected");

    // It never comes, and nor does anything else: the page leaves the connection and sends again.
    proxy.set_from_target(Flow::Discard);
    page.send("lost").await;
    page.until(is_late).await;
    page.until("one('connection-state').dataset.state !== 'connected'").await;
    proxy.set_from_target(Flow::Pass);
    page.sees(&["late", "lost"]).await;
    assert_eq!(history(&ada, &room.messages).await, ["late", "lost"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_survive_a_reload_and_the_end_of_a_session_for_their_user_alone() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 401");
    page.open("Grace").await;
    page.fill("one('composer')", "half a sent").await;
    page.reload().await;
    page.is_at("Grace").await;
    page.until("one('composer').value === 'half a sent'").await;

    // The session expires: its refresh token is worth nothing any more.
    let expire = "const kept = JSON.parse(localStorage['chinwag.session']);
        localStorage['chinwag.session'] = JSON.stringify({ ...kept, access_token: 'old', refresh_token: 'old', expires_at: 1 });";
    page.run_statements(expire).await;
    page.reload().await;
    page.until("seen(one('auth-error')) && one('auth-error').textContent.includes('session has ended')").await;
    assert_eq!(page.eval("document.body.textContent.includes('half a sent')").await, false);
    for (username, title, draft) in [("grace", "Ada", ""), ("ada", "Grace", "half a sent")] {
        page.fill("one('auth-username')", username).await;
        page.fill("one('auth-password')", PASSWORD).await;
        page.press("Enter").await;
        page.is_connected().await;
        page.open(title).await;
        page.until(&format!("one('composer').value === {draft:?}")).await;
        page.click("one('me-menu')").await;
        page.click("one('logout')").await;
        page.until("seen(one('auth-submit'))").await;
    }
    // Her own logout leaves nothing.
    assert_eq!(page.eval("localStorage.length + sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_ended_elsewhere_leaves_nothing_behind() {
    let chat = DirectChat::open().await;
    let DirectChat { ada, page, .. } = &chat;
    page.fill("one('composer')", "half a sent").await;
    let sessions = ada.get("/v1/users/me/sessions").await.expect(200).json();
    let other =
        sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == json!(false)).unwrap();
    ada.delete(&format!("/v1/users/me/sessions/{}", other["id"].as_str().unwrap())).await.expect(204);
    page.until("seen(one('auth-error')) && one('auth-error').textContent.startsWith('You have been logged out.')")
        .await;
    assert_eq!(page.eval("localStorage.length + sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_the_server_refuses_comes_back_when_the_user_says() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    let nonsense = "load('page/page-client.js').then(({ client }) => {
        for (let count = 0; count < 10; count += 1) client.connection.send({ type: 'nonsense' });
    })";
    page.eval(nonsense).await;
    page.until("one('connection-state').dataset.state === 'refused'").await;
    assert_eq!(
        page.eval("one('connection-state').textContent").await,
        "The server did not understand this client. Not connected. Try again"
    );
    page.send("hello").await;
    page.click("one('reconnect')").await;
    page.is_connected().await;
    page.until(&format!("{}.dataset.state === 'sent'", message("hello"))).await;
}
