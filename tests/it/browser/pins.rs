//! Pinned messages.

use super::visitor::{Visitor, is_shown, menu_entry, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_pin_for_everybody_and_pinned_messages_are_found_from_afar() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.send(&room, "The menu: soup").await;
    for number in 2..=120 {
        grace.send(&room, &format!("number {number}.")).await;
    }
    let browser = Browser::start().await;
    let (owner, member) = Visitor::ada_and_grace(&browser, server.address).await;
    for page in [&owner, &member] {
        page.open("Lunch").await;
        page.until("one('conversation-status').textContent.includes('online') && !seen(one('pins-open'))").await;
    }
    member.eval(&format!("{}.focus()", message("number 119."))).await;
    member.press("Enter").await;
    member.until(&format!("seen({})", menu_entry("reply"))).await;
    assert_eq!(member.eval(&menu_entry("pin")).await, serde_json::json!(null), "members do not pin");
    member.press("Escape").await;

    owner.choose("number 119.", "pin").await;
    for page in [&owner, &member] {
        page.until("seen(one('pins-open')) && one('pins-open').textContent.includes('number 119.')").await;
        page.until(&format!("seen({}.querySelector('[data-testid=pinned]'))", message("number 119."))).await;
    }
    let items = ada.get(&format!("{}?before_seq=2", room.messages)).await.expect(200).json();
    let first = items["items"][0]["id"].as_str().unwrap().to_owned();
    ada.put(&format!("{}/{first}/pin", room.messages)).await.expect(204);
    for page in [&owner, &member] {
        page.until("one('pins-open').textContent.includes('2 pinned')").await;
    }
    // From the list to a message that is not loaded.
    member.click("one('pins-open')").await;
    member.until("all('pin').length === 2 && all('pin-remove').length === 0").await;
    member.click("all('pin-jump')[1]").await;
    member.until(&is_shown("The menu: soup")).await;
    member.until("!document.getElementById('pins-dialog').open").await;

    owner.click("one('pins-open')").await;
    owner.click("all('pin-remove')[1]").await;
    owner.until("all('pin').length === 1").await;
    grace.delete(&format!("{}/{first}", room.messages)).await.expect(204);
    owner.click("one('pin-remove')").await;
    for page in [&owner, &member] {
        page.until("!seen(one('pins-open')) && !seen(one('pinned'))").await;
    }
    owner.until("!document.getElementById('pins-dialog').open").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_pin_in_a_direct_conversation_and_a_deletion_unpins() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "the address").await;
    let browser = Browser::start().await;
    let (hers, theirs) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    theirs.open("Ada").await;
    theirs.choose("the address", "pin").await;
    for page in [&hers, &theirs] {
        page.until("seen(one('pins-open')) && seen(one('pinned'))").await;
    }
    hers.choose("the address", "unpin").await;
    for page in [&hers, &theirs] {
        page.until("!seen(one('pins-open')) && !seen(one('pinned'))").await;
    }
    hers.choose("the address", "pin").await;
    theirs.until("seen(one('pins-open'))").await;
    theirs.reload().await;
    theirs.until("seen(one('pins-open')) && seen(one('pinned'))").await;
    hers.choose("the address", "delete").await;
    hers.click(&menu_entry("delete")).await;
    for page in [&hers, &theirs] {
        page.until("!seen(one('pins-open')) && !seen(one('pinned'))").await;
    }
}
