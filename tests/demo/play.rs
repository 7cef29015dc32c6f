//! The demo's script: Ada, Grace and Joan, from registration to disconnect.

use std::io::Write;
use std::net::SocketAddr;

use chinwag::server::App;
use chinwag::server::config::Config;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::stage::Stage;
use crate::support::client::{Conversation, Response, TestUser, get, post};
use crate::support::socket::Socket;

/// A user of the demo.
struct Actor {
    name: &'static str,
    person: TestUser,
}

/// Starts a server in this process, with the default configuration, a free port and a temporary folder, and runs the script.
pub(crate) async fn play<W: Write>(stage: &mut Stage<W>) {
    let data = tempfile::tempdir().unwrap();
    let config = Config::read(["chinwag", "--data", data.path().to_str().unwrap()]).unwrap();
    let app = App::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(app.serve(listener, async { drop(stopped.await) }));

    stage.write_line(&format!(
        "Chinwag on http://{address}, SQLite in a temporary folder; ids are cut to their last digits."
    ));
    people_talk(stage, address).await;
    drop(stop);
    serving.await.unwrap();
    stage.end();
}

async fn people_talk<W: Write>(stage: &mut Stage<W>, address: SocketAddr) {
    stage.scene("Three people register and log in");
    let ada = enter(stage, address, "Ada", "Ada Lovelace").await;
    let grace = enter(stage, address, "Grace", "Grace Hopper").await;
    let joan = enter(stage, address, "Joan", "Joan Clarke").await;
    let answer = post(address, "/v1/users/login", &json!({"username": "ada", "password": "a guess"})).await;
    refused(stage, "-", "POST /v1/users/login (a wrong password)", &answer, 401, "bad_credentials");
    let answer = get(address, "/v1/conversations").await;
    refused(stage, "-", "GET /v1/conversations (without a token)", &answer, 401, "unauthorized");

    stage.scene("Ada makes a group");
    let members = json!([grace.person.id, joan.person.id]);
    let body = json!({"type": "group", "name": "Engines", "member_ids": members});
    let answer = ada.person.post("/v1/conversations", &body).await;
    let group = answer.json();
    let came = format!("201  {} of {} people, {}", group["name"], group["member_count"], text(&group["id"]));
    stage.step(ada.name, "POST /v1/conversations", &came, answer.status == 201 && group["member_count"] == 3);
    let room = Conversation::from(&group);
    for reader in [&grace, &joan] {
        let answer = reader.person.get("/v1/conversations").await;
        let list = answer.json();
        let came = format!("{}  {}", answer.status, list["items"][0]["name"]);
        stage.step(reader.name, "GET /v1/conversations", &came, list["items"][0]["id"] == room.id.as_str());
    }

    stage.scene("Everybody listens: what one says, all hear, in one order");
    let mut hers = connect(stage, &ada, &room.socket, 0).await;
    let mut grace_s = connect(stage, &grace, &room.socket, 0).await;
    let mut joan_s = connect(stage, &joan, &room.socket, 0).await;
    let hello = "Shall we build the engine?";
    send(stage, &ada, &mut hers, Uuid::now_v7(), hello).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s), (&joan, &mut joan_s)], 1, hello).await;
    let yes = "Yes. I bring the compiler.";
    send(stage, &grace, &mut grace_s, Uuid::now_v7(), yes).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s), (&joan, &mut joan_s)], 2, yes).await;
    let me_too = "And I the statistics. (Sent by REST.)";
    let answer = joan.person.post(&room.messages, &json!({"content": me_too})).await;
    message_came(stage, &joan, &format!("POST {}", room.messages), &answer, 201, 3);
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s), (&joan, &mut joan_s)], 3, me_too).await;

    stage.scene("Joan's train enters a tunnel; she resumes behind the last number that she saw");
    drop(joan_s);
    stage.step(joan.name, "(the socket is gone, without a goodbye)", "-", true);
    let missed = ["Where is Joan?", "In a tunnel, I guess."];
    send(stage, &ada, &mut hers, Uuid::now_v7(), missed[0]).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s)], 4, missed[0]).await;
    send(stage, &grace, &mut grace_s, Uuid::now_v7(), missed[1]).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s)], 5, missed[1]).await;
    let mut joan_s = connect(stage, &joan, &format!("{}?after_seq=3", room.socket), 5).await;
    hear(stage, &mut [(&joan, &mut joan_s)], 4, missed[0]).await;
    hear(stage, &mut [(&joan, &mut joan_s)], 5, missed[1]).await;
    let resumed = joan_s.next_of(&["resumed"]).await;
    let came = format!("#{}  everything up to here, once and in order", resumed["last_seq"]);
    stage.step(joan.name, "  hears resumed", &came, resumed["last_seq"] == 5);

    stage.scene("Ada's answer is lost, so she sends the same again: nothing changes");
    let (id, once) = (Uuid::now_v7(), "Let us begin on Monday.");
    send(stage, &ada, &mut hers, id, once).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s), (&joan, &mut joan_s)], 6, once).await;
    send(stage, &ada, &mut hers, id, once).await;
    hear(stage, &mut [(&ada, &mut hers)], 6, once).await;
    let again = json!({"id": id, "content": once});
    let answer = ada.person.post(&room.messages, &again).await;
    message_came(stage, &ada, &format!("POST {} (again)", room.messages), &answer, 200, 6);
    let answer = grace.person.post(&room.messages, &again).await;
    refused(stage, grace.name, &format!("POST {} (Ada's id)", room.messages), &answer, 409, "id_taken");

    stage.scene("History has each message once");
    let said = [(&ada, hello), (&grace, yes), (&joan, me_too), (&ada, missed[0]), (&grace, missed[1]), (&ada, once)];
    let path = format!("{}?before_seq=4", room.messages);
    history(stage, &grace, &path, &said[..3], 1).await;
    let path = format!("{}?after_seq=3", room.messages);
    history(stage, &grace, &path, &said[3..], 4).await;
    let next = "Monday it is.";
    send(stage, &joan, &mut joan_s, Uuid::now_v7(), next).await;
    hear(stage, &mut [(&ada, &mut hers), (&grace, &mut grace_s), (&joan, &mut joan_s)], 7, next).await;

    stage.scene("Ada logs out: her socket closes and her token is worth nothing");
    let answer = ada.person.post("/v1/users/logout", &json!({})).await;
    stage.step(ada.name, "POST /v1/users/logout", &answer.status.to_string(), answer.status == 204);
    let code = hers.close_code().await;
    stage.step(ada.name, "  is closed", &format!("{code}  the session has ended"), code == 4504);
    let answer = ada.person.get(&room.messages).await;
    refused(stage, ada.name, &format!("GET {}", room.messages), &answer, 401, "session_ended");
}

