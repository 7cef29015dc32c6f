//! Answers to messages, which quote them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::looks::look;
use super::visitor::{Visitor, menu_entry, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

fn quote_in(text: &str) -> String {
    format!("{}.querySelector('[data-testid=quote]')", message(text))
}

async fn quotes(page: &Visitor, text: &str, sender: &str, quoted: &str) {
    let parts = ["name", "text"].map(|part| format!("{}?.querySelector('.quote-{part}').textContent", quote_in(text)));
    page.until(&format!("{} === {} && {} === {}", parts[0], json!(sender), parts[1], json!(quoted))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_shows_what_it_answers_as_that_is_now() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let original = ada.send(&room, "At noon\nor at one?").await;
    let browser = Browser::start().await;
    let (hers, theirs) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    theirs.open("Ada").await;
    theirs.choose("At noon", "reply").await;
    theirs.until("seen(one('reply-bar')) && one('reply-bar').textContent.includes('At noon or at one?')").await;
    theirs.until("document.activeElement === one('composer')").await;
    // What is answered belongs to the draft.
    theirs.fill("one('composer')", "At one").await;
    theirs.reload().await;
    theirs.until("seen(one('reply-bar')) && one('composer').value === 'At one'").await;
    theirs.click("one('composer')").await;
    theirs.press("Enter").await;
    theirs.until("!seen(one('reply-bar')) && one('composer').value === ''").await;
    for page in [&hers, &theirs] {
        let sender = "Ada";
        quotes(page, "At one", sender, "At noon or at one?").await;
    }
    // The next one is no answer, and an answer can be given up.
    theirs.choose("At noon", "reply").await;
    theirs.click("one('reply-drop')").await;
    theirs.until("!seen(one('reply-bar')) && document.activeElement === one('composer')").await;
    theirs.send("by the way").await;
    hers.until(&message("by the way")).await;
    assert_eq!(hers.eval(&format!("{} ?? null", quote_in("by the way"))).await, json!(null));

    let path = format!("{}/{}", room.messages, original["id"].as_str().unwrap());
    ada.patch(&path, &json!({"content": "At two"})).await.expect(200);
    for page in [&hers, &theirs] {
        quotes(page, "At one", "Ada", "At two").await;
    }
    hers.choose("At two", "delete").await;
    hers.click(&menu_entry("delete")).await;
    for page in [&hers, &theirs] {
        quotes(page, "At one", "Ada", "This message was deleted").await;
    }
    for page in [&hers, &theirs] {
        page.reload().await;
        quotes(page, "At one", "Ada", "This message was deleted").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes_pins_and_reactions_of_any_text_stay_in_their_boxes() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let name = json!({"name": "محمد Wolfeschlegelsteinhausenbergerdorffwelchevoraltern"});
    grace.patch("/v1/users/me", &name).await.expect(200);
    let texts =
        ["x".repeat(12_000), "<img src=x onerror=alert(1)>".into(), "\u{202e}أهلا بالعالم".into(), "🦀".repeat(300)];
    for (index, text) in texts.iter().enumerate() {
        let quoted = grace.send(&room, text).await;
        let answer = json!({"content": format!("answer {index}"), "reply_to": quoted["id"]});
        ada.post(&room.messages, &answer).await.expect(201);
        let path = format!("{}/{}", room.messages, quoted["id"].as_str().unwrap());
        ada.put(&format!("{path}/pin")).await.expect(204);
    }
    // As many kinds as a message takes.
    let last = grace.send(&room, "many").await;
    for emoji in "👍 ❤ 😂 🎉 😮 😢 🙏 🔥 👀 🚀 💯 ✅ ❌ ⭐ 🍕 🐙 🌈 ⚡ 🎈 🥳".split(' ')
    {
        let emoji = utf8_percent_encode(emoji, NON_ALPHANUMERIC);
        // A member has few kinds alone.
        for user in [&ada, &grace] {
            let path = format!("{}/{}/reactions/{emoji}", room.messages, last["id"].as_str().unwrap());
            user.put(&path).await.expect(204);
        }
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.click("one('conversation-item')").await;
    page.until(&format!(
        "all('quote').length === {} && all('reaction').length === 20 && seen(one('pins-open'))",
        texts.len()
    ))
    .await;
    look(&page, "answers").await;
    assert_eq!(page.eval("all('quote').filter((quote) => quote.getBoundingClientRect().height > 120).length").await, 0);
    assert_eq!(
        page.eval(&format!("{}.querySelector('.quote-text').textContent.length", quote_in("answer 3"))).await,
        400
    );
    assert_eq!(page.eval("document.querySelectorAll('#messages img').length").await, 0);
    page.click("one('pins-open')").await;
    page.until(&format!("all('pin').length === {}", texts.len())).await;
    look(&page, "pins").await;
}
