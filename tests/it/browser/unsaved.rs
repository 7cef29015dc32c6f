//! Words that are begun and not sent are not lost without a question.

use serde_json::json;

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::PASSWORD;
use crate::support::server::Server;

const IS_EDITING: &str = "seen(one('editing-note'))";

/// Begins to edit the user's newest message, and writes another text.
async fn edit(page: &Visitor, before: &str, text: &str) {
    page.click("one('composer')").await;
    page.press("ArrowUp").await;
    page.until(&format!("one('composer').value === {} && {IS_EDITING}", json!(before))).await;
    page.fill("one('composer')", text).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_waits_through_other_conversations_and_reloads() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.group("Choir", &[&grace]).await;
    ada.send(&room, "helo").await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    page.fill("one('composer')", "a draft").await;
    page.fill("one('composer')", "").await;
    edit(&page, "helo", "hello wor").await;
    page.open("Choir").await;
    page.until(&format!("one('composer').value === '' && !{IS_EDITING}")).await;
    page.fill("one('composer')", "la la").await;
    page.open("Grace").await;
    page.until(&format!("one('composer').value === 'hello wor' && {IS_EDITING}")).await;
    page.reload().await;
    page.is_at("Grace").await;
    page.until(&format!("one('composer').value === 'hello wor' && {IS_EDITING}")).await;
    page.fill("one('composer')", "hello world").await;
    page.press("Enter").await;
    page.sees(&["hello world"]).await;
    page.until(&format!("one('composer').value === '' && !{IS_EDITING}")).await;
    page.open("Choir").await;
    page.until("one('composer').value === 'la la'").await;
    page.reload().await;
    page.open("Grace").await;
    page.until(&format!("one('composer').value === '' && !{IS_EDITING}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_what_is_edited_or_deleted_elsewhere_is_said_and_kept() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let sent = ada.send(&room, "helo").await;
    let path = format!("{}/{}", room.messages, sent["id"].as_str().unwrap());
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    // A text that is not changed here becomes what it is there.
    edit(&page, "helo", "helo").await;
    ada.patch(&path, &json!({"content": "hallo"})).await.expect(200);
    page.until(&format!("one('composer').value === 'hallo' && {IS_EDITING}")).await;
    // A changed text stays, and the other change is said.
    page.fill("one('composer')", "hello from here").await;
    ada.patch(&path, &json!({"content": "hello from there"})).await.expect(200);
    page.until("one('composer-note').textContent.includes('edited elsewhere')").await;
    assert_eq!(page.eval("one('composer').value").await, "hello from here");
    // Nor does another edit take its place.
    ada.send(&room, "second").await;
    page.until(&message("second")).await;
    ada.delete(&path).await.expect(204);
    page.until(&format!("one('composer').value === 'hello from here' && !{IS_EDITING}")).await;
    page.until("one('composer-note').textContent.includes('was deleted. Your text is still here')").await;
    page.reload().await;
    page.is_at("Grace").await;
    page.until("one('composer').value === 'hello from here'").await;
    page.click("one('composer')").await;
    page.press("Enter").await;
    page.sees(&["This message was deleted", "second", "hello from here"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_second_request_drops_a_changed_edit() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for text in ["first", "second"] {
        ada.send(&room, text).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    edit(&page, "second", "second thoughts").await;
    // Another message begins no other edit.
    page.choose("first", "edit").await;
    page.until("one('composer-note').textContent.startsWith('Save or cancel this edit')").await;
    page.click("one('composer')").await;
    page.press("Escape").await;
    page.until("one('edit-cancel').textContent === 'Drop your changes?'").await;
    assert_eq!(page.eval("one('composer').value").await, "second thoughts");
    page.click("one('edit-cancel')").await;
    page.until(&format!("one('composer').value === '' && !{IS_EDITING}")).await;
    page.sees(&["first", "second"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_asks_before_it_loses_what_it_cannot_keep() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let asks = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    for is_kept in [true, false] {
        let page = Visitor::at_login(&browser, server.address).await;
        if !is_kept {
            page.click("one('auth-keep')").await;
        }
        page.fill("one('auth-username')", "ada").await;
        page.fill("one('auth-password')", PASSWORD).await;
        page.press("Enter").await;
        page.is_connected().await;
        page.open("Grace").await;
        assert_eq!(page.eval(asks).await, false, "nothing is begun");
        page.fill("one('composer')", "half a sent").await;
        assert_eq!(page.eval(asks).await, !is_kept, "a login that ends with the tab takes its drafts with it");
        page.fill("one('composer')", "").await;
        assert_eq!(page.eval(asks).await, false);
        // Nothing more fits into the storage.
        page.eval("void (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); })")
            .await;
        page.fill("one('composer')", "more").await;
        assert_eq!(page.eval(asks).await, true, "the storage is full");
        page.fill("one('composer')", "").await;
    }
}
