//! The scenarios in which something is asked for and answered: connections, pages of history, logins.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::client_pool::{Crowd, Drive, Hears};
use super::environment::{Environment, Room};
use super::http_client::Http;
use super::message_scenarios::{Dice, everybody, repeated};
use super::options::{Connect, History, Login, Pace};
use super::process::quiet;
use super::run_result::{Count, Figures, Meter, histogram, nanos};
use super::websocket::Link;

/// What a run's askers share: until when they ask, how many answers there were and how long each took.
struct Asking {
    until: Instant,
    answers: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
}

impl Asking {
    fn until(moment: Instant) -> Self {
        Self { until: moment, answers: Cell::new(0), latency: RefCell::new(histogram()) }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn answered(&self, asked: Instant) {
        self.answers.set(self.answers.get() + 1);
        self.latency.borrow_mut().saturating_record(nanos(asked.elapsed()));
    }

    /// The figures with what was counted.
    fn counted(self, figures: Figures, many: &'static str, one: &'static str) -> Figures {
        let counts = vec![Count { many, one, count: self.answers.get() }];
        Figures { counts, latencies: vec![(one, self.latency.into_inner())], ..figures }
    }
}

/// Connections that are opened, greeted and kept: `connections`. The figures of each run.
pub async fn connect(environment: &Environment, options: &Connect, pace: &Pace) -> Result<Vec<Figures>, String> {
    let members: Vec<_> =
        environment.rooms.iter().flat_map(|room| room.tokens.iter().map(|token| (room.id, token.as_str()))).collect();
    if members.is_empty() {
        return Err("there is nobody who could connect".to_owned());
    }
    repeated(pace, async |length| {
        let begun = Cell::new(0);
        let kept = RefCell::new(Vec::with_capacity(options.connections.get()));
        let meter = Meter::start(environment.pid)?;
        let asking = Asking::until(meter.started + length);
        let one_after_another = async || {
            while asking.goes_on() && begun.get() < options.connections.get() {
                let (room, token) = members[begun.get() % members.len()];
                begun.set(begun.get() + 1);
                let asked = Instant::now();
                let link = Link::open(environment.address, Some(room), token).await?;
                asking.answered(asked);
                kept.borrow_mut().push(link);
            }
            Ok::<_, String>(())
        };
        try_join_all((0..options.at_once.get()).map(|_| one_after_another())).await?;
        let figures = meter.stop()?;
        drop(kept);
        // The next run does not pay for this one's goodbyes.
        match environment.pid {
            Some(pid) => quiet(pid).await?,
            None => sleep(Duration::from_secs(1)).await,
        }
        Ok(asking.counted(figures, "connections", "connection"))
    })
    .await
}

/// Pages of a conversation's history, from anywhere in it: `pages`. The stage's first room has as many messages as the options say.
/// The figures of each run.
pub async fn history(environment: &Environment, options: &History, pace: &Pace) -> Result<Vec<Figures>, String> {
    let room = environment.rooms.first().ok_or("there is no conversation")?;
    let token = room.tokens.first().ok_or("there is nobody in the conversation")?;
    let mut readers = Vec::with_capacity(options.connections.get());
    for number in 0..options.connections.get() {
        let http = Http::connect(environment.address).await?;
        readers.push(Reader { http, dice: Dice(number as u64), room, token, options });
    }
    repeated(pace, async |length| {
        let meter = Meter::start(environment.pid)?;
        let asking = Asking::until(meter.started + length);
        try_join_all(readers.iter_mut().map(|reader| reader.read(&asking))).await?;
        Ok(asking.counted(meter.stop()?, "pages", "page"))
    })
    .await
}

/// One who reads a history.
struct Reader<'a> {
    http: Http,
    dice: Dice,
    room: &'a Room,
    token: &'a str,
    options: &'a History,
}

