//! The markup of messages.

use serde_json::json;

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

/// The element with the text of a message.
fn text_of(text: &str) -> String {
    format!("{}.querySelector('[data-testid=message-text]')", message(text))
}

/// Returns the texts of the elements in a message that a selector finds.
async fn parts(page: &Visitor, text: &str, selector: &str) -> String {
    let parts = format!(
        "[...{}.querySelectorAll({})].map((node) => node.textContent).join('|')",
        text_of(text),
        json!(selector)
    );
    page.eval(&parts).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markup_is_shown_formatted_and_stays_as_it_was_written() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let (hers, theirs) = Visitor::ada_and_grace(&browser, server.address).await;
    hers.open("Grace").await;
    theirs.open("Ada").await;
    let inline = "inline: **bold**, *it* and _it_, ~~gone~~, `a*b*c`, snake_case, 2*3*4, <b>no</b>";
    hers.send(inline).await;
    theirs.until(&message("inline")).await;
    for page in [&hers, &theirs] {
        for (selector, expected) in [("strong", "bold"), ("em", "it|it"), ("s", "gone"), ("code", "a*b*c"), ("b", "")] {
            assert_eq!(parts(page, "inline", selector).await, expected, "{selector}");
        }
        let shown = "inline: bold, it and it, gone, a*b*c, snake_case, 2*3*4, <b>no</b>";
        assert_eq!(page.eval(&format!("{}.textContent", text_of("inline"))).await, shown);
    }
    // What is edited is what was written.
    hers.press("ArrowUp").await;
    hers.until(&format!("one('composer').value === {}", json!(inline))).await;
    hers.press("Escape").await;
    hers.until("one('composer').value === ''").await;

    let blocks =
        "> quoted\n> *words*\n```rust\nfn **a**() {\n    b();\n}\n```\n- one\n- two\n  - deeper\n\n3. third\n4. fourth";
    hers.send(blocks).await;
    theirs.until(&message("quoted")).await;
    for (selector, expected) in [
        ("blockquote", "quoted\nwords"),
        ("blockquote em", "words"),
        ("pre", "fn **a**() {\n    b();\n}"),
        ("ul ul li", "deeper"),
        ("ol.bullets > li", "third|fourth"),
    ] {
        assert_eq!(parts(&theirs, "quoted", selector).await, expected, "{selector}");
    }
    assert_eq!(
        theirs
            .eval("[...document.querySelectorAll('#messages ol.bullets > li')].map((item) => item.value).join()")
            .await,
        "3,4"
    );
    theirs.eval("void (navigator.clipboard.writeText = async (text) => { window.copied = text; })").await;
    theirs.click("one('copy-code')").await;
    theirs.until("window.copied === 'fn **a**() {\\n    b();\\n}' && one('copy-code').ariaLabel === 'Copied'").await;

    let history = ada.get(&room.messages).await.expect(200).json();
    let stored: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
    assert_eq!(stored, [inline, blocks]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_shows_where_it_leads() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for address in [
        "https://example.org/a_(b)?c=d",
        "https://раypal.example/login",
        "https://bank.example@evil.example/x",
        "https://evil.example\\@bank.example/",
        "javascript:alert(1)",
        "ftp://files.example/",
    ] {
        ada.send(&room, &format!("see {address}.")).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Ada").await;
    page.until("all('message').length === 6").await;
    let links = "[...document.querySelectorAll('#messages a')].map((a) => [a.textContent, a.href, a.rel, a.target])";
    let expected = [
        ("https://example.org/a_(b)?c=d", "https://example.org/a_(b)?c=d"),
        ("https://xn--ypal-43d9g.example/login", "https://xn--ypal-43d9g.example/login"),
        ("https://evil.example/x", "https://evil.example/x"),
        ("https://evil.example/@bank.example/", "https://evil.example/@bank.example/"),
    ];
    let expected: Vec<_> = expected.map(|(text, href)| json!([text, href, "noopener noreferrer", "_blank"])).into();
    assert_eq!(page.eval(links).await, json!(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_are_mentioned_are_marked() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let stranger = server.register("stranger").await;
    stranger.direct(&grace).await;
    let room = ada.group("Lunch", &[&grace]).await;
    ada.send(&room, "hello @Grace, @ada and @stranger, mail a@grace.example `@grace`").await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Lunch").await;
    page.until("all('mention').length === 2").await;
    let mentions = "all('mention').map((node) => [node.textContent, node.classList.contains('me')])";
    assert_eq!(page.eval(mentions).await, json!([["@Grace", true], ["@ada", false]]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_are_shown_at_once_and_in_their_place() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.open("Ada").await;
    let texts = ["*_[`".repeat(4096), "*a _b ~~c ".repeat(1638), "> - ".repeat(4096), "```\n".repeat(4096)];
    for (number, text) in texts.iter().enumerate() {
        ada.send(&room, text).await;
        page.until(&format!("all('message').length === {}", number + 1)).await;
    }
    let deepest = page
        .eval("Math.max(...[...document.querySelectorAll('#messages *')].map((node) => { let depth = 0; for (let at = node; at.id !== 'messages'; at = at.parentNode) depth += 1; return depth; }))")
        .await;
    assert!(deepest.as_u64().unwrap() < 40, "{deepest} elements deep");
    // Marks that are stacked on a letter are painted in the message's own place.
    let stacked = format!("Z{}", "\u{0300}".repeat(100));
    ada.send(&room, &stacked).await;
    page.until("all('message').length === 5").await;
    assert_eq!(page.eval("getComputedStyle(all('message-text')[4]).overflow").await, "clip");
}
