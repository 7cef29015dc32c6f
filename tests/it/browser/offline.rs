//! The page without a network, over a change of its release, and as an installed program.

use serde_json::{Value, json};

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::client::TestUser;
use crate::support::release_proxy::ReleaseProxy;
use crate::support::server::Server;

/// Names of releases that no server has.
const NEXT: &str = "aaaaaaaaaaaaaaaaaaaa";
const AFTER_NEXT: &str = "bbbbbbbbbbbbbbbbbbbb";

/// The release of the page that is shown.
const SHOWN: &str = "document.querySelector('script[type=module]').src.split('/')[4]";

/// Waits until the service worker keeps a release whole.
async fn keeps(page: &Visitor, release: &str) {
    let kept = "caches.match('/', { cacheName: 'chinwag.index', ignoreVary: true }).then((page) => page?.text()).then((html) => { window.kept = html ?? ''; })";
    page.until(&format!("{kept} && window.kept?.includes('/static/{release}/')")).await;
}

/// Returns the release of each file that the page has loaded.
async fn releases_of_files(page: &Visitor) -> Value {
    let loaded = "performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith('/static/'))";
    page.eval(&format!("[...new Set({loaded}.map((path) => path.split('/')[2]))].sort()")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_the_page_opens_and_keeps_what_is_written() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, server.address, "ada").await;
    page.tolerate("net::ERR_CONNECTION_REFUSED");
    page.open("Grace").await;
    let release = page.eval(SHOWN).await;
    keeps(&page, release.as_str().unwrap()).await;

    let offline = server.take_offline().await;
    page.until("one('connection-state').dataset.state !== 'connected'").await;
    page.send("before the reload").await;
    page.reload().await;
    page.until(&format!("{}.dataset.state === 'pending'", message("before the reload"))).await;
    assert_eq!(page.eval("one('conversation-title').textContent").await, "Conversation");
    page.send("after the reload").await;
    page.until("all('message', '[data-state=pending]').length === 2").await;
    page.fill("one('composer')", "half a sent").await;
    page.reload().await;
    page.until("all('message', '[data-state=pending]').length === 2 && one('composer').value === 'half a sent'").await;

    let server = offline.bring_online().await;
    page.eval("dispatchEvent(new Event('online'))").await;
    page.is_at("Grace").await;
    page.sees(&["before the reload", "after the reload"]).await;
    let ada = TestUser { address: server.address, ..ada };
    let history = ada.get(&room.messages).await.expect(200).json();
    let texts: Vec<_> = history["items"].as_array().unwrap().iter().map(|item| item["content"].clone()).collect();
    assert_eq!(texts, ["before the reload", "after the reload"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_release_takes_over_whole_or_not_at_all() {
    let server = Server::start().await;
    server.register("ada").await;
    let proxy = ReleaseProxy::to(server.address).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, proxy.address, "ada").await;
    page.tolerate("responded with a status of 404");
    keeps(&page, &proxy.own).await;

    // Its files are not to be had yet: the page stays as it is, also after a reload.
    proxy.show_incomplete(NEXT);
    page.reload().await;
    page.is_connected().await;
    assert_eq!((page.eval(SHOWN).await, releases_of_files(&page).await), (json!(proxy.own), json!([proxy.own])));

    // They are there: a reload shows the new release, and nothing of the old one.
    // A busy machine may need longer than the worker waits, so it is the second one at the latest.
    proxy.show_other(NEXT);
    page.reload().await;
    keeps(&page, NEXT).await;
    page.reload().await;
    page.is_connected().await;
    assert_eq!((page.eval(SHOWN).await, releases_of_files(&page).await), (json!(NEXT), json!([NEXT])));

    // The last two releases are kept, for pages that are still open.
    proxy.show_other(AFTER_NEXT);
    page.reload().await;
    keeps(&page, AFTER_NEXT).await;
    page.reload().await;
    page.is_connected().await;
    assert_eq!(page.eval(SHOWN).await, AFTER_NEXT);
    page.until("caches.keys().then((names) => { window.names = names.sort().join(); }) && window.names?.split(',').length === 3").await;
    let expected = format!("chinwag.files.{NEXT},chinwag.files.{AFTER_NEXT},chinwag.index");
    assert_eq!(page.eval("window.names").await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_files_do_not_come_keeps_nobody_on_the_old_one() {
    let server = Server::start().await;
    server.register("ada").await;
    let proxy = ReleaseProxy::to(server.address).await;
    let browser = Browser::start().await;
    let mut page = Visitor::log_in(&browser, proxy.address, "ada").await;
    page.tolerate("responded with a status of 404");
    page.tolerate("Refused to apply style");
    keeps(&page, &proxy.own).await;

    // A file hangs. The worker waits for it only so long, here for milliseconds, and notes that it has not come.
    page.eval_in_worker(
        "(() => {
            const { setTimeout } = globalThis;
            globalThis.setTimeout = (work, milliseconds, ...rest) => setTimeout(work, milliseconds / 1000, ...rest);
            const { addAll } = Cache.prototype;
            Cache.prototype.addAll = () => new Promise(() => {});
            globalThis.restore = () => { Object.assign(globalThis, { setTimeout }); Object.assign(Cache.prototype, { addAll }); };
        })()",
    )
    .await;
    proxy.show_incomplete(NEXT);
    page.reload().await;
    page.is_connected().await;
    assert_eq!(page.eval(SHOWN).await, json!(proxy.own));
    let noted = "caches.match('/failed', { cacheName: 'chinwag.index' }).then((noted) => noted?.text()).then((text) => { window.noted = text ?? ''; })";
    page.until(&format!("{noted} && window.noted?.includes({NEXT:?})")).await;
    page.eval_in_worker("restore()").await;

    // That lasts longer than a rolling restart: the page is the server's, which loads itself again until its files are there.
    let long_ago = json!({"release": NEXT, "since": 0}).to_string();
    page.eval(&format!(
        "caches.open('chinwag.index').then((index) => index.put('/failed', new Response({long_ago:?})))"
    ))
    .await;
    page.reload().await;
    page.until("document.getElementById('notice').textContent.startsWith('Some parts of Chinwag are missing.')").await;
    proxy.show_other(NEXT);
    page.is_connected().await;
    assert_eq!(page.eval(SHOWN).await, NEXT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_files_are_on_another_node_is_loaded_again() {
    let server = Server::start().await;
    let proxy = ReleaseProxy::to(server.address).await;
    proxy.show_incomplete(NEXT);
    let browser = Browser::start().await;
    let mut page = browser.open(&format!("http://{}/", proxy.address)).await;
    page.tolerate("responded with a status of 404");
    page.tolerate("Refused to apply style");
    page.until("document.getElementById('notice').textContent.startsWith('Some parts of Chinwag are missing.')").await;
    proxy.show_own();
    page.until("seen(one('auth-submit'))").await;
    assert_eq!(page.eval("seen(document.getElementById('notice'))").await, false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_worker_keeps_files_of_the_page_and_nothing_of_a_user() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    grace.send(&room, "for your eyes only").await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    let release = page.eval(SHOWN).await;
    let release = release.as_str().unwrap();
    keeps(&page, release).await;
    // From now on the worker sees each request of the page.
    page.reload().await;
    page.is_connected().await;
    assert_eq!(page.eval("navigator.serviceWorker.controller?.state").await, "activated");
    page.open("Grace").await;
    page.sees(&["for your eyes only"]).await;
    page.send("hush").await;
    page.sees(&["for your eyes only", "hush"]).await;
    page.click("one('me-menu')").await;
    page.click("one('logout')").await;
    page.until("seen(one('auth-submit'))").await;
    let kept = page
        .eval(
            "(async () => {
                const kept = [];
                for (const name of await caches.keys()) {
                    const cache = await caches.open(name);
                    for (const request of await cache.keys()) kept.push([new URL(request.url).pathname, await (await cache.match(request)).text()]);
                }
                return kept;
            })()",
        )
        .await;
    let kept = kept.as_array().unwrap();
    assert!(kept.len() > 40, "{}", kept.len());
    for file in kept {
        let (path, text) = (file[0].as_str().unwrap(), file[1].as_str().unwrap());
        let is_own = path == "/" || path == "/boot.js" || path.starts_with(&format!("/static/{release}/"));
        assert!(is_own && !text.contains("for your eyes only") && !text.contains(&ada.id), "{path}");
    }
    assert_eq!(page.eval("localStorage.length + sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_can_be_installed() {
    let server = Server::start().await;
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    let manifest = page.manifest().await;
    assert_eq!(manifest["errors"], json!([]));
    let manifest: Value = serde_json::from_str(manifest["data"].as_str().unwrap()).unwrap();
    assert_eq!((&manifest["start_url"], &manifest["scope"], &manifest["id"]), (&json!("/"), &json!("/"), &json!("/")));
    for icon in manifest["icons"].as_array().unwrap().iter().filter(|icon| icon["type"] == "image/png") {
        let size = page
            .eval(&format!(
                "new Promise((resolve, reject) => {{
                    const image = new Image();
                    image.onload = () => resolve(`${{image.naturalWidth}}x${{image.naturalHeight}}`);
                    image.onerror = () => reject(new Error('no picture'));
                    image.src = new URL({}, document.querySelector('link[rel=manifest]').href);
                }})",
                icon["src"]
            ))
            .await;
        assert_eq!(size, icon["sizes"]);
    }
}
