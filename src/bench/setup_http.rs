//! Accounts and conversations through the front door, on a server that runs already: few accounts, since each costs it the hash of a
//! password, and as many conversations as are needed.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::lookup_host;
use tokio::task::LocalSet;
use uuid::Uuid;

use super::client_pool::{Crowd, Drive, Hears};
use super::environment::{Room, Stage};
use super::http_client::Http;
use super::progress::Progress;
use super::setup_store::Cast;
use crate::domain::ConversationId;

/// Accounts that are made at the most.
pub(super) const ACCOUNTS: usize = 64;
/// Sends under way while a conversation is filled.
const FILLING: u64 = 64;

/// The address of `http://host:port`.
pub(super) async fn address(url: &str) -> Result<SocketAddr, String> {
    let takes = || format!("--url takes an address such as http://127.0.0.1:8080: {url}");
    let place = url.strip_prefix("http://").ok_or_else(takes)?.trim_end_matches('/');
    let place = if place.contains(':') { place.to_owned() } else { format!("{place}:80") };
    lookup_host(place).await.ok().and_then(|mut found| found.next()).ok_or_else(takes)
}

/// Makes the cast.
pub(super) async fn enter(address: SocketAddr, pid: Option<u32>, cast: &Cast) -> Result<Stage, String> {
    let mut http = Http::connect(address).await?;
    let people = people(&mut http, cast.users.min(ACCOUNTS)).await?;
    let mut progress = Progress::new("conversations", cast.rooms.len());
    let mut rooms = Vec::with_capacity(cast.rooms.len());
    for members in &cast.rooms {
        let members: Vec<&Person> = members.iter().map(|member| &people[member % people.len()]).collect();
        rooms.push(room(&mut http, &members).await?);
        progress.done(rooms.len());
    }
    let stage = Stage { address, pid, rooms };
    if cast.messages > 0 {
        let fill = async {
            Crowd::gather(&stage, Hears::One).await?.run(&[(0, 0)], Drive::Each(cast.messages as u64, FILLING)).await
        };
        LocalSet::new().run_until(fill).await?;
    }
    Ok(stage)
}

struct Person {
    id: String,
    token: String,
}

async fn people(http: &mut Http, count: usize) -> Result<Vec<Person>, String> {
    let mut progress = Progress::new("accounts", count);
    let run = Uuid::now_v7().simple().to_string();
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        let who = json!({ "username": format!("{}-{number}", &run[..24]), "password": run });
        http.post("/v1/users/register", None, &who).await?;
        let login = http.post("/v1/users/login", None, &who).await?;
        let (id, token) = (login["user"]["id"].as_str(), login["access_token"].as_str());
        let (id, token) = id.zip(token).ok_or_else(|| format!("a login without a token: {login}"))?;
        people.push(Person { id: id.to_owned(), token: token.to_owned() });
        progress.done(people.len());
    }
    Ok(people)
}

async fn room(http: &mut Http, members: &[&Person]) -> Result<Room, String> {
    let owner = members.first().ok_or("a conversation without members")?;
    let mut others: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|id| *id != owner.id);
    let group = json!({ "type": "group", "name": "Bench", "member_ids": others });
    let made = http.post("/v1/conversations", Some(&owner.token), &group).await?;
    let id = made["id"].as_str().and_then(ConversationId::parse).ok_or_else(|| format!("no conversation: {made}"))?;
    Ok(Room { id, tokens: members.iter().map(|member| member.token.clone()).collect() })
}