/// Registers and logs in.
async fn enter<W: Write>(stage: &mut Stage<W>, address: SocketAddr, who: &'static str, name: &str) -> Actor {
    let (username, password) = (who.to_lowercase(), "correct horse");
    let body = json!({"username": username, "name": name, "password": password});
    let answer = post(address, "/v1/users/register", &body).await;
    let user = answer.json();
    let came = format!("{}  {name}, {}", answer.status, text(&user["id"]));
    stage.step(who, "POST /v1/users/register", &came, answer.status == 201 && user["name"] == name);
    let answer = post(address, "/v1/users/login", &json!({"username": username, "password": password})).await;
    let tokens = answer.json();
    let came = format!("{}  a token for {} s", answer.status, tokens["expires_in"]);
    stage.step(who, "POST /v1/users/login", &came, answer.status == 200 && tokens["user"]["id"] == user["id"]);
    let token = |name: &str| text(&tokens[name]).to_owned();
    let (token, refresh_token) = (token("access_token"), token("refresh_token"));
    Actor { name: who, person: TestUser { address, id: text(&user["id"]).to_owned(), token, refresh_token } }
}

/// Opens a WebSocket.
async fn connect<W: Write>(stage: &mut Stage<W>, who: &Actor, path: &str, last_seq: i64) -> Socket {
    let mut socket = who.person.open(path).await;
    let hello = socket.next().await;
    let newest = &hello["conversation"]["last_seq"];
    let right = hello["type"] == "hello" && *newest == last_seq;
    stage.step(who.name, &format!("GET {path}"), &format!("101  hello; the newest number is {newest}"), right);
    socket
}

/// Sends a message over a WebSocket.
async fn send<W: Write>(stage: &mut Stage<W>, who: &Actor, socket: &mut Socket, id: Uuid, content: &str) {
    socket.send(&json!({"type": "message.send", "id": id, "content": content})).await;
    stage.step(who.name, &format!("  sends message.send {id}"), &format!("-  {content}"), true);
}

/// Checks that each of these users receives the message next, with this number.
async fn hear<W: Write>(stage: &mut Stage<W>, who: &mut [(&Actor, &mut Socket)], seq: i64, content: &str) {
    for (who, socket) in who {
        let frame = socket.next_of(&["message.new"]).await;
        let (number, heard) = (&frame["seq"], &frame["message"]["content"]);
        let right = *number == seq && *heard == content;
        let asked = format!("  hears message.new {}", text(&frame["message"]["id"]));
        stage.step(who.name, &asked, &format!("#{number}  {}", text(heard)), right);
    }
}

/// Checks that the response to a send over REST is its message.
fn message_came<W: Write>(stage: &mut Stage<W>, who: &Actor, asked: &str, answer: &Response, status: u16, seq: i64) {
    let message = answer.json();
    let came = format!("{}  #{} {}", answer.status, message["seq"], text(&message["content"]));
    stage.step(who.name, asked, &came, answer.status == status && message["seq"] == seq);
}

/// Checks that a page of history has exactly these messages, numbered from `first`.
async fn history<W: Write>(stage: &mut Stage<W>, who: &Actor, path: &str, said: &[(&Actor, &str)], first: i64) {
    let answer = who.person.get(path).await;
    let page = answer.json();
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let right = answer.status == 200 && items.len() == said.len() && page["has_more"] == false;
    let came = format!("{}  {} messages, the newest number is {}", answer.status, items.len(), page["last_seq"]);
    stage.step(who.name, &format!("GET {path}"), &came, right);
    for ((number, item), (sender, content)) in (first..).zip(items).zip(said) {
        let right = item["seq"] == number && item["sender_id"] == sender.person.id && item["content"] == *content;
        stage.step("", &format!("  {}", sender.name), &format!("#{}  {}", item["seq"], text(&item["content"])), right);
    }
}

/// Checks that a request was refused with this code.
fn refused<W: Write>(stage: &mut Stage<W>, who: &str, asked: &str, answer: &Response, status: u16, code: &str) {
    let problem = answer.json();
    let came = format!("{}  {}", answer.status, text(&problem["code"]));
    stage.step(who, asked, &came, answer.status == status && problem["code"] == code);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
