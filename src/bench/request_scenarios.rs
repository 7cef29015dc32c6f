//! The scenarios that send requests and time the responses: `connect`, `history` and `login`.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::client_pool::{ClientPool, Endpoint, LoadModel};
use super::environment::{Environment, Room};
use super::http_client::HttpClient;
use super::message_scenarios::{SplitMix64, all_members, repeat};
use super::options::{Connect, History, Login, RunSettings};
use super::process::wait_until_idle;
use super::run_result::{Count, Meter, RunResult, histogram, nanos};
use super::websocket::WebSocket;

/// The counter and the latencies that all workers of a run share.
struct Requests {
    deadline: Instant,
    completed: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
}

impl Requests {
    fn new(deadline: Instant) -> Self {
        Self { deadline, completed: Cell::new(0), latency: RefCell::new(histogram()) }
    }

    /// Returns true before the deadline.
    fn is_running(&self) -> bool {
        Instant::now() < self.deadline
    }

    fn complete(&self, started: Instant) {
        self.completed.set(self.completed.get() + 1);
        self.latency.borrow_mut().saturating_record(nanos(started.elapsed()));
    }

    /// Adds the count and the latencies to a result.
    fn add_to(self, result: RunResult, plural: &'static str, singular: &'static str) -> RunResult {
        let counts = vec![Count { plural, singular, count: self.completed.get() }];
        RunResult { counts, latencies: vec![(singular, self.latency.into_inner())], ..result }
    }
}

/// Opens connections and keeps them. Returns the result of each run, which counts `connections`.
pub async fn connect(
    environment: &Environment,
    options: &Connect,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let members: Vec<_> =
        environment.rooms.iter().flat_map(|room| room.tokens.iter().map(|token| (room.id, token.as_str()))).collect();
    if members.is_empty() {
        return Err("there is nobody who could connect".to_owned());
    }
    repeat(settings, async |duration| {
        let started = Cell::new(0);
        let kept = RefCell::new(Vec::with_capacity(options.connections.get()));
        let meter = Meter::start(environment.pids())?;
        let requests = Requests::new(meter.started + duration);
        let worker = async || {
            while requests.is_running() && started.get() < options.connections.get() {
                let (room, token) = members[started.get() % members.len()];
                started.set(started.get() + 1);
                let request_started = Instant::now();
                let websocket = WebSocket::connect(environment.address, Some(room), token).await?;
                requests.complete(request_started);
                kept.borrow_mut().push(websocket);
            }
            Ok::<_, String>(())
        };
        try_join_all((0..options.at_once.get()).map(|_| worker())).await?;
        let result = meter.stop()?;
        drop(kept);
        // The server closes this run's connections now, so that the next run does not pay for it.
        match environment.pid {
            Some(pid) => wait_until_idle(pid).await?,
            None => sleep(Duration::from_secs(1)).await,
        }
        Ok(requests.add_to(result, "connections", "connection"))
    })
    .await
}

/// Reads pages from random places of the first room's history, which has as many messages as the options say. Returns the result of
/// each run, which counts `pages`.
pub async fn history(
    environment: &Environment,
    options: &History,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let room = environment.rooms.first().ok_or("there is no conversation")?;
    let token = room.tokens.first().ok_or("there is nobody in the conversation")?;
    let mut readers = Vec::with_capacity(options.connections.get());
    for number in 0..options.connections.get() {
        let http = HttpClient::connect(environment.address).await?;
        readers.push(Reader { http, random: SplitMix64(number as u64), room, token, options });
    }
    repeat(settings, async |duration| {
        let meter = Meter::start(environment.pids())?;
        let requests = Requests::new(meter.started + duration);
        try_join_all(readers.iter_mut().map(|reader| reader.run(&requests))).await?;
        Ok(requests.add_to(meter.stop()?, "pages", "page"))
    })
    .await
}

/// A client that reads pages of a history.
struct Reader<'a> {
    http: HttpClient,
    random: SplitMix64,
    room: &'a Room,
    token: &'a str,
    options: &'a History,
}

