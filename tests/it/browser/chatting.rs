//! Two users chat.

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_chat() {
    let server = Server::start().await;
    for username in ["ada", "grace", "graham"] {
        server.register(username).await;
    }
    let browser = Browser::start().await;
    let (ada, grace) = Visitor::ada_and_grace(&browser, server.address).await;

    ada.click("one('new-conversation')").await;
    ada.fill("one('people-search')", "gra").await;
    ada.until("all('person-option').length === 2").await;
    assert_eq!(ada.eval("one('start-conversation').disabled").await, true, "no user is picked");
    ada.pick("grac", "grace").await;
    ada.click("one('start-conversation')").await;
    ada.is_at("Grace").await;
    grace.until("one('conversation-item', '[data-title=Ada]')").await;
    ada.until("one('conversation-status').textContent === 'online'").await;

    // The page shows text as text, even if it looks like HTML.
    let texts = [
        "<b>bold</b> & <img src=x onerror=\"document.title='taken'\">",
        "see https://example.org/a?b=c&d=(e), please",
        "javascript:alert(1) ${1 + 1} {{7*7}} \\n",
        "two\nlines",
        "שלום, مرحبا, 你好",
    ];
    for text in &texts[..3] {
        ada.send(text).await;
    }
    grace.until("one('conversation-item', '[data-title=Ada]').dataset.unread === '3'").await;
    assert_eq!(grace.eval("document.title").await, "(1) Chinwag");
    grace.open("Ada").await;
    grace.sees(&texts[..3]).await;
    grace
        .until("one('conversation-item', '[data-title=Ada]').dataset.unread === '0' && document.title === 'Chinwag'")
        .await;
    grace.until("one('conversation-status').textContent === 'online'").await;
    for text in &texts[3..] {
        grace.send(text).await;
    }
    for visitor in [&ada, &grace] {
        visitor.sees(&texts).await;
        assert_eq!(visitor.eval("all('message').map((row) => Number(row.dataset.seq)).join()").await, "1,2,3,4,5");
        assert_eq!(visitor.eval("document.querySelectorAll('#messages :is(b, img, script)').length").await, 0);
        assert_eq!(
            visitor.eval("[...document.querySelectorAll('#messages a')].map((a) => a.href + ' ' + a.rel).join()").await,
            "https://example.org/a?b=c&d=(e) noopener noreferrer"
        );
    }
    let mine = format!("{}.classList.contains('mine')", message("bold"));
    assert_eq!((ada.eval(&mine).await, grace.eval(&mine).await), (true.into(), false.into()));

    // A reload opens the same conversation.
    grace.reload().await;
    grace.is_at("Ada").await;
    grace.sees(&texts).await;

    grace.close().await;
    ada.until("one('conversation-status').textContent === 'last seen just now'").await;
    ada.send("bye").await;
    ada.until(&format!("{}.dataset.state === 'sent'", message("bye"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_is_told_once_for_each_conversation() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let names = ["Aviary", "Bindery", "Cellar"];
    let mut rooms = Vec::new();
    for name in names {
        rooms.push(ada.group(name, &[&grace]).await);
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    let mut device = grace.connect("/ws").await;
    for (room, name) in rooms.iter().zip(names) {
        for number in 1..=4 {
            ada.send(room, &format!("{name} {number}")).await;
        }
        page.until(&format!("one('conversation-item', '[data-title={name}]').dataset.unread === '4'")).await;
        page.open(name).await;
        page.until(&format!("one('conversation-item', '[data-title={name}]').dataset.unread === '0'")).await;
        // Another device is told when the page has told the server.
        assert_eq!(device.next_of(&["conversation.state"]).await["conversation_id"], room.id);
    }
    // The acknowledgement of this one proves that those before it are answered too.
    page.send("all read").await;
    page.until(&format!("{}.dataset.state === 'sent'", message("all read"))).await;
    let reads = page.frames_sent().iter().filter(|frame| frame.contains("message.read")).count();
    assert_eq!(reads, names.len(), "one for each conversation");
    assert_eq!(page.eval("seen(document.getElementById('notice'))").await, false);
    assert_eq!(page.eval("one('connection-state').textContent").await, "Connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_types_is_shown_until_they_stop() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let (ada, grace) = Visitor::ada_and_grace(&browser, server.address).await;
    ada.open("Grace").await;
    grace.open("Ada").await;
    grace.until("one('conversation-status').textContent === 'online'").await;
    // It ends when the text is taken away, and when it is sent.
    ada.fill("one('composer')", "Hel").await;
    grace.until("one('conversation-status').textContent === 'typing…'").await;
    ada.fill("one('composer')", "").await;
    grace.until("one('conversation-status').textContent === 'online'").await;
    grace.fill("one('composer')", "Hello").await;
    ada.until("one('conversation-status').textContent === 'typing…'").await;
    grace.send("Hello").await;
    ada.sees(&["Hello"]).await;
    ada.until("one('conversation-status').textContent === 'online'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let direct = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let (desk, phone) = tokio::join!(
        Visitor::log_in(&browser, server.address, "grace"),
        Visitor::log_in(&browser, server.address, "grace")
    );
    for number in 1..=3 {
        ada.send(&direct, &format!("number {number}")).await;
    }
    let unread = |count: usize| format!("one('conversation-item', '[data-title=Ada]').dataset.unread === '{count}'");
    desk.until(&unread(3)).await;
    phone.until(&unread(3)).await;
    phone.open("Ada").await;
    desk.until(&unread(0)).await;
    desk.until("document.title === 'Chinwag'").await;
    desk.reload().await;
    desk.until(&unread(0)).await;
    let stored = grace.get(&direct.path).await.expect(200).json();
    assert_eq!((stored["unread_count"].clone(), stored["read_seq"].clone()), (0.into(), 3.into()));
}
