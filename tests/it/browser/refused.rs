//! Handshakes that a proxy spoils, and sends that end a connection. A browser hides the answer to a handshake, and the page says what is
//! wrong all the same.

use std::net::SocketAddr;

use super::direct_chat::DirectChat;
use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::PASSWORD;
use crate::support::rewriting_proxy::RewritingProxy;
use crate::support::server::Server;

/// Logs Ada in behind a proxy, and waits until the page gives this reason.
async fn page_says(reason: &str, change: impl FnOnce(SocketAddr) -> [String; 2]) {
    let server = Server::start().await;
    server.register("ada").await;
    let proxy = RewritingProxy::to(server.address, change).await;
    let browser = Browser::start().await;
    let mut page = Visitor::at_login(&browser, proxy.address).await;
    page.tolerate("WebSocket connection to");
    page.fill("one('auth-username')", "ada").await;
    page.fill("one('auth-password')", PASSWORD).await;
    page.press("Enter").await;
    let reason = reason.replace("{address}", &proxy.address.to_string());
    page.until(&format!("one('connection-state').textContent.startsWith({reason:?})")).await;
    assert_eq!(page.eval("one('connection-state').dataset.state").await, "waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_host_a_proxy_changes_says_so() {
    let reason = "The server does not know this page as http://{address}; its proxy must pass on Host. Reconnecting";
    page_says(reason, |proxy| [format!("Host: {proxy}\r\n"), format!("Host: {}\r\n", proxy.ip())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_proxy_takes_no_websockets_says_so() {
    let reason = "The server answers, but no WebSocket gets through to it. Reconnecting";
    page_says(reason, |_| ["Upgrade: websocket\r\n".to_owned(), String::new()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_too_big_fails_visibly_and_is_not_repeated() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    // The page's own frames fit, so this makes one that does not.
    let pad = r#"const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (frame) {
            send.call(this, frame.includes('heavy') ? frame.replace('{', `{"pad":"${'x'.repeat(200_000)}",`) : frame);
        };"#;
    page.run_statements(pad).await;
    page.send("heavy").await;
    page.send("light").await;
    page.until("one('message-reason').textContent.startsWith('Not sent: It is too long for the server.')").await;
    page.is_connected().await;
    page.until("all('message', '[data-state=sent]').length === 1").await;
    let heavy = page.frames_sent().iter().filter(|frame| frame.contains("heavy")).count();
    assert_eq!(heavy, 1, "it was sent once");
}
