//! axe-core finds nothing on any view or dialog, in both colour schemes and at five widths.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::PASSWORD;
use crate::support::server::Server;

const WIDTHS: [u32; 5] = [320, 480, 768, 1024, 1440];

fn axe() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client/node_modules/axe-core/axe.min.js");
    fs::read_to_string(path).expect("this test needs axe-core: `make test` or tests/client/install.sh installs it")
}

/// Fails with what axe finds on what the page shows.
async fn check(page: &Visitor, view: &str) {
    page.run_statements(&axe()).await;
    let mut found = Vec::new();
    for width in WIDTHS {
        for scheme in ["light", "dark"] {
            page.emulate(width, 800, scheme).await;
            page.until(&format!("innerWidth === {width} && matchMedia('(prefers-color-scheme: {scheme})').matches"))
                .await;
            let violations = page
                .eval(
                    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) =>
                        ({ id, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`) })))",
                )
                .await;
            if violations != json!([]) {
                found.push((width, scheme, violations));
            }
        }
    }
    page.emulate(1280, 800, "light").await;
    let none: Vec<(u32, &str, Value)> = Vec::new();
    assert_eq!(found, none, "{view}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_login_has_no_fault() {
    let server = Server::start().await;
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    check(&page, "the login").await;
    page.click("one('auth-submit')").await;
    page.until("seen(document.getElementById('auth-username-error'))").await;
    check(&page, "a login that is refused").await;
    page.click("one('auth-switch')").await;
    page.until("seen(one('auth-name'))").await;
    check(&page, "the registration").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_conversations_have_no_fault() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 403"); // a send between two of whom one blocks the other
    page.until("seen(document.getElementById('list-empty'))").await;
    check(&page, "without conversations").await;

    let (club, room) = (ada.group("Lunch club", &[&grace]).await, grace.direct(&ada).await);
    let edited = ada.send(&club, "Soup at https://soup.example").await;
    let message_of = |sent: &Value| format!("{}/{}", club.messages, sent["id"].as_str().unwrap());
    ada.patch(&message_of(&edited), &json!({"content": "Soup today at https://soup.example"})).await.expect(200);
    ada.delete(&message_of(&ada.send(&club, "gone").await)).await.expect(204);
    grace.send(&club, "Yes, with bread.").await;
    grace.send(&room, "hello").await;
    page.until("all('conversation-item').length === 2 && all('unread').length === 2").await;
    check(&page, "the list").await;
    page.click("one('me-menu')").await;
    page.until("seen(one('logout'))").await;
    check(&page, "the account menu").await;
    page.press("Escape").await;

    page.open("Lunch club").await;
    page.until("all('message').length === 3").await;
    page.eval(&format!("{}.focus()", message("Soup today"))).await;
    check(&page, "a group").await;
    page.open("Grace").await;
    page.until("seen(one('block'))").await;
    ada.put(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    page.fill("one('composer')", "refused").await;
    page.press("Enter").await;
    page.until("all('message', '[data-state=failed]').length === 1").await;
    check(&page, "a direct conversation with a failed message").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_and_what_opens_from_them_have_no_fault() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let text =
        "Soup *today*? **See** https://soup.example and `code`\n```js\nlet soup = 1;\n```\n> quoted\n- one\n- two";
    let pinned = ada.send(&room, text).await["id"].as_str().unwrap().to_owned();
    ada.put(&format!("{}/{pinned}/pin", room.messages)).await.expect(204);
    for emoji in ["%F0%9F%91%8D", "%F0%9F%8E%89"] {
        grace.put(&format!("{}/{pinned}/reactions/{emoji}", room.messages)).await.expect(204);
    }
    grace.post(&room.messages, &json!({"content": "Yes, with bread.", "reply_to": pinned})).await.expect(201);
    ada.send(&room, "my own words").await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.until("all('message').length === 3 && seen(one('pins-open')) && all('reaction').length === 2").await;
    let own = message("my own words");
    let button = |name: &str| format!("{own}.querySelector('[data-testid={name}-message]')");
    page.eval(&format!("{own}.focus()")).await;
    page.until(&button("more")).await;
    check(&page, "messages, with one that has the focus").await;

    page.click(&button("more")).await;
    page.until("seen(one('delete-message'))").await;
    check(&page, "the menu of a message").await;
    page.press("Escape").await;
    page.click(&button("more")).await;
    page.click("one('readers-message')").await;
    page.until("seen(one('readers'))").await;
    check(&page, "who has read a message").await;
    page.press("Escape").await;
    page.click("one('pins-open')").await;
    page.until("all('pin').length === 1").await;
    check(&page, "the pinned messages").await;
    page.press("Escape").await;
    page.eval(&format!("{own}.focus()")).await;
    page.click(&button("reply")).await;
    page.until("seen(one('reply-bar'))").await;
    check(&page, "an answer to a message").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dialogs_have_no_fault() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let alan = server.register("alan").await;
    let club = ada.group("Lunch club", &[&grace]).await;
    ada.send(&club, "soup for lunch").await;
    ada.put(&format!("/v1/users/{}/block", alan.id)).await.expect(204);
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 4"); // the refusals
    page.open("Lunch club").await;

    page.click("one('members-open')").await;
    page.until("all('member-item').length === 2 && all('person-option').length > 0").await;
    check(&page, "the members").await;
    page.press("Escape").await;

    page.click("one('new-conversation')").await;
    page.until("all('person-option').length === 2").await;
    page.click("one('person-option')").await;
    check(&page, "a new conversation").await;
    page.press("Escape").await;

    page.press_with_ctrl('k').await;
    page.until("seen(one('search-conversation'))").await;
    check(&page, "the search, without words").await;
    page.fill("one('search')", "lunch").await;
    page.until("one('search-message')").await;
    check(&page, "the search").await;
    page.fill("one('search')", "soup before:never").await;
    page.until("one('search-state').classList.contains('problem')").await;
    check(&page, "a search that is refused").await;
    page.press("Escape").await;

    page.click("one('me-menu')").await;
    page.click("one('settings-open')").await;
    page.until("all('session').length === 2 && all('blocked').length === 1 && !one('privacy-contact').disabled").await;
    page.fill("one('settings-password')", PASSWORD).await;
    page.fill("one('settings-new-password')", "short").await;
    page.press("Enter").await;
    page.until("one('password-line').textContent.startsWith('A password ')").await;
    check(&page, "the settings").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_composer_and_the_bench_have_no_fault() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let marks = "@grace **bold** `code` https://example.org\n> quote\n- one\n- two\n```\nlet a;\n```";
    for user in [&ada, &grace] {
        user.send(&room, marks).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.until("all('mention').length === 2").await;
    check(&page, "formatted messages").await;
    page.fill("one('composer')", "@gr").await;
    page.until("seen(one('mention-list'))").await;
    check(&page, "a mention that is begun").await;
    page.press("Escape").await;
    page.click("one('emoji-open')").await;
    page.until("document.activeElement === one('emoji-search')").await;
    page.fill("one('emoji-search')", "heart").await;
    page.until("all('emoji').length < 100").await;
    check(&page, "the emoji").await;
    page.press("Escape").await;
    page.press("Escape").await;
    page.until("!one('emoji-dialog')").await;
    page.eval("void (location.hash = '#bench')").await;
    page.until("seen(one('bench'))").await;
    page.click("one('bench-send')").await;
    page.until("one('bench-row', '[data-type=pong]')").await;
    check(&page, "the test bench").await;
}
