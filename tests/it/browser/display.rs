//! The page with other fonts, colours and media, and with hostile names.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::PASSWORD;
use crate::support::server::Server;

/// The elements whose right end is cut off by the window.
const WIDE: &str =
    "[...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.closest('.sr-only')
    && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML)";

/// The elements with a text of one line that are lower than the letters of their font.
const CUT: &str = "[...document.querySelectorAll('body *')].filter((node) => {
    const style = getComputedStyle(node);
    const isText = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!isText || !node.checkVisibility() || node.closest('.sr-only, textarea') || style.overflowY === 'visible') return false;
    const pen = document.createElement('canvas').getContext('2d');
    pen.font = style.font;
    const { fontBoundingBoxAscent, fontBoundingBoxDescent } = pen.measureText('gjpqy');
    return node.clientHeight + 0.5 < fontBoundingBoxAscent + fontBoundingBoxDescent;
}).map((node) => node.outerHTML)";

async fn room_of_two(server: &Server) {
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    grace.patch("/v1/users/me", &json!({"name": "gjpqy Hopper"})).await.expect(200);
    let room = ada.group("gypsy jumpers", &[&grace]).await;
    grace.send(&room, "a quick message, with gjpqy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_with_a_large_font_gets_large_letters() {
    let server = Server::start().await;
    room_of_two(&server).await;
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    let root = "getComputedStyle(document.documentElement).fontSize";
    assert_eq!(page.eval(root).await, "15.5px");
    page.set_font_size(32).await;
    page.until(&format!("{root} === '31px'")).await;
    page.until("Number.parseFloat(getComputedStyle(one('auth-username')).fontSize) >= 31").await;
    assert_eq!(page.eval(WIDE).await, json!([]), "the login");
    page.fill("one('auth-username')", "ada").await;
    page.fill("one('auth-password')", PASSWORD).await;
    page.press("Enter").await;
    page.is_connected().await;
    page.open("gypsy jumpers").await;
    for (width, height) in [(1280, 800), (1024, 768), (390, 844)] {
        page.emulate(width, height, "light").await;
        page.until(&format!("innerWidth === {width}")).await;
        assert_eq!(page.eval(WIDE).await, json!([]), "the conversation at {width}");
        let apart = "(({ right }, { left }) => right <= left)(...['.message > .avatar', '.bubble'].map((part) => document.querySelector(part).getBoundingClientRect()))";
        page.until(apart).await;
        page.click("one('members-open')").await;
        page.until("all('member-item').length === 2").await;
        assert_eq!(page.eval(WIDE).await, json!([]), "the members at {width}");
        page.press("Escape").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tails_of_letters_are_not_cut_off() {
    let server = Server::start().await;
    room_of_two(&server).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.until("all('conversation-item').length === 1").await;
    assert_eq!(page.eval(CUT).await, json!([]), "the list");
    page.open("gypsy jumpers").await;
    page.until("all('message').length > 0").await;
    assert_eq!(page.eval(CUT).await, json!([]), "the conversation");
    page.click("one('members-open')").await;
    page.until("all('member-item').length === 2").await;
    assert_eq!(page.eval(CUT).await, json!([]), "the members");
    page.press("Escape").await;
    page.click("one('new-conversation')").await;
    page.until("all('person-option').length === 1").await;
    page.click("one('person-option')").await;
    assert_eq!(page.eval(CUT).await, json!([]), "a new conversation");
    page.press("Escape").await;
    page.click("one('search-open')").await;
    page.fill("one('search')", "gjpqy").await;
    page.until("one('search-message') && one('search-person')").await;
    assert_eq!(page.eval(CUT).await, json!([]), "the search");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forced_colours_hide_nothing() {
    let server = Server::start().await;
    room_of_two(&server).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("gypsy jumpers").await;
    page.emulate_feature("forced-colors", "active").await;
    page.until("matchMedia('(forced-colors: active)').matches").await;
    let style =
        |element: &str, pseudo: &str, property: &str| format!("getComputedStyle({element}, '{pseudo}').{property}");
    // What is selected, pressable or online differs by more than a background.
    let current = "one('conversation-item', '[aria-current]')";
    page.until(&format!("{} === 'solid'", style(current, "", "outlineStyle"))).await;
    page.until(&format!("{} === 'solid'", style("one('new-conversation')", "", "borderTopStyle"))).await;
    page.until(&format!("{} === 'solid'", style("document.querySelector('.bubble')", "", "borderTopStyle"))).await;
    page.click("one('members-open')").await;
    let face = "one('member-item', '[data-username=ada]').querySelector('.avatar')";
    page.until(&format!(
        "{0} !== 'rgba(0, 0, 0, 0)' && {0} !== {1}",
        style(face, "::after", "backgroundColor"),
        style("one('member-item')", "", "backgroundColor")
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_paper_is_the_conversation_alone() {
    let server = Server::start().await;
    room_of_two(&server).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("gypsy jumpers").await;
    page.until("all('message').length > 0").await;
    page.emulate_print().await;
    page.until("seen(one('message-text')) && seen(one('conversation-title'))").await;
    for hidden in ["composer", "search-open", "members-open", "connection-state", "conversation-item"] {
        page.until(&format!("!seen(one('{hidden}'))")).await;
    }
    // Nothing scrolls on paper.
    page.until("['html', 'body', '#chat', '#scroller'].every((part) => getComputedStyle(document.querySelector(part)).overflowY === 'visible')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_have_small_initials() {
    let server = Server::start().await;
    let zalgo = "Z\u{337}\u{322}\u{31b}\u{356}\u{331}\u{308} Q\u{336}\u{35b}uux";
    let names = [
        ("Ada Lovelace", "AL"),
        ("ada", "A"),
        ("(Ada) \"Countess\" [Lovelace]", "AL"),
        (zalgo, "Z\u{337}Q\u{336}"),
        ("👩‍👧‍👦 Egbert", "👩‍👧‍👦E"),
        ("🇩🇪 Team", "🇩🇪T"),
        ("ß ﬁ", "SF"),
        ("E\u{301}lodie", "\u{c9}"),
        ("محمد علي", "مع"),
        ("...", "."),
        ("7 of 9", "79"),
    ];
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    let texts: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let initials = page
        .eval(&format!("load('page/initials.js').then(({{ initialsOf }}) => {}.map(initialsOf))", json!(texts)))
        .await;
    assert_eq!(initials, json!(names.map(|(_, initials)| initials)));

    // A sign that is wider than the picture stays inside it.
    let ada = server.register("ada").await;
    for name in ["﷽ ﷽", zalgo, "𒐫 𒐫"] {
        ada.group(name, &[]).await;
    }
    drop(page);
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.until("all('conversation-item').length === 3").await;
    page.until(
        "[...document.querySelectorAll('.item .avatar')].every((face) => {
            const [outer, inner] = [face, face.firstChild].map((node) => node.getBoundingClientRect());
            return inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom
                && getComputedStyle(face.firstChild).overflow === 'hidden';
        })",
    )
    .await;
}
