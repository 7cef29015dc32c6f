//! The history of a conversation, loaded in pages.

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

const COUNT: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_loads_while_one_scrolls_up() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    for number in 1..=COUNT {
        let sender = if number % 3 == 0 { &grace } else { &ada };
        sender.send(&room, &format!("number {number}")).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    page.open("Grace").await;
    page.until(&format!("{} && !seen(one('jump-newest'))", message(&format!("number {COUNT}")))).await;
    let shown = page.eval("all('message').length").await.as_u64().unwrap();
    assert!((1..COUNT as u64).contains(&shown), "{shown}: not everything at once");

    // Order and completeness hold at every moment.
    let gapless =
        "all('message').every((row, index, rows) => Number(row.dataset.seq) === Number(rows[0].dataset.seq) + index)";
    while page.eval("one('load-state').dataset.state").await != "complete" {
        let before = page.eval("document.getElementById('scroller').scrollTop").await;
        page.wheel("document.getElementById('scroller')", -2000).await;
        // The wheel or the messages loaded above have moved the view.
        page.until(&format!(
            "one('load-state').dataset.state === 'complete' || (document.getElementById('scroller').scrollTop !== {before}
                && one('load-state').dataset.state === 'more')"
        ))
        .await;
        assert_eq!(page.eval(gapless).await, true);
    }
    let all = page.eval("all('message').map((row) => row.dataset.seq + ' ' + row.querySelector('[data-testid=message-text]').textContent)").await;
    let expected: Vec<String> = (1..=COUNT).map(|number| format!("{number} number {number}")).collect();
    assert_eq!(all, serde_json::json!(expected));

    // New messages do not move a reader of old ones, and a button announces them.
    page.until("seen(one('jump-newest'))").await;
    // A wheel event may still be pending, and at the top it moves nothing.
    page.wheel("document.getElementById('scroller')", -100_000).await;
    page.until("document.getElementById('scroller').scrollTop === 0").await;
    let reading = "(() => { const top = document.getElementById('scroller').getBoundingClientRect().top;
        const row = all('message').find((row) => row.getBoundingClientRect().bottom > top);
        return row.dataset.seq + ' ' + Math.round(row.getBoundingClientRect().top); })()";
    let before = page.eval(reading).await;
    grace.send(&room, "news").await;
    page.until("one('jump-newest').textContent === '1 new'").await;
    assert_eq!(page.eval(reading).await, before);
    page.click("one('jump-newest')").await;
    page.until("!seen(one('jump-newest'))").await;
    page.until(&format!(
        "{}.getBoundingClientRect().bottom <= document.getElementById('scroller').getBoundingClientRect().bottom",
        message("news")
    ))
    .await;
    assert_eq!(page.eval(gapless).await, true);
}
