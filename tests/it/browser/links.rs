//! Links to messages.

use super::visitor::{Visitor, is_shown, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_link_opens_around_its_message_also_from_cold() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for number in 1..=150 {
        ada.send(&room, &format!("number {number}.")).await;
    }
    let browser = Browser::start().await;
    let link = format!("#{}/5", room.id);
    let (hers, theirs) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in_at(&browser, server.address, "grace", &link)
    );
    // From cold: it survives the login.
    theirs.is_at("Ada").await;
    theirs.until(&is_shown("number 5.")).await;
    assert_eq!(theirs.eval("location.hash").await, format!("#{}", room.id));
    assert_eq!(theirs.unread_in(&room.id).await, 100, "she has not seen the newest");

    hers.open("Grace").await;
    hers.eval("navigator.clipboard.writeText = async (text) => { window.copied = text; }").await;
    hers.choose("number 120.", "link").await;
    hers.until(&format!("window.copied === location.origin + '/#{}/120'", room.id)).await;
    hers.choose("number 121.", "copy").await;
    hers.until("window.copied === 'number 121.'").await;
    // In the open page.
    for number in [60, 60, 140] {
        theirs.eval(&format!("location.hash = '#{}/{number}'", room.id)).await;
        theirs.until(&is_shown(&format!("number {number}."))).await;
        theirs.until(&format!("location.hash === '#{}'", room.id)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_what_is_deleted_or_foreign_or_was_never_there_says_so() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    server.register("mallory").await;
    let room = ada.direct(&grace).await;
    for text in ["one", "two", "three"] {
        ada.send(&room, text).await;
    }
    let two = ada.get(&room.messages).await.expect(200).json()["items"][1]["id"].as_str().unwrap().to_owned();
    ada.delete(&format!("{}/{two}", room.messages)).await.expect(204);
    let browser = Browser::start().await;
    let says = |words: &str| {
        format!(
            "document.getElementById('notice').textContent === '{words}' && seen(document.getElementById('notice'))"
        )
    };

    let page = Visitor::log_in_at(&browser, server.address, "grace", &format!("#{}/2", room.id)).await;
    page.until(&is_shown("was deleted")).await;
    page.until(&says("That message was deleted.")).await;
    for number in ["4", "999999999999999"] {
        page.eval("document.getElementById('notice').hidden = true").await;
        page.eval(&format!("location.hash = '#{}/{number}'", room.id)).await;
        page.until(&says("There is no such message here.")).await;
        page.until(&message("three")).await;
    }
    let mut stranger = Visitor::log_in_at(&browser, server.address, "mallory", &format!("#{}/1", room.id)).await;
    stranger.tolerate("404 (Not Found)");
    stranger.until(&says("There is no such conversation, or you are not in it.")).await;
    stranger.until("location.hash === '' && all('message').length === 0").await;
}
