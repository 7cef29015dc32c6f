//! Desktop notifications, sounds, and the bell that chooses them.

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::server::Server;

/// Notes the notifications that a page shows and the tones that it plays.
const NOTE: &str = "
    const shown = ServiceWorkerRegistration.prototype.showNotification;
    window.notified = [];
    ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
        window.notified.push(`${title}: ${options.body}`);
        return shown.call(this, title, options);
    };
    const tone = AudioContext.prototype.createOscillator;
    window.tones = 0;
    AudioContext.prototype.createOscillator = function () {
        window.tones += 1;
        return tone.call(this);
    };";

/// Waits until exactly these notifications are on the screen. They are looked for as the page does it, because Chromium loses one that is shown meanwhile.
async fn shows(page: &Visitor, expected: &[&str]) {
    let look = "(window.looking ??= load('page/on-screen.js').then(({ listNotifications }) => listNotifications()).then((all) => {
        window.onScreen = JSON.stringify(all.map(({ title, body }) => `${title}: ${body}`).sort());
        window.looking = null;
    }))";
    page.until(&format!("{look} && window.onScreen === {:?}", json!(expected).to_string())).await;
}

async fn allowed(page: &Visitor) {
    page.permit_notifications("granted").await;
    page.eval("navigator.serviceWorker.ready.then(() => {})").await;
    page.run_statements(NOTE).await;
}

async fn notified(page: &Visitor) -> Value {
    page.eval("window.notified").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_all_tabs_one_notifies_of_what_nobody_has_seen() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (room, choir) = (ada.direct(&grace).await, grace.group("Choir", &[&ada]).await);
    let browser = Browser::start().await;
    let first = Visitor::log_in(&browser, server.address, "ada").await;
    let second = first.open_tab().await;
    second.is_connected().await;
    for page in [&first, &second] {
        allowed(page).await;
    }

    grace.send(&room, "hello").await;
    shows(&first, &["Grace: hello"]).await;
    grace.send(&room, "a <b>bold</b>\n\nguess").await;
    shows(&first, &["Grace: a <b>bold</b> guess"]).await;
    grace.send(&choir, "la").await;
    shows(&first, &["Choir: Grace: la", "Grace: a <b>bold</b> guess"]).await;
    assert_eq!(notified(&first).await, json!(["Grace: hello", "Grace: a <b>bold</b> guess", "Choir: Grace: la"]));
    assert_eq!(notified(&second).await, json!([]));
    assert!(first.eval("window.tones").await.as_u64() > Some(0), "the tab in which the user has typed plays a sound");
    assert_eq!(second.eval("window.tones").await, 0);

    // What is read on another device is seen.
    ada.put_json(&format!("/v1/conversations/{}/read", room.id), &json!({"seq": 2})).await.expect(204);
    shows(&first, &["Choir: Grace: la"]).await;

    // Clicked, it opens the conversation, and what is in view there needs no notification.
    let open =
        format!("openConversation({{ conversationId: {:?}, userId: {:?} }}).catch(() => {{}})", choir.id, ada.id);
    first.eval_in_worker(&open).await;
    let title = "document.getElementById('conversation-title').textContent === 'Choir'";
    let opened = async || {
        if first.eval(title).await == true {
            Some(&first)
        } else {
            (second.eval(title).await == true).then_some(&second)
        }
    };
    let page = loop {
        if let Some(page) = opened().await {
            break page;
        }
        first.until("true").await;
    };
    page.sees(&["la"]).await;
    shows(&first, &[]).await;
    grace.send(&choir, "lala").await;
    grace.send(&room, "psst").await;
    shows(&first, &["Grace: psst"]).await;
    assert_eq!(notified(&first).await.as_array().unwrap()[3..], [json!("Grace: psst")]);

    // When the tab that notifies closes, another does it. A logout leaves nothing on the screen.
    first.close().await;
    let waits = "navigator.locks.query().then(({ pending }) => { window.waits = pending.some(({ name }) => name.startsWith('chinwag.notifier.')); })";
    second.until(&format!("{waits} && window.waits === false")).await;
    grace.send(&room, "still there?").await;
    shows(&second, &["Grace: still there?"]).await;
    second.click("one('me-menu')").await;
    second.click("one('logout')").await;
    second.until("seen(one('auth-submit'))").await;
    shows(&second, &[]).await;
    assert_eq!(second.eval("localStorage.length + sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_says_and_sets_what_notifies_on_all_devices() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let choir = grace.group("Choir", &[&ada]).await;
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    let device = Visitor::log_in(&browser, server.address, "ada").await;
    allowed(&page).await;
    let bell_says = async |page: &Visitor, words: &str| {
        page.until(&format!("one('bell').ariaLabel.startsWith({:?})", format!("Notifications: {words}"))).await;
    };

    page.open("Choir").await;
    device.open("Choir").await;
    bell_says(&page, "All messages").await;
    page.click("one('bell')").await;
    page.click("one('bell-none')").await;
    bell_says(&page, "Nothing").await;
    bell_says(&device, "Nothing").await;
    page.click("one('bell-level-hour')").await;
    bell_says(&page, "Nothing until ").await;
    let stored = ada.get(&format!("/v1/conversations/{}", choir.id)).await.expect(200).json();
    assert_eq!(stored["notifications"]["level"], "none");
    assert!(stored["notifications"]["until"].is_string(), "{stored}");

    // The other device, and this one, follow a choice that is made elsewhere.
    let levels = format!("/v1/conversations/{}/notifications", choir.id);
    ada.put_json(&levels, &json!({"level": "mentions"})).await.expect(204);
    for page in [&page, &device] {
        bell_says(page, "Mentions of me").await;
    }

    // Not to be disturbed means no conversation at all.
    page.open("Grace").await;
    page.until("document.getElementById('bell').open === false").await;
    page.click("one('bell')").await;
    page.click("one('bell-quiet-hour')").await;
    bell_says(&page, "All messages, do not disturb").await;
    bell_says(&device, "Mentions of me, do not disturb").await;
    let me = ada.get("/v1/users/me").await.expect(200).json();
    assert!(me["settings"]["do_not_disturb_until"].is_string(), "{me}");
    ada.patch("/v1/users/me", &json!({"settings": {"do_not_disturb_until": null}})).await.expect(200);
    page.until("one('bell').ariaLabel === 'Notifications: All messages'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_works_by_keyboard_and_asks_for_permission_at_a_click() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    grace.group("Choir", &[&ada]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.permit_notifications("prompt").await;
    page.run_statements(
        "window.asked = 0; Notification.requestPermission = async () => { window.asked += 1; return 'default'; };",
    )
    .await;
    page.open("Choir").await;
    for (width, height) in [(320, 568), (1440, 900)] {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, scheme).await;
            page.until(&format!("innerWidth === {width}")).await;
            page.eval("one('bell').focus()").await;
            page.press("Enter").await;
            page.until("seen(one('bell-allow'))").await;
            let outside = page
                .eval(
                    "[...document.querySelectorAll('#bell-menu *')].filter((node) => {
                    const { left, right } = node.getBoundingClientRect();
                    return left < 0 || right > innerWidth;
                }).length",
                )
                .await;
            assert_eq!(outside, 0, "{width}");
            page.press("Escape").await;
            page.until("!seen(one('bell-allow')) && document.activeElement === one('bell')").await;
        }
    }
    assert_eq!(page.eval("window.asked").await, 0);
    page.click("one('bell')").await;
    page.click("one('bell-allow')").await;
    page.until("window.asked === 1").await;
}
