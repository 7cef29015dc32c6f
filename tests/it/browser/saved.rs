//! Saved messages.

use serde_json::json;

use super::visitor::{Visitor, is_shown};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saved_messages_are_listed_on_all_devices_and_lead_back() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.send(&room, "The address: 12 Tea Lane").await;
    for number in 2..=120 {
        grace.send(&room, &format!("number {number}.")).await;
    }
    let browser = Browser::start().await;
    let (one, other) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in(&browser, server.address, "ada")
    );
    one.open("Lunch").await;
    one.choose("number 119.", "save").await;
    one.until("document.getElementById('notice').textContent.includes('Saved')").await;
    let items = ada.get(&format!("{}?before_seq=2", room.messages)).await.expect(200).json();
    let first = items["items"][0]["id"].as_str().unwrap().to_owned();
    ada.put(&format!("{}/{first}/saved", room.messages)).await.expect(204);

    other.click("one('me-menu')").await;
    other.click("one('saved-open')").await;
    other.until("all('saved').length === 2 && all('saved')[0].textContent.includes('12 Tea Lane')").await;
    other.click("all('saved-jump')[0]").await;
    other
        .until("!document.getElementById('saved-dialog').open && one('conversation-title').textContent === 'Lunch'")
        .await;
    other.until(&is_shown("The address: 12 Tea Lane")).await;

    one.choose("number 119.", "unsave").await;
    grace.delete(&format!("{}/{first}", room.messages)).await.expect(204);
    other.click("one('me-menu')").await;
    other.click("one('saved-open')").await;
    other.until("all('saved').length === 1 && one('saved').textContent.includes('gone')").await;
    other.click("one('saved-remove')").await;
    other.until("all('saved').length === 0 && document.activeElement.ariaLabel === 'Close'").await;
    let saved = ada.get("/v1/users/me/saved").await.expect(200).json();
    assert_eq!(saved["items"], json!([]));
}