impl Reader<'_> {
    /// Page after page.
    async fn read(&mut self, asking: &Asking) -> Result<(), String> {
        let limit = usize::from(self.options.limit);
        while asking.goes_on() {
            let before = 2 + self.dice.below(self.options.messages.get());
            let target = format!("/v1/conversations/{}/messages?before_seq={before}&limit={limit}", self.room.id);
            let asked = Instant::now();
            let (status, page) = self.http.get(&target, self.token).await?;
            asking.answered(asked);
            let count = if self.options.numbers { limit.min(before - 1) } else { limit };
            check_page(status, page, count, self.options.numbers.then_some(before - 1))?;
        }
        Ok(())
    }
}

/// A page has as many items as it should, and ends with this number. Only items begin with a brace, for the texts have none.
#[allow(clippy::naive_bytecount)] // the compiler does well, and another crate would be one more
fn check_page(status: u16, page: &[u8], count: usize, last: Option<usize>) -> Result<(), String> {
    let items = page.iter().filter(|byte| **byte == b'{').count().saturating_sub(1);
    let tail = page.iter().rposition(|byte| *byte == b'{').map_or(page, |at| &page[at..]);
    let ends = last.is_none_or(|last| {
        let number = format!(r#","seq":{last},"#);
        tail.windows(number.len()).any(|window| window == number.as_bytes())
    });
    if status != 200 || items != count || !ends {
        let page = String::from_utf8_lossy(&page[..page.len().min(300)]);
        return Err(format!("a page of {items} instead of {count}: {status} {page}"));
    }
    Ok(())
}

/// Logins with real passwords: `logins`; with `beside`, also how long messages take alone and beside them. The accounts are made
/// through the front door. The figures of each run. Wants a runtime of one thread.
pub async fn login(environment: &Environment, options: &Login, pace: &Pace) -> Result<Vec<Figures>, String> {
    let accounts = register(environment.address, options.accounts.get()).await?;
    let play = async {
        let Some(rate) = options.beside else {
            return repeated(pace, async |length| logins(environment, &accounts, options, length).await).await;
        };
        let crowd = Crowd::gather(environment, Hears::One).await?;
        let senders = everybody(environment);
        repeated(pace, async |length| {
            let alone = crowd.run(&senders, Drive::Rate(rate.get(), length)).await?;
            let both = async {
                tokio::try_join!(logins(environment, &accounts, options, length), async {
                    crowd.run(&senders, Drive::Rate(rate.get(), length)).await
                })
            };
            let (mut figures, beside) = both.await?;
            for (name, of) in [("delivery without logins", alone), ("delivery beside logins", beside)] {
                let taken = of.latencies.into_iter().find(|(known, _)| *known == "delivery");
                figures.latencies.extend(taken.map(|(_, histogram)| (name, histogram)));
            }
            Ok(figures)
        })
        .await
    };
    LocalSet::new().run_until(play).await
}

const PASSWORD: &str = "correct horse battery staple";

async fn register(address: SocketAddr, count: usize) -> Result<Vec<String>, String> {
    let mut http = Http::connect(address).await?;
    let run = Uuid::now_v7().simple().to_string();
    let mut names = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("{}-{number}", &run[..24]);
        http.post("/v1/users/register", None, &json!({ "username": name, "password": PASSWORD })).await?;
        names.push(name);
    }
    Ok(names)
}

async fn logins(
    environment: &Environment,
    accounts: &[String],
    options: &Login,
    length: Duration,
) -> Result<Figures, String> {
    let begun = Cell::new(0);
    let meter = Meter::start(environment.pid)?;
    let asking = Asking::until(meter.started + length);
    let one_after_another = async || {
        let mut http = Http::connect(environment.address).await?;
        while asking.goes_on() {
            let name = &accounts[begun.get() % accounts.len()];
            begun.set(begun.get() + 1);
            let asked = Instant::now();
            let answer = http.post("/v1/users/login", None, &json!({ "username": name, "password": PASSWORD })).await?;
            if !answer["access_token"].is_string() {
                return Err(format!("a login without a token: {answer}"));
            }
            asking.answered(asked);
        }
        Ok::<_, String>(())
    };
    try_join_all((0..options.at_once.get()).map(|_| one_after_another())).await?;
    Ok(asking.counted(meter.stop()?, "logins", "login"))
}
