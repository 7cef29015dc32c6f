//! The page's layout. `docs/page.png` is made by
//!
//! ```sh
//! CHINWAG_PICTURES=target/pictures cargo nextest run -E 'test(looks)' && cp target/pictures/talk-desk-light.png docs/page.png
//! ```

use std::path::PathBuf;
use std::{env, fs};

use futures_util::StreamExt;
use serde_json::json;

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::{Conversation, PASSWORD, TestUser, post};
use crate::support::server::Server;

const SIZES: [(&str, u32, u32); 4] =
    [("desk", 1280, 800), ("tablet", 820, 1180), ("phone", 390, 844), ("small", 360, 640)];

async fn user(server: &Server, username: &str, name: &str) -> TestUser {
    let body = json!({"username": username, "name": name, "password": PASSWORD});
    post(server.address, "/v1/users/register", &body).await.expect(201);
    TestUser::login(server.address, username).await
}

/// Shows the page in every size and colour scheme: everything fits. Writes screenshots if they are configured.
pub(super) async fn look(page: &Visitor, view: &str) {
    for (size, width, height) in SIZES {
        for scheme in ["light", "dark"] {
            page.emulate(width, height, scheme).await;
            page.until(&format!("innerWidth === {width} && innerHeight === {height}")).await;
            let wide = page
                .eval("[...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.closest('.sr-only')
                    && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML)")
                .await;
            assert_eq!(wide, json!([]), "{view} on a {size}: too wide");
            let Some(folder) = env::var_os("CHINWAG_PICTURES") else { continue };
            let folder = PathBuf::from(folder);
            fs::create_dir_all(&folder).unwrap();
            page.screenshot(&folder.join(format!("{view}-{size}-{scheme}.png"))).await;
        }
    }
    page.emulate(1280, 800, "light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_a_desk_and_a_phone() {
    let server = Server::start().await;
    let maya = user(&server, "maya", "Maya Lindqvist").await;
    let tomas = user(&server, "tomas", "Tomás Herrera").await;
    let priya = user(&server, "priya", "Priya Raman").await;
    let jonas = user(&server, "jonas.b", "Jonas Bergmann").await;
    let ines = user(&server, "ines", "Inês Carvalho").await;
    let noor = user(&server, "noor_h", "Noor Haddad").await;

    let choir = noor.group("Thursday choir", &[&maya, &ines, &jonas]).await;
    noor.send(&choir, "We start at seven this week, the hall is taken before.").await;
    let mum = ines.direct(&maya).await;
    ines.send(&mum, "Found your scarf behind the sofa!").await;
    maya.send(&mum, "You are a hero. I will fetch it on Sunday.").await;
    let work = maya.group("Harbour exhibition", &[&tomas, &priya, &jonas]).await;
    let jonas_direct = jonas.direct(&maya).await;
    jonas.send(&jonas_direct, "Can I borrow the long ladder on Saturday?").await;
    jonas.send(&jonas_direct, "The short one is not even close.").await;
    let talk: [(&TestUser, &str); 11] = [
        (&tomas, "Morning! The printer has sent proofs of the big panels."),
        (&tomas, "Colours are lovely, but the map on panel 3 has lost its legend."),
        (&maya, "Oh no. Is it the file or the print?"),
        (&tomas, "The file, I am afraid. The layer was switched off when I exported it."),
        (&priya, "I can send them a new one before lunch. Which size was it again?"),
        (&maya, "1200 × 800 mm, with 5 mm bleed. The notes are at https://harbour.example/panels"),
        (&priya, "Perfect, on it."),
        (&jonas, "While you are there: the opening is on the 14th now, not the 12th. Could the poster say so too?"),
        (&maya, "Good catch, thank you!"),
        (&maya, "Then let us all look at the new proofs together tomorrow at ten, and I bring the cinnamon buns."),
        (&tomas, "Best meeting of the week."),
    ];
    for (user, text) in talk {
        user.send(&work, text).await;
    }
    let priya_direct = priya.direct(&maya).await;
    maya.send(&priya_direct, "Thank you for jumping in!").await;
    priya.send(&priya_direct, "Any time. New file is uploaded.").await;
    for user in [&tomas, &priya, &ines] {
        let mut socket = user.connect("/ws").await;
        // The reads answer the server's pings. Without that the connections end after a minute, and a busy machine may need longer.
        tokio::spawn(async move { while let Some(Ok(_)) = socket.stream.next().await {} });
    }

    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    look(&page, "login").await;
    page.click("one('auth-submit')").await;
    page.until("seen(document.getElementById('auth-username-error'))").await;
    look(&page, "login-refused").await;
    page.click("one('auth-switch')").await;
    look(&page, "register").await;
    drop(page);

    let page = Visitor::log_in(&browser, server.address, "maya").await;
    page.until("all('conversation-item').length === 5").await;
    look(&page, "list").await;
    page.open("Harbour exhibition").await;
    page.until("one('conversation-status').textContent === '3 of 4 online'").await;
    look(&page, "talk").await;

    // An edited and a deleted message, the buttons of the user's own message, and the composer during an edit.
    let history = maya.get(&work.messages).await.expect(200).json();
    let path = |index: usize| format!("{}/{}", work.messages, history["items"][index]["id"].as_str().unwrap());
    maya.patch(&path(5), &json!({"content": "1200 × 800 mm, with 5 mm bleed on all sides."})).await.expect(200);
    maya.delete(&path(8)).await.expect(204);
    priya.delete(&path(6)).await.expect(204);
    page.until("all('message').filter((row) => row.textContent.includes('This message was deleted')).length === 2")
        .await;
    page.eval(&format!("{}.focus()", message("cinnamon"))).await;
    page.until(&format!("seen({}.querySelector('[data-testid=more-message]'))", message("cinnamon"))).await;
    look(&page, "revise").await;
    page.choose("cinnamon", "edit").await;
    page.until("seen(one('editing-note'))").await;
    look(&page, "editing").await;
    page.press("Escape").await;

    page.click("one('members-open')").await;
    page.until("all('member-item').length === 4 && all('person-option').length > 0").await;
    look(&page, "members").await;
    page.press("Escape").await;

    page.click("one('new-conversation')").await;
    page.until("all('person-option').length === 5").await;
    page.pick("tom", "tomas").await;
    page.fill("one('people-search')", "").await;
    page.until("all('person-option').length === 5").await;
    look(&page, "new").await;
    page.press("Escape").await;

    // Long names, long words and long lists stay inside their boxes.
    let long = user(&server, "l".repeat(32).as_str(), &"Wolfeschlegelstein".repeat(3)).await;
    let name = "Babel".repeat(12);
    let tower: Conversation = long.group(&name, &[&maya]).await;
    // Both messages are shown before the click: a preview that changes between press and release cancels the click.
    let item = format!("one('conversation-item', '[data-title={name}]')");
    page.until(&format!("seen({item})")).await;
    long.send(&tower, &"x".repeat(2000)).await;
    long.send(&tower, "https://example.org/".repeat(20).as_str()).await;
    page.until(&format!("{item}.textContent.includes('https://example.org')")).await;
    page.open(&name).await;
    look(&page, "long").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_login_tells_the_promises_on_every_screen() {
    let server = Server::start().await;
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    for (_, width, height) in SIZES {
        page.emulate(width, height, "light").await;
        page.until(&format!("innerWidth === {width} && innerHeight === {height}")).await;
        page.until("[...document.querySelectorAll('.promises li')].filter((line) => seen(line)).length === 3").await;
        // The form is whole without scrolling.
        page.until("one('auth-submit').getBoundingClientRect().bottom <= innerHeight").await;
    }
}
