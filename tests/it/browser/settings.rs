//! The settings: name, password, privacy, sessions, blocked people, deleting the account.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::client::{PASSWORD, TestUser, post};
use crate::support::server::Server;

const NEW_PASSWORD: &str = "a horse of another kind";

impl Visitor {
    async fn open_settings(&self) {
        self.click("one('me-menu')").await;
        self.click("one('settings-open')").await;
        self.until("seen(one('settings')) && all('session').length > 0").await;
    }

    async fn line_says(&self, section: &str, words: &str) {
        self.until(&format!("one('{section}-line').textContent === {}", json!(words))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_and_a_password_are_changed() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 4"); // the errors that this test causes
    page.open_settings().await;

    // A blank name is refused in the server's words; a good one is seen at once, and after a reload.
    page.fill("one('settings-name')", "\u{2800}").await;
    page.click("one('settings-name-save')").await;
    page.line_says("profile", "A name must not be blank.").await;
    page.fill("one('settings-name')", "Countess Lovelace").await;
    page.press("Enter").await;
    page.line_says("profile", "Your name is saved.").await;
    page.until("one('me-menu').textContent === 'CLCountess Lovelace: account menu'").await;
    page.reload().await;
    page.until("one('me-menu').textContent === 'CLCountess Lovelace: account menu'").await;

    // A new password needs the present one, and logs out elsewhere.
    let elsewhere = TestUser::login(server.address, "ada").await;
    page.is_connected().await;
    page.open_settings().await;
    page.until("all('session').length === 3").await;
    page.click("one('settings-password-save')").await;
    page.line_says("password", "Your current password is needed.").await;
    page.until("document.activeElement === one('settings-password')").await;
    page.fill("one('settings-password')", "not the right one").await;
    page.fill("one('settings-new-password')", NEW_PASSWORD).await;
    page.click("one('settings-password-save')").await;
    page.line_says("password", "This is not your current password.").await;
    page.fill("one('settings-password')", PASSWORD).await;
    page.fill("one('settings-new-password')", "short").await;
    page.click("one('settings-password-save')").await;
    page.until("one('password-line').textContent.startsWith('A password ')").await;
    page.fill("one('settings-new-password')", NEW_PASSWORD).await;
    page.press("Enter").await;
    page.line_says("password", "Your password is changed.").await;
    page.until("one('settings-new-password').value === '' && all('session').length === 1").await;
    assert_eq!(elsewhere.get("/v1/users/me").await.problem().0, 401);
    let login = json!({"username": "ada", "password": NEW_PASSWORD});
    post(server.address, "/v1/users/login", &login).await.expect(200);
    page.press("Escape").await;
    page.until("!seen(one('settings')) && document.activeElement === one('me-menu')").await;
    page.is_connected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privacy_holds_at_once_and_is_shown_again() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open_settings().await;
    page.until("!one('privacy-contact').disabled && one('privacy-contact').value === 'everyone'").await;
    page.until("one('privacy-send_receipts').checked && one('privacy-show_last_seen').checked").await;
    page.eval("(one('privacy-contact').value = 'nobody', one('privacy-contact').dispatchEvent(new Event('change')))")
        .await;
    page.line_says("privacy", "Saved.").await;
    page.click("one('privacy-send_receipts')").await;
    page.click("one('privacy-show_last_seen')").await;
    page.until("!one('privacy-send_receipts').checked && !one('privacy-show_last_seen').checked").await;
    page.line_says("privacy", "Saved.").await;
    let settings = ada.get("/v1/users/me").await.json()["settings"].take();
    assert_eq!(
        settings,
        json!({"contact_from": "nobody", "send_receipts": false, "show_last_seen": false, "do_not_disturb_until": null})
    );
    let body = json!({"type": "direct", "member_ids": [ada.id]});
    assert_eq!(grace.post("/v1/conversations", &body).await.problem().0, 403);

    page.reload().await;
    page.is_connected().await;
    page.open_settings().await;
    page.until("one('privacy-contact').value === 'nobody' && !one('privacy-send_receipts').checked").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_logs_out_elsewhere() {
    let server = Server::start().await;
    server.register("ada").await;
    let browser = Browser::start().await;
    let (here, there) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in(&browser, server.address, "ada")
    );
    here.open_settings().await;
    // The first session is the registration's, of a program without a name.
    here.until("all('session').length === 3").await;
    here.until("all('session').filter((row) => row.textContent.startsWith('Chrome on Linux')).length === 2").await;
    here.until("all('session').filter((row) => row.textContent.startsWith('An unnamed program')).length === 1").await;
    here.until("all('session-end').length === 2").await; // not the one that is here
    let end = "all('session').find((row) => row.textContent.startsWith('Chrome') && row.querySelector('button')).querySelector('button')";
    here.click(end).await;
    here.until(&format!("{end}.textContent === 'Sure?'")).await;
    here.click(end).await;
    here.line_says("sessions", "Logged out there.").await;
    here.until("all('session').length === 2 && document.activeElement.textContent === 'Where you are logged in'").await;
    there.until("seen(one('auth-error')) && localStorage.length === 0").await;
    here.is_connected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_people_are_listed_and_unblocked() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let alan = server.register("alan").await;
    ada.direct(&grace).await;
    for user in [&grace, &alan] {
        ada.put(&format!("/v1/users/{}/block", user.id)).await.expect(204);
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    page.until("one('block').textContent === 'Unblock'").await;
    page.open_settings().await;
    page.until("all('blocked').map((row) => row.dataset.username).join() === 'alan,grace'").await;
    page.click("one('blocked', '[data-username=grace]').querySelector('button')").await;
    page.line_says("blocked", "Grace is not blocked any more.").await;
    page.until("all('blocked').length === 1").await;
    page.click("one('unblock')").await;
    page.until("all('blocked').length === 0 && document.activeElement.textContent === 'Blocked people'").await;
    assert_eq!(ada.get("/v1/users/me/blocks").await.json()["items"], json!([]));
    page.press("Escape").await;
    page.until("one('block').textContent === 'Block'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_deleted() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("the server responded with a status of 4"); // the wrong password
    page.open_settings().await;
    page.click("one('delete-account')").await;
    page.line_says("deletion", "Your password is needed.").await;
    for (password, words) in [("not the right one", "This is not your current password."), (PASSWORD, "")] {
        page.fill("one('delete-password')", password).await;
        page.click("one('delete-account')").await;
        page.until("one('delete-account').textContent === 'Delete it for ever?'").await;
        page.click("one('delete-account')").await;
        if !words.is_empty() {
            page.line_says("deletion", words).await;
        }
    }
    page.until("seen(one('auth-error')) && one('auth-error').textContent === 'Your account is deleted.'").await;
    assert_eq!(page.eval("localStorage.length + sessionStorage.length").await, 0);
    let login = json!({"username": "ada", "password": PASSWORD});
    assert_eq!(post(server.address, "/v1/users/login", &login).await.problem(), (401, "bad_credentials".into()));
}
