//! Editing and deleting messages.

use serde_json::json;

use super::visitor::{Visitor, menu_entry, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

/// Returns the shown texts in their order.
const TEXTS: &str =
    "JSON.stringify(all('message').map((row) => row.querySelector('[data-testid=message-text]').textContent))";

async fn shows(page: &Visitor, texts: &[&str]) {
    page.until(&format!("{TEXTS} === {}", json!(json!(texts).to_string()))).await;
}

fn button(name: &str, text: &str) -> String {
    format!("{}.querySelector('[data-testid={name}-message]')", message(text))
}

/// Opens the menu of a message by the keyboard, and returns true if it has the entry.
async fn is_offered(page: &Visitor, text: &str, entry: &str) -> bool {
    page.eval(&format!("{}.focus()", message(text))).await;
    page.press("Enter").await;
    page.until("document.querySelector('[role=menu]').matches(':popover-open')").await;
    let is_offered = page.eval(&format!("{} !== null", menu_entry(entry))).await == true;
    page.press("Escape").await;
    page.until("!document.querySelector('[role=menu]').matches(':popover-open')").await;
    is_offered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_changed_for_everybody_at_once_and_for_good() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let (hers, theirs) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    theirs.open("Ada").await;
    for text in ["helo", "secret", "bye"] {
        hers.send(text).await;
    }
    theirs.sees(&["helo", "secret", "bye"]).await;
    assert!(
        !is_offered(&theirs, "helo", "edit").await && !is_offered(&theirs, "helo", "delete").await,
        "none of them is hers"
    );

    // With the keyboard alone: ArrowUp in the empty composer edits the newest message.
    hers.press("ArrowUp").await;
    hers.until("one('composer').value === 'bye' && seen(one('editing-note'))").await;
    hers.press("Escape").await;
    hers.until("one('composer').value === '' && !seen(one('editing-note'))").await;
    hers.fill("one('composer')", "half written").await;
    // An older message by its button, which is visible at the focus. Tab moves to the newest message, and arrow keys move on from
    // there.
    assert_eq!(hers.eval("all('message').map((row) => row.tabIndex).join()").await, "-1,-1,0");
    hers.eval(&format!("{}.focus()", message("bye"))).await;
    for _ in 0..3 {
        hers.press("ArrowUp").await;
    }
    hers.until(&format!("document.activeElement === {}", message("helo"))).await;
    hers.until(&format!("seen({})", button("more", "helo"))).await;
    assert_eq!(
        hers.eval(&format!("getComputedStyle({}.parentNode).visibility", button("more", "bye"))).await,
        "hidden"
    );
    hers.choose("helo", "edit").await;
    hers.until("one('composer').value === 'helo' && document.activeElement === one('composer')").await;
    hers.fill("one('composer')", "hello").await;
    hers.press("Enter").await;
    for page in [&hers, &theirs] {
        shows(page, &["hello", "secret", "bye"]).await;
        page.until(&format!("{}.textContent.includes('Edited')", message("hello"))).await;
    }
    hers.until("one('composer').value === 'half written' && !seen(one('editing-note'))").await;

    hers.choose("secret", "delete").await;
    hers.until(&format!("{}.textContent === 'Really?'", menu_entry("delete"))).await;
    hers.click(&menu_entry("delete")).await;
    let left = ["hello", "This message was deleted", "bye"];
    for page in [&hers, &theirs] {
        shows(page, &left).await;
        assert_eq!(page.eval("document.body.textContent.includes('secret')").await, false);
    }
    assert_eq!(hers.eval("document.activeElement === one('composer')").await, true);
    assert_eq!(hers.eval(&format!("{} ?? null", button("more", "was deleted"))).await, json!(null));
    // Edits have numbers of their own, and the next events follow them without another request.
    let resumes = |page: &Visitor| page.frames_sent().iter().filter(|frame| frame.contains("\"resume\"")).count();
    let before = resumes(&theirs);
    hers.send("and so on").await;
    theirs.until(&format!("{}?.dataset.seq === '6'", message("and so on"))).await;
    assert_eq!(resumes(&theirs), before, "nothing was missed");
    for page in [&hers, &theirs] {
        page.reload().await;
        shows(page, &["hello", "This message was deleted", "bye", "and so on"]).await;
        page.until(&format!("{}.textContent.includes('Edited')", message("hello"))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_is_editing_may_be_deleted_by_an_admin() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "mine").await;
    grace.send(&room, "oops").await;
    let browser = Browser::start().await;
    let (owner, member) = Visitor::ada_and_grace(&browser, server.address).await;
    owner.open("Lunch").await;
    member.open("Lunch").await;
    shows(&member, &["mine", "oops"]).await;
    member.click("one('composer')").await;
    member.press("ArrowUp").await;
    member.until("one('composer').value === 'oops'").await;
    owner.until("one('conversation-status').textContent.includes('online')").await;
    assert!(!is_offered(&owner, "oops", "edit").await, "users cannot edit the messages of others");
    assert!(!is_offered(&member, "mine", "delete").await);
    owner.choose("oops", "delete").await;
    owner.click(&menu_entry("delete")).await;
    for page in [&owner, &member] {
        shows(page, &["mine", "This message was deleted"]).await;
    }
    member.until("one('composer').value === '' && one('composer-note').textContent.includes('was deleted')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_names_more_than_was_heard_brings_the_change() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let message = ada.send(&room, "helo").await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Ada").await;
    let path = format!("{}/{}", room.messages, message["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "hello"})).await.expect(200);
    shows(&page, &["hello"]).await;
    // As if the event had been lost.
    let forget = format!(
        "load('page/page-client.js').then(({{ client, changed }}) => {{
            const timeline = client.history.get('{0}');
            const lost = {{ ...timeline.messages[0], content: 'helo', edited_at: null }};
            timeline.messages[0] = lost;
            timeline.byId.set(lost.id, lost);
            timeline.seen = timeline.newest = client.conversations.get('{0}').last_seq = 1;
            changed('timeline');
        }})",
        room.id
    );
    page.eval(&forget).await;
    shows(&page, &["helo"]).await;
    let heartbeat = json!({"type": "heartbeat", "heads": {&room.id: 2}, "membership_version": 1});
    page.receives(&heartbeat).await;
    shows(&page, &["hello"]).await;
}
