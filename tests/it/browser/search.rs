//! The search over conversations, people and messages.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::{Conversation, PASSWORD, TestUser, post};
use crate::support::server::Server;

const NO_LIMITS: &[&str] = &["--rate-limits=off"]; // the tests ask until the index has a message

const SELECTED: &str = "document.querySelector('[role=option][aria-selected=true]')";

impl Visitor {
    async fn search(&self, words: &str) {
        self.press_with_ctrl('k').await;
        self.until("seen(one('search')) && document.activeElement === one('search')").await;
        self.fill("one('search')", words).await;
    }

    async fn search_says(&self, words: &str) {
        self.until(&format!("one('search-state').textContent === {}", json!(words))).await;
    }
}

/// Sends a message, and waits until a search finds it.
async fn indexed(user: &TestUser, room: &Conversation, content: &str, word: &str) -> u64 {
    let seq = user.send(room, content).await["seq"].as_u64().unwrap();
    loop {
        let found = user.get(&format!("/v1/search?q={word}")).await.expect(200).json();
        if found["items"].as_array().unwrap().iter().any(|item| item["message"]["seq"] == seq) {
            return seq;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_people_and_messages_are_found_by_keyboard() {
    let server = Server::with(NO_LIMITS).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    grace.patch("/v1/users/me", &json!({"name": "Grace Hopper"})).await.expect(200);
    server.register("lunchbox").await;
    let club = ada.group("Tuesday lunch", &[&grace]).await;
    let room = ada.direct(&grace).await;
    grace.send(&club, "nothing to see").await;
    let seq = indexed(&grace, &room, "🦊 Élan: a Lunch, and more of lunch <b>", "lunch").await;

    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.until("all('conversation-item').length === 2").await;
    page.search("lunch").await;
    page.search_says("1 conversation, 1 person, 1 message found.").await;
    page.until(&format!("{SELECTED}.textContent.endsWith('Tuesday lunch')")).await;
    page.until("one('search-person').textContent.includes('@lunchbox')").await;
    page.until(
        "[...one('search-message').querySelectorAll('mark')].map((mark) => mark.textContent).join() === 'Lunch,lunch'",
    )
    .await;
    page.until("one('search-message').querySelector('.found-excerpt').textContent === '🦊 Élan: a Lunch, and more of lunch <b>'").await;
    page.until("one('search-message').textContent.startsWith('Grace Hopper in Grace Hopper')").await;
    // The box keeps the focus and names what is selected, which turns around at both ends.
    for (key, testid) in [
        ("ArrowDown", "search-person"),
        ("ArrowDown", "search-message"),
        ("ArrowDown", "search-conversation"),
        ("ArrowUp", "search-message"),
    ] {
        page.press(key).await;
        page.until(&format!("{SELECTED}.dataset.testid === '{testid}' && one('search').getAttribute('aria-activedescendant') === {SELECTED}.id")).await;
    }
    assert_eq!(page.eval("document.activeElement === one('search')").await, true);
    // The link of a message names its conversation and its number.
    page.eval(
        "addEventListener('hashchange', ({ newURL }) => { window.linked = new URL(newURL).hash; }, { once: true })",
    )
    .await;
    page.press("Enter").await;
    page.is_at("Grace Hopper").await;
    page.until(&format!("window.linked === '#{}/{seq}' && !seen(one('search'))", room.id)).await;

    // A conversation, by the beginnings of its words in any order.
    page.search("LUN tu").await;
    page.until(&format!("{SELECTED}?.textContent.endsWith('Tuesday lunch')")).await;
    page.press("Enter").await;
    page.is_at("Tuesday lunch").await;
    // A person, by the second name: the conversation that exists. And one with whom there is none.
    page.search("hopper").await;
    page.search_says("1 conversation, 1 person found.").await;
    page.click("one('search-person')").await;
    page.is_at("Grace Hopper").await;
    page.search("@lunchbox").await;
    page.until(&format!("{SELECTED}?.dataset.testid === 'search-person'")).await;
    page.press("Enter").await;
    page.is_at("Lunchbox").await;
    // Without words: the recent conversations, and Enter opens one of them.
    page.click("one('search-open')").await;
    page.until("all('search-conversation').length === 3 && document.querySelector('.found-heading').textContent === 'Recent conversations'").await;
    page.press("Escape").await;
    page.until("!seen(one('search')) && document.activeElement === one('search-open')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enter_waits_for_what_was_typed() {
    let server = Server::with(NO_LIMITS).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    server.register("alan").await;
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.search("a").await;
    page.until("all('search-person').length === 1").await;
    page.fill("one('search')", "grace").await;
    page.press("Enter").await;
    page.is_at("Grace").await;
    page.search("alan").await;
    page.press("Enter").await;
    page.is_at("Alan").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_pages_and_refusals() {
    let server = Server::with(NO_LIMITS).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (club, room) = (ada.group("Lunch \"club\"", &[&grace]).await, ada.direct(&grace).await);
    for number in 0..44 {
        ada.send(&club, &format!("soup number {number}")).await;
    }
    indexed(&grace, &room, "soup from Grace", "soup%20from:grace").await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 4"); // the refusals
    page.open("Grace").await;

    // More by the cursor, by key and by click, until the end.
    page.search("soup").await;
    page.search_says("20 messages found.").await;
    page.until("one('search-more').textContent === 'Show more messages'").await;
    page.press("ArrowUp").await;
    page.until(&format!("{SELECTED} === one('search-more')")).await;
    page.press("Enter").await;
    page.search_says("40 messages found.").await;
    page.click("one('search-more')").await;
    page.search_says("45 messages found.").await;
    page.until("!one('search-more') && all('search-message').length === 45").await;
    let distinct = "new Set(all('search-message').map((option) => option.id)).size";
    assert_eq!(page.eval(distinct).await, 45);

    // The hints write the filters; with one of them only messages are searched.
    page.click("one('search-hint', '[data-hint=\"in:\"]')").await;
    page.until("one('search').value === 'soup in:@grace ' && document.activeElement === one('search')").await;
    page.search_says("1 message found.").await;
    page.fill("one('search')", "soup").await;
    page.click("one('search-hint', '[data-hint=\"after:\"]')").await;
    page.until("/^soup after:\\d{4}-\\d\\d-\\d\\d$/.test(one('search').value)").await;
    page.search_says("20 messages found.").await;
    page.fill("one('search')", "from:@grace").await;
    page.search_says("1 message found.").await;
    page.fill("one('search')", "xylophone").await;
    page.search_says("Nothing found for “xylophone”.").await;

    // What cannot be searched for is said in words, and so is a wait.
    page.fill("one('search')", "soup before:yesterday").await;
    page.until("one('search-state').textContent.startsWith('`before:` takes a day')").await;
    page.fill("one('search')", "!?").await;
    page.search_says("The search has no letter or digit to search for, and no filter.").await;
    page.fill("one('search')", "soup").await;
    page.search_says("20 messages found.").await;

    // In a group whose name has quotation marks, the filter takes the id.
    page.press("Escape").await;
    page.click(&format!("one('conversation-item', '[data-id=\"{}\"]')", club.id)).await;
    page.is_at("Lunch \"club\"").await;
    page.press_with_ctrl('k').await;
    page.click("one('search-hint', '[data-hint=\"in:\"]')").await;
    page.until(&format!("one('search').value === 'in:{} '", club.id)).await;
    page.search_says("20 messages found.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_conversation_and_hostile_names_are_shown_as_they_are() {
    let server = Server::with(NO_LIMITS).await;
    let ada = server.register("ada").await;
    let name = "<img src=x onerror=alert(1)> ﷽";
    let body = json!({"username": "mallory", "name": name, "password": PASSWORD});
    post(server.address, "/v1/users/register", &body).await.expect(201);
    let mallory = TestUser::login(server.address, "mallory").await;
    mallory.patch("/v1/users/me", &json!({"settings": {"contact_from": "nobody"}})).await.expect(200);
    let room = ada.group(&"W".repeat(100), &[]).await;
    let word = "w".repeat(3000);
    indexed(&ada, &room, &format!("start {word}"), "start").await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 403"); // the refusal
    page.search("img").await;
    page.until(&format!("one('search-person')?.querySelector('.found-name').textContent === {}", json!(name))).await;
    page.press("Enter").await;
    page.search_says("This user does not accept this.").await;
    page.until("seen(one('search'))").await;
    page.emulate(320, 568, "dark").await;
    page.fill("one('search')", "start").await;
    page.search_says("1 message found.").await;
    let wide = page.eval("[...document.querySelectorAll('#search-dialog *')].filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1).length").await;
    assert_eq!(wide, 0);
}
