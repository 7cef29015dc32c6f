//! No press is lost to what changes while it is under way, and what is found moves no button away from the pointer.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::server::Server;

const REMOVE: &str = "one('member-item', '[data-username=grace]').querySelector('[data-testid=member-remove]')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_between_the_halves_of_a_press_wait_for_its_end() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let alan = server.register("alan").await;
    let room = ada.group("Lunch", &[&grace, &alan]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.eval("load('page/page-client.js').then(({ client }) => { window.client = client; })").await;
    // The page has learned a role, whether it shows it or not.
    let knows = |role: &str| format!("client.people.roleOf('{}', '{}') === '{role}'", room.id, grace.id);
    let member = format!("{}/{}", room.members, grace.id);
    page.open("Lunch").await;
    page.click("one('members-open')").await;
    page.until("all('member-item').length === 3").await;

    // On another device Ada makes Grace an admin: her row gets other buttons, and another place.
    let place = page.hold_down(REMOVE).await;
    ada.patch(&member, &json!({"role": "admin"})).await.expect(200);
    page.until(&knows("admin")).await;
    page.let_go(&place).await;
    page.until("all('member-item').map((item) => item.dataset.username).join() === 'ada,grace,alan'").await;
    page.until(&format!("{REMOVE}.textContent === 'Sure?' && document.activeElement === {REMOVE}")).await;

    // The same by a key.
    page.until(&format!("!('pause' in {REMOVE}.dataset)")).await;
    page.key_down(" ").await;
    ada.patch(&member, &json!({"role": "member"})).await.expect(200);
    page.until(&knows("member")).await;
    page.key_up(" ").await;
    page.until("all('member-item').map((item) => item.dataset.username).join() === 'ada,alan'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_people_does_not_move_the_button_that_adds_them() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    for username in ["grace", "alan", "edsger", "barbara"] {
        server.register(username).await;
    }
    ada.group("Lunch", &[]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.click("one('members-open')").await;
    page.until("all('person-option').length === 4").await;
    page.click("one('person-option', '[data-username=alan]')").await;
    page.eval(
        "window.tops = new Set();
        new MutationObserver(() => tops.add(one('add-people').getBoundingClientRect().top))
            .observe(document.getElementById('add-picker'), { childList: true, subtree: true, attributes: true, characterData: true });",
    )
    .await;
    page.fill("one('add-search')", "nobody").await;
    page.until("document.querySelector('#add-picker .list-note')?.textContent === 'Nobody is called “nobody”.'").await;
    page.fill("one('add-search')", "a").await;
    page.until("all('person-option').length === 1").await;
    assert_eq!(page.eval("tops.size").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_stays_as_long_as_the_user_is_at_it() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.group("Lunch", &[&grace]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Lunch").await;
    page.click("one('members-open')").await;
    // The four seconds after which a question that nobody is at ends.
    page.eval(
        "window.ends = 0;
        const { setTimeout: wait } = window;
        window.setTimeout = (work, ms, ...more) => (ms === 4_000 ? wait(() => { work(); ends += 1; }, 100) : wait(work, ms, ...more));",
    )
    .await;
    page.click(REMOVE).await;
    page.until("ends > 1").await;
    assert_eq!(page.eval(&format!("{REMOVE}.textContent")).await, "Sure?");
    page.click("one('rename')").await;
    page.until(&format!("{REMOVE}.textContent === 'Remove'")).await;
}
