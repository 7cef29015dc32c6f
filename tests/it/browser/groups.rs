//! Groups and their members.

use serde_json::json;

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_started_talks_and_changes() {
    let server = Server::start().await;
    for username in ["ada", "grace", "alan"] {
        server.register(username).await;
    }
    let browser = Browser::start().await;
    let (ada, alan) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in(&browser, server.address, "alan")
    );

    ada.click("one('new-conversation')").await;
    ada.pick("grace", "grace").await;
    ada.pick("alan", "alan").await;
    ada.fill("one('group-name')", "Lunch <club>").await;
    ada.click("one('start-conversation')").await;
    ada.is_at("Lunch <club>").await;
    ada.until("one('conversation-status').textContent === '2 of 3 online'").await;

    alan.open("Lunch <club>").await;
    ada.send("Soup today?").await;
    alan.sees(&["Soup today?"]).await;
    alan.until("document.querySelector('.sender').textContent === 'Ada'").await;
    alan.send("Yes, with bread.").await;
    ada.sees(&["Soup today?", "Yes, with bread."]).await;

    // The page offers no action that the user's role forbids.
    alan.click("one('members-open')").await;
    alan.until("all('member-item').map((item) => item.dataset.username + ' ' + item.dataset.role).join() === 'ada owner,alan member,grace member'").await;
    assert_eq!(alan.eval("all('member-remove').length + Number(seen(one('rename')))").await, 0);
    alan.press("Escape").await;
    alan.until("!one('member-item')").await;

    ada.click("one('members-open')").await;
    ada.fill("one('rename')", "Soup club").await;
    ada.click("one('rename-save')").await;
    alan.is_at("Soup club").await;
    alan.until(&format!("{}.classList.contains('system')", message("Soup club"))).await;

    // A draft is not sent to a group that the user has left.
    alan.fill("one('composer')", "half a sent").await;
    ada.click("one('member-item', '[data-username=alan]').querySelector('[data-testid=member-remove]')").await;
    ada.click("one('member-item', '[data-username=alan]').querySelector('[data-testid=member-remove]')").await;
    ada.until("all('member-item').length === 2").await;
    alan.until("!one('conversation-item') && !seen(one('composer')) && seen(document.getElementById('notice'))").await;
    ada.press("Escape").await;
    ada.until(&message("removed Alan")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_shown_with_the_name_of_whoever_refuses() {
    let server = Server::start().await;
    for username in ["ada", "grace"] {
        server.register(username).await;
    }
    let alan = server.register("alan").await;
    alan.patch("/v1/users/me", &json!({"settings": {"contact_from": "nobody"}})).await.expect(200);
    let browser = Browser::start().await;
    let mut ada = Visitor::log_in(&browser, server.address, "ada").await;
    ada.tolerate("the server responded with a status of 403"); // the refusals

    // In a direct conversation.
    ada.click("one('new-conversation')").await;
    ada.pick("alan", "alan").await;
    ada.click("one('start-conversation')").await;
    ada.until("document.getElementById('start-error').textContent === 'This user does not accept this.'").await;
    // In a new group.
    ada.pick("grace", "grace").await;
    ada.fill("one('group-name')", "Lunch").await;
    ada.click("one('start-conversation')").await;
    ada.is_at("Lunch").await;
    let notice = "document.getElementById('notice')";
    ada.until(&format!("{notice}.textContent === 'Not in the group, because they do not accept it: Alan.'")).await;
    ada.until(&format!("{notice}.querySelector('bdi').textContent === 'Alan'")).await;
    // In a group that exists.
    ada.click("one('members-open')").await;
    ada.until("all('member-item').length === 2").await;
    ada.fill("one('add-search')", "alan").await;
    ada.click("document.querySelector('#members-dialog .option[data-username=alan]')").await;
    ada.click("one('add-people')").await;
    ada.until("document.getElementById('members-error').textContent === 'Alan: This user does not accept this.'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_never_read_as_a_sentence_of_the_server() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    grace.patch("/v1/users/me", &json!({"name": "Ada removed Alan"})).await.expect(200);
    let room = ada.group("Lunch", &[&grace]).await;
    grace.direct(&ada).await; // so that Ada, whom she knows, can add her again
    grace.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    ada.post(&room.members, &json!({"user_id": grace.id})).await.expect(201);

    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    let words = "[...document.querySelectorAll('.item-preview')].map((words) => words.innerHTML)[0]";
    let preview = r#"<bdi class="name">Ada</bdi> added <bdi class="name">Ada removed Alan</bdi>"#;
    page.until(&format!("{words} === {}", json!(preview))).await;
    page.open("Lunch").await;
    page.sees(&["Ada removed Alan left", "Ada added Ada removed Alan"]).await;
    let names = "all('message-text').map((text) => [...text.querySelectorAll('bdi')].map((name) => name.textContent).join('|')).join()";
    page.until(&format!("{names} === 'Ada removed Alan,Ada|Ada removed Alan'")).await;
}
