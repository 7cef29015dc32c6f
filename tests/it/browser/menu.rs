//! The menu of a message.

use super::visitor::{Visitor, menu_entry, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

const OPEN: &str = "document.querySelector('[role=menu]').matches(':popover-open')";
const CLOSED: &str = "!document.querySelector('[role=menu]').matches(':popover-open')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_menu_opens_by_keyboard_pointer_and_a_long_press() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    ada.send(&room, "hello").await;
    ada.send(&room, &"a long story ".repeat(900)).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;

    // Enter opens it at the focused row, arrow keys move in it, and Escape goes back to the row.
    page.eval(&format!("{}.focus()", message("hello"))).await;
    page.press("Enter").await;
    page.until(OPEN).await;
    page.until("document.activeElement.dataset.emoji === '👍'").await;
    page.press("ArrowRight").await;
    page.until("document.activeElement.dataset.emoji === '❤️'").await;
    page.press("ArrowUp").await;
    page.press("ArrowUp").await;
    page.until(&format!("document.activeElement === {}", menu_entry("delete"))).await;
    page.press("ArrowUp").await;
    page.until(&format!("document.activeElement === {}", menu_entry("edit"))).await;
    page.press("Escape").await;
    page.until(CLOSED).await;
    assert_eq!(page.eval(&format!("document.activeElement === {}", message("hello"))).await, true);
    page.press("Enter").await;
    page.until(OPEN).await;
    page.click("one('conversation-title')").await;
    page.until(CLOSED).await;

    // On a phone, and as wide as it is: the whole menu is on the screen, also at a text that is higher than it.
    page.emulate(320, 568, "light").await;
    page.until("innerWidth === 320").await;
    for text in ["hello", "a long story"] {
        page.touch(&format!("{}.querySelector('[data-testid=message-text]')", message(text))).await;
        page.until(OPEN).await;
        page.lift().await;
        assert_eq!(page.eval(OPEN).await, true, "the end of the press does not close it");
        let inside =
            "(({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight)
            (document.querySelector('[role=menu]').getBoundingClientRect())";
        assert_eq!(page.eval(inside).await, true, "{text}");
        page.click(&menu_entry("reply")).await;
        page.until(&format!("{CLOSED} && seen(one('reply-bar'))")).await;
        page.click("one('reply-drop')").await;
        page.until("!seen(one('reply-bar'))").await;
    }
}
