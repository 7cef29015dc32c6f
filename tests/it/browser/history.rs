//! What was said before one came.

use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

const COUNT: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_loads_while_one_scrolls_up() {
    let server = Server::start().await;
    let (ada, grace) = (server.person("ada").await, server.person("grace").await);
    let room = ada.direct(&grace).await;
    for number in 1..=COUNT {
        let sender = if number % 3 == 0 { &grace } else { &ada };
        sender.say(&room, &format!("number {number}")).await;
    }
    let browser = Browser::start().await;
    let page = Visitor::enter(&browser, server.address, "ada").await;
    page.open("Grace").await;
    page.until(&format!("{} && !seen(one('jump-newest'))", message(&format!("number {COUNT}")))).await;
    let shown = page.eval("all('message').length").await.as_u64().unwrap();
    assert!((1..COUNT as u64).contains(&shown), "{shown}: not everything at once");

    // Order and completeness hold at every moment of it.
    let gapless =
        "all('message').every((row, index, rows) => Number(row.dataset.seq) === Number(rows[0].dataset.seq) + index)";
    while page.eval("one('load-state').dataset.state").await != "complete" {
        let before = page.eval("document.getElementById('scroller').scrollTop").await;
        page.wheel("document.getElementById('scroller')", -2000).await;
        // The wheel has moved it, or what was loaded above it has.
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

    // Whoever reads old things is not carried away by new ones, and is told of them.
    page.until("seen(one('jump-newest'))").await;
    // A turn of the wheel may be still to come; at the top it moves nothing.
    page.wheel("document.getElementById('scroller')", -100_000).await;
    page.until("document.getElementById('scroller').scrollTop === 0").await;
    let reading = "(() => { const top = document.getElementById('scroller').getBoundingClientRect().top;
        const row = all('message').find((row) => row.getBoundingClientRect().bottom > top);
        return row.dataset.seq + ' ' + Math.round(row.getBoundingClientRect().top); })()";
    let before = page.eval(reading).await;
    grace.say(&room, "news").await;
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
