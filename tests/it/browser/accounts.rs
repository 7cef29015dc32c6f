//! Registration, login and logout.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::{PASSWORD, send_request};
use crate::support::operated::Operated;
use crate::support::server::{Server, StoreKind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_registers_logs_in_and_leaves() {
    let server = Server::start().await;
    let grace = server.register("grace").await;
    let browser = Browser::start().await;
    let mut ada = Visitor::at_login(&browser, server.address).await;
    ada.tolerate("the server responded with a status of 4"); // the errors that this test causes

    // No user has this name yet.
    ada.fill("one('auth-username')", "ada").await;
    ada.fill("one('auth-password')", PASSWORD).await;
    ada.click("one('auth-submit')").await;
    ada.until("seen(one('auth-error')) && one('auth-error').textContent.length > 10").await;
    ada.until("!one('auth-submit').disabled").await;

    // A form with errors names the fields, in the server's words.
    ada.click("one('auth-switch')").await;
    ada.until("!seen(one('auth-error')) && seen(one('auth-name'))").await;
    ada.fill("one('auth-username')", "ada lovelace").await;
    ada.click("one('auth-submit')").await;
    ada.until("one('auth-name').ariaInvalid === 'true' && document.activeElement === one('auth-name')").await;
    ada.fill("one('auth-name')", "Ada Lovelace").await;
    ada.click("one('auth-submit')").await;
    ada.until("one('auth-username').ariaInvalid === 'true' && seen(document.getElementById('auth-username-error'))")
        .await;

    // A username is taken whatever its case.
    ada.fill("one('auth-username')", "Grace").await;
    ada.fill("one('auth-password')", "short").await;
    ada.click("one('auth-submit')").await;
    ada.until("one('auth-password').ariaInvalid === 'true' && seen(document.getElementById('auth-password-error'))")
        .await;
    ada.fill("one('auth-password')", PASSWORD).await;
    ada.click("one('auth-submit')").await;
    ada.until("/This username is taken/.test(document.getElementById('auth-form').innerText)").await;

    ada.fill("one('auth-username')", "ada").await;
    ada.click("one('auth-submit')").await;
    ada.is_connected().await;
    assert_eq!(ada.eval("one('me-menu').querySelector('.sr-only').textContent").await, "Ada Lovelace: account menu");
    let session = ada.eval("JSON.parse(localStorage['chinwag.session'])").await;
    let (id, token) = (session["user"]["id"].as_str().unwrap(), session["access_token"].as_str().unwrap());

    ada.reload().await;
    ada.is_connected().await;

    // A new browser has no session.
    let stranger = Visitor::at_login(&browser, server.address).await;
    assert_eq!(stranger.eval("localStorage.length + sessionStorage.length").await, 0);

    // A logout ends the session, the sockets and the tokens.
    let room = grace.post("/v1/conversations", &json!({"type": "direct", "member_ids": [id]})).await.expect(201).json();
    let mut observer = grace.connect("/ws").await;
    assert_eq!(observer.next_of(&["presence.state"]).await["users"][id], "online");
    ada.until("one('conversation-item', '[data-title=Grace]')").await;
    ada.click("one('me-menu')").await;
    ada.click("one('logout')").await;
    ada.until("seen(one('auth-submit')) && localStorage.length + sessionStorage.length === 0 && !seen(one('me-menu'))")
        .await;
    assert_eq!(observer.next_of(&["presence.diff"]).await["offline"], json!([id]));
    let bearer = format!("Bearer {token}");
    let refused = send_request(server.address, hyper::Method::GET, "/v1/users/me", &[("authorization", &bearer)], "")
        .await
        .problem();
    assert_eq!(refused.0, 401);
    assert_eq!(ada.eval("document.body.innerHTML.includes('Lovelace')").await, false, "nothing is left of her");

    // The URL still names the conversation, and opens it for its members.
    let url = format!("location.hash = '#{}'", room["id"].as_str().unwrap());
    ada.eval(&url).await;
    ada.fill("one('auth-username')", "ADA").await;
    ada.fill("one('auth-password')", PASSWORD).await;
    ada.press("Enter").await;
    ada.is_at("Grace").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_registers_with_an_invitation() {
    let chinwag = Operated::on(StoreKind::Sqlite, &["--registration", "invite"]).await;
    let browser = Browser::start().await;
    let mut ada = Visitor::at_login(&browser, chinwag.server.address).await;
    ada.tolerate("the server responded with a status of 4"); // the errors that this test causes
    ada.click("one('auth-switch')").await;
    for (field, text) in [("username", "ada"), ("name", "Ada Lovelace"), ("password", PASSWORD)] {
        ada.fill(&format!("one('auth-{field}')"), text).await;
    }
    assert_eq!(ada.eval("seen(one('auth-invite'))").await, false, "no more questions than are needed");
    ada.click("one('auth-submit')").await;
    ada.until("seen(one('auth-invite')) && document.activeElement === one('auth-invite')").await;
    let code = chinwag.command(&["invite"]).await;
    ada.fill("one('auth-invite')", &code).await;
    ada.click("one('auth-submit')").await;
    ada.is_connected().await;
}
