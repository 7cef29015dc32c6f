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
    alan.until("!one('conversation-item') && !seen(one('composer')) && document.getElementById('notice').textContent === 'Ada removed you from Soup club.'")
        .await;
    ada.press("Escape").await;
    ada.until(&message("removed Alan")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_lost_is_not_asked_for() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "grace").await;
    page.until("all('conversation-item').length === 1").await;
    // The moment after which a message that nobody has read is notified of.
    page.eval(
        "window.moments = [];
        const { setTimeout: wait } = window;
        window.setTimeout = (work, ms, ...more) => (ms === 1_500 ? moments.push(work) : wait(work, ms, ...more));",
    )
    .await;
    ada.send(&room, "Soup today?").await;
    page.until("moments.length === 1").await;
    ada.delete(&format!("{}/{}", room.members, grace.id)).await.expect(204);
    page.until("!one('conversation-item')").await;
    // The browser would report the 404 of a request.
    page.eval("moments[0]()").await;
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
    ada.until(
        "document.getElementById('members-error').textContent === 'Not added: Alan. This user does not accept this.'",
    )
    .await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_given_a_group_is_handed_over_and_deleted() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let alan = server.register("alan").await;
    ada.group("Lunch", &[&grace, &alan]).await;
    let browser = Browser::start().await;
    let (owner, other) = Visitor::ada_and_grace(&browser, server.address).await;
    let row = |username: &str, testid: &str| {
        format!("one('member-item', '[data-username={username}]').querySelector('[data-testid={testid}]')")
    };
    let roles = |expected: &str| {
        format!(
            "all('member-item').map((item) => item.dataset.username + ' ' + item.dataset.role).join() === '{expected}'"
        )
    };
    owner.open("Lunch").await;
    owner.click("one('members-open')").await;
    owner.until("all('member-item').length === 3").await;
    // An owner who is not alone hands over first.
    owner.until("!seen(one('leave')) && seen(document.getElementById('leave-hint'))").await;

    // The rows stay the same elements, and the focus stays in the row.
    owner.eval(&format!("({}.closest('li').isSame = true)", row("grace", "member-promote"))).await;
    owner.click(&row("grace", "member-promote")).await;
    owner.until(&roles("ada owner,grace admin,alan member")).await;
    owner
        .until(&format!("{0}.closest('li').isSame && document.activeElement === {0}", row("grace", "member-demote")))
        .await;
    other.open("Lunch").await;
    other.click("one('members-open')").await;
    other.until(&roles("ada owner,grace admin,alan member")).await;
    // An admin removes members, and assigns no roles.
    other
        .until("all('member-remove').length === 1 && all('member-promote').length + all('hand-over').length === 0")
        .await;
    owner.click(&row("grace", "member-demote")).await;
    owner.until(&roles("ada owner,alan member,grace member")).await;
    other.until("all('member-remove').length === 0 && !seen(one('rename'))").await;

    // Handing over asks first.
    owner.click(&row("grace", "hand-over")).await;
    owner.until(&format!("{}.textContent === 'Hand the group over?'", row("grace", "hand-over"))).await;
    owner.until(&roles("ada owner,alan member,grace member")).await;
    owner.click(&row("grace", "hand-over")).await;
    owner.until(&roles("grace owner,ada admin,alan member")).await;
    owner.until("seen(one('leave')) && !seen(one('delete-group')) && all('hand-over').length === 0").await;
    other.until("all('hand-over').length === 2 && seen(one('delete-group')) && !seen(one('leave'))").await;

    // The new owner deletes the group; both are told nothing that is untrue.
    other.click("one('delete-group')").await;
    other.until("one('delete-group').textContent === 'Delete it, with all its messages?'").await;
    other.click("one('delete-group')").await;
    other.until("!one('conversation-item') && location.hash === '' && !seen(document.getElementById('notice'))").await;
    owner
        .until("!one('conversation-item') && document.getElementById('notice').textContent === 'Lunch was deleted.'")
        .await;
    owner
        .until("!document.querySelector('dialog[open]') && document.activeElement === document.getElementById('list')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_by_any_word_and_in_pages() {
    let server = Server::with(&["--rate-limits=off"]).await;
    let ada = server.register("ada").await;
    for number in 0..65 {
        server.register(&format!("peer{number:02}")).await;
    }
    let grace = server.register("grace").await;
    grace.patch("/v1/users/me", &json!({"name": "Grace Hopper"})).await.expect(200);
    ada.group("Duo", &[&grace]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.click("one('new-conversation')").await;
    page.pick("hopper", "grace").await;
    page.fill("one('people-search')", "peer").await;
    page.until("all('person-option').length === 30 && one('more').textContent === 'Show more people'").await;
    page.click("one('more')").await;
    page.until("all('person-option').length === 60").await;
    page.click("one('more')").await;
    page.until("all('person-option').length === 65 && !seen(one('more'))").await;
    // Enter picks what was typed, and not what was found for fewer letters.
    page.fill("one('people-search')", "peer64").await;
    page.press("Enter").await;
    page.until("all('chip').map((chip) => chip.textContent).join() === 'Grace Hopper,Peer64'").await;
    let said = "document.querySelector('#start-picker .list-note').textContent";
    page.fill("one('people-search')", "ada").await;
    page.until(&format!("{said} === 'Only you are called “ada”.'")).await;
    page.fill("one('people-search')", "nobody at all").await;
    page.until(&format!("{said} === 'Nobody is called “nobody at all”.'")).await;
    page.press("Escape").await; // clears the search
    page.until("one('people-search').value === ''").await;
    page.press("Escape").await;

    page.open("Duo").await;
    page.click("one('members-open')").await;
    page.fill("one('add-search')", "hopper").await;
    page.until("document.querySelector('#add-picker .list-note').textContent === 'Everybody found for “hopper” is in the group already.'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_picks_leave_room_on_the_smallest_screens() {
    let server = Server::with(&["--rate-limits=off"]).await;
    server.register("ada").await;
    for number in 10..24 {
        let user = server.register(&format!("peer{number}")).await;
        user.patch("/v1/users/me", &json!({"name": format!("Peer {number} of a long and noble line")}))
            .await
            .expect(200);
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    // A small phone, and a screen of 1280 × 1024 at 400 %.
    for (width, height) in [(320, 568), (320, 256)] {
        page.emulate(width, height, "light").await;
        page.click("one('new-conversation')").await;
        page.until("all('person-option').length === 14").await;
        for number in 10..22 {
            page.click(&format!("one('person-option', '[data-username=peer{number}]')")).await;
        }
        page.until("all('chip').length === 12").await;
        let boxes = "['.chips', '[data-testid=people-search]', '.options', '#group-name', '.sheet-foot'].map((part) => document.querySelector(`#start-dialog ${part}`).getBoundingClientRect())";
        page.until(&format!("{boxes}.every((box, index, all) => box.height > 30 && (index === 0 || box.top >= all[index - 1].bottom - 1))")).await;
        page.until("document.querySelector('#start-dialog .chips').clientHeight <= innerHeight / 2").await;
        page.until("all('chip').every((chip, index, all) => index === 0 || chip.parentElement.getBoundingClientRect().top >= all[index - 1].parentElement.getBoundingClientRect().top)").await;
        // Every control can be scrolled to and pressed; a chip that is removed gives the focus to its neighbour.
        page.click("all('chip')[0]").await;
        page.until("all('chip').length === 11 && document.activeElement === all('chip')[0]").await;
        page.click("all('chip')[10]").await;
        page.until("all('chip').length === 10 && document.activeElement === all('chip')[9]").await;
        page.fill("one('group-name')", &format!("Line {height}")).await;
        page.click("one('start-conversation')").await;
        page.is_at(&format!("Line {height}")).await;
        page.click("document.getElementById('back')").await;
        page.until(&format!("document.activeElement === one('conversation-item', '[data-title=\"Line {height}\"]')"))
            .await;
    }
}
