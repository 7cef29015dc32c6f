//! Reactions below messages.

use serde_json::json;

use super::visitor::{Visitor, menu_entry, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

/// Returns the expression for the reactions below a message: each as its emoji and count, and `mine`.
fn reactions_to(text: &str) -> String {
    format!(
        "[...{}.querySelectorAll('[data-testid=reaction]')].map((chip) => chip.textContent + (chip.ariaPressed === 'true' ? ' mine' : '')).join()",
        message(text)
    )
}

fn chip(emoji: &str, text: &str) -> String {
    format!("{}.querySelector('[data-testid=reaction][data-emoji=\"{emoji}\"]')", message(text))
}

fn quick(emoji: &str) -> String {
    format!("document.querySelector('[role=menu] [data-emoji=\"{emoji}\"]')")
}

async fn shows(page: &Visitor, text: &str, reactions: &str) {
    page.until(&format!("{} === {}", reactions_to(text), json!(reactions))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reactions_show_to_both_at_once_and_each_knows_their_own() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "lunch?").await;
    let browser = Browser::start().await;
    let (hers, theirs) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    theirs.open("Ada").await;
    for page in [&hers, &theirs] {
        page.sees(&["lunch?"]).await;
        page.eval(&format!("{}.isTheOldRow = true", message("lunch?"))).await;
    }
    // By the button beside the message, and by its menu.
    theirs.eval(&format!("{}.focus()", message("lunch?"))).await;
    theirs.click(&format!("{}.querySelector('[data-testid=react-message]')", message("lunch?"))).await;
    theirs.click(&quick("👍")).await;
    shows(&theirs, "lunch?", "👍1 mine").await;
    shows(&hers, "lunch?", "👍1").await;
    hers.eval(&format!("{}.focus()", message("lunch?"))).await;
    hers.press("Enter").await;
    hers.click(&quick("❤️")).await;
    shows(&hers, "lunch?", "👍1,❤️1 mine").await;
    shows(&theirs, "lunch?", "👍1 mine,❤️1").await;

    // A chip is a button that reacts too, and takes the reaction back. It keeps the focus when others react, and names who did.
    hers.click(&chip("👍", "lunch?")).await;
    shows(&hers, "lunch?", "👍2 mine,❤️1 mine").await;
    shows(&theirs, "lunch?", "👍2 mine,❤️1").await;
    hers.until(&format!(
        "['You and \\u2068Grace\\u2069', '\\u2068Grace\\u2069 and you'].includes({}.title)",
        chip("👍", "lunch?")
    ))
    .await;
    theirs.click(&chip("👍", "lunch?")).await;
    shows(&hers, "lunch?", "👍1 mine,❤️1 mine").await;
    shows(&theirs, "lunch?", "👍1,❤️1").await;
    assert_eq!(hers.eval(&format!("document.activeElement === {}", chip("👍", "lunch?"))).await, true);
    hers.until(&format!("{}.title === 'You'", chip("👍", "lunch?"))).await;
    hers.press("Enter").await;
    shows(&hers, "lunch?", "❤️1 mine").await;
    assert_eq!(hers.eval(&format!("document.activeElement === {}", message("lunch?"))).await, true, "its chip is gone");
    for page in [&hers, &theirs] {
        assert_eq!(page.eval(&format!("{}.isTheOldRow", message("lunch?"))).await, true);
        page.reload().await;
    }
    shows(&hers, "lunch?", "❤️1 mine").await;
    shows(&theirs, "lunch?", "❤️1").await;
    // A deleted message has none.
    hers.choose("lunch?", "delete").await;
    hers.click(&menu_entry("delete")).await;
    for page in [&hers, &theirs] {
        page.until(&format!("{} && all('reaction').length === 0", message("was deleted"))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_that_the_server_refuses_goes_again_and_is_said() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "lunch?").await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("403 (Forbidden)");
    page.open("Grace").await;
    page.sees(&["lunch?"]).await;
    grace.put(&format!("/v1/users/{}/block", ada.id)).await.expect(204);
    page.eval(&format!("{}.focus()", message("lunch?"))).await;
    page.press("Enter").await;
    page.click(&quick("🎉")).await;
    page.until("seen(document.getElementById('notice')) && all('reaction').length === 0").await;
}