impl Reader<'_> {
    /// Requests one page after another until the deadline.
    async fn run(&mut self, requests: &Requests) -> Result<(), String> {
        let limit = usize::from(self.options.limit);
        while requests.is_running() {
            let before = 2 + self.random.below(self.options.messages.get());
            let target = format!("/v1/conversations/{}/messages?before_seq={before}&limit={limit}", self.room.id);
            let request_started = Instant::now();
            let (status, page) = self.http.get(&target, self.token).await?;
            requests.complete(request_started);
            let count = if self.options.checks_seq { limit.min(before - 1) } else { limit };
            check_page(status, page, count, self.options.checks_seq.then_some(before - 1))?;
        }
        Ok(())
    }
}

/// Returns an error unless the page has `count` items and its last message has the sequence number `last`.
///
/// Items are counted by their opening brace, because the messages' texts have none.
#[allow(clippy::naive_bytecount)] // fast enough here, and a crate would be one more dependency
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

/// Logs in with real passwords, to accounts that it registers first. Returns the result of each run, which counts `logins`.
///
/// With `beside` each run also has the latency of messages without logins and beside logins. Needs a single-threaded runtime.
pub async fn login(
    environment: &Environment,
    options: &Login,
    settings: &RunSettings,
) -> Result<Vec<RunResult>, String> {
    let accounts = register(environment.address, options.accounts.get()).await?;
    let scenario = async {
        let Some(rate) = options.beside else {
            return repeat(settings, async |duration| logins(environment, &accounts, options, duration).await).await;
        };
        let pool = ClientPool::connect(environment, Endpoint::OneConversation).await?;
        let senders = all_members(environment);
        repeat(settings, async |duration| {
            let alone = pool.run(&senders, LoadModel::OpenLoop { rate: rate.get(), duration }).await?;
            let both = async {
                tokio::try_join!(logins(environment, &accounts, options, duration), async {
                    pool.run(&senders, LoadModel::OpenLoop { rate: rate.get(), duration }).await
                })
            };
            let (mut result, beside) = both.await?;
            for (name, messages) in [("delivery without logins", alone), ("delivery beside logins", beside)] {
                let latency = messages.latencies.into_iter().find(|(known, _)| *known == "delivery");
                result.latencies.extend(latency.map(|(_, histogram)| (name, histogram)));
            }
            Ok(result)
        })
        .await
    };
    LocalSet::new().run_until(scenario).await
}

const PASSWORD: &str = "correct horse battery staple";

async fn register(address: SocketAddr, count: usize) -> Result<Vec<String>, String> {
    let mut http = HttpClient::connect(address).await?;
    let prefix = Uuid::now_v7().simple().to_string();
    let mut names = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("{}-{number}", &prefix[..24]);
        http.post("/v1/users/register", None, &json!({ "username": name, "password": PASSWORD })).await?;
        names.push(name);
    }
    Ok(names)
}

async fn logins(
    environment: &Environment,
    accounts: &[String],
    options: &Login,
    duration: Duration,
) -> Result<RunResult, String> {
    let started = Cell::new(0);
    let meter = Meter::start(environment.pids())?;
    let requests = Requests::new(meter.started + duration);
    let worker = async || {
        let mut http = HttpClient::connect(environment.address).await?;
        while requests.is_running() {
            let name = &accounts[started.get() % accounts.len()];
            started.set(started.get() + 1);
            let request_started = Instant::now();
            let response =
                http.post("/v1/users/login", None, &json!({ "username": name, "password": PASSWORD })).await?;
            if !response["access_token"].is_string() {
                return Err(format!("a login without a token: {response}"));
            }
            requests.complete(request_started);
        }
        Ok::<_, String>(())
    };
    try_join_all((0..options.at_once.get()).map(|_| worker())).await?;
    Ok(requests.add_to(meter.stop()?, "logins", "login"))
}
