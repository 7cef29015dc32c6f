//! Creates a scenario's accounts and conversations over HTTP, on a server that is already running.
//!
//! The bench registers few accounts, because each costs the server a password hash. It creates as many conversations as the
//! scenario needs.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::lookup_host;
use tokio::task::LocalSet;
use uuid::Uuid;

use super::client_pool::{ClientPool, Endpoint, LoadModel};
use super::environment::{Environment, Room};
use super::http_client::HttpClient;
use super::population::Population;
use super::progress::Progress;
use crate::domain::ConversationId;

/// Most accounts that the bench registers.
pub(super) const ACCOUNTS_MAX: usize = 64;
/// Sends in flight while messages of the history are sent.
const HISTORY_WINDOW: u64 = 64;

/// Resolves `http://host:port`; the port is 80 when the URL has none.
pub(super) async fn resolve(url: &str) -> Result<SocketAddr, String> {
    let invalid = || format!("--url takes an address such as http://127.0.0.1:8080: {url}");
    let host = url.strip_prefix("http://").ok_or_else(invalid)?.trim_end_matches('/');
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    lookup_host(host).await.ok().and_then(|mut found| found.next()).ok_or_else(invalid)
}

/// Creates the population.
pub(super) async fn setup_http(
    address: SocketAddr,
    pid: Option<u32>,
    population: &Population,
) -> Result<Environment, String> {
    let mut http = HttpClient::connect(address).await?;
    let accounts = register(&mut http, population.users.min(ACCOUNTS_MAX)).await?;
    let mut progress = Progress::new("conversations", population.rooms.len());
    let mut rooms = Vec::with_capacity(population.rooms.len());
    for members in &population.rooms {
        let members: Vec<&Account> = members.iter().map(|member| &accounts[member % accounts.len()]).collect();
        rooms.push(create_room(&mut http, &members).await?);
        progress.update(rooms.len());
    }
    let environment = Environment { address, pid, others: Vec::new(), rooms };
    if population.messages > 0 {
        let send_history = async {
            ClientPool::connect(&environment, Endpoint::OneConversation)
                .await?
                .run(&[(0, 0)], LoadModel::Burst { messages: population.messages as u64, window: HISTORY_WINDOW })
                .await
        };
        LocalSet::new().run_until(send_history).await?;
    }
    Ok(environment)
}

struct Account {
    id: String,
    token: String,
}

async fn register(http: &mut HttpClient, count: usize) -> Result<Vec<Account>, String> {
    let mut progress = Progress::new("accounts", count);
    let run = Uuid::now_v7().simple().to_string();
    let mut accounts = Vec::with_capacity(count);
    for number in 0..count {
        let credentials = json!({ "username": format!("{}-{number}", &run[..24]), "password": run });
        http.post("/v1/users/register", None, &credentials).await?;
        let login = http.post("/v1/users/login", None, &credentials).await?;
        let (id, token) = (login["user"]["id"].as_str(), login["access_token"].as_str());
        let (id, token) = id.zip(token).ok_or_else(|| format!("a login without a token: {login}"))?;
        accounts.push(Account { id: id.to_owned(), token: token.to_owned() });
        progress.update(accounts.len());
    }
    Ok(accounts)
}

async fn create_room(http: &mut HttpClient, members: &[&Account]) -> Result<Room, String> {
    let owner = members.first().ok_or("a conversation without members")?;
    let mut others: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|id| *id != owner.id);
    let group = json!({ "type": "group", "name": "Bench", "member_ids": others });
    let created = http.post("/v1/conversations", Some(&owner.token), &group).await?;
    let id =
        created["id"].as_str().and_then(ConversationId::parse).ok_or_else(|| format!("no conversation: {created}"))?;
    Ok(Room { id, tokens: members.iter().map(|member| member.token.clone()).collect() })
}
