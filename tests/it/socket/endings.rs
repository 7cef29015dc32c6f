//! The ends of connections: for each cause, a table of the sockets that are closed, unsubscribed or unaffected.
//!
//! The effect is complete when the call that caused it returns: a message sent right after does not reach the affected clients.

use chinwag::domain::Timestamp;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::client::{Conversation, PASSWORD, Response, TestUser, post, send_request};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    a_logout,
    a_refresh_token_that_was_used_before,
    a_new_password,
    being_removed,
    leaving,
    a_conversation_that_is_deleted,
}

/// The effect on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The server closes it with this code.
    Closed(u16),
    /// It stays open and receives no further events of the conversation.
    Unsubscribed,
    /// It stays open and receives further events.
    Receives,
}
use Effect::{Closed, Receives, Unsubscribed};

/// The three kinds of connections: to one conversation; to all; to all, with each conversation paused until it is resumed.
type Effects = [Effect; 3];
const ENDED: Effects = [Closed(4504); 3];
const OUT: Effects = [Closed(4503), Unsubscribed, Unsubscribed];
const STAYS: Effects = [Receives; 3];

/// Ada with two sessions, Grace, and Joan, who owns the group and has no socket.
struct Fixture {
    server: Server,
    ada: TestUser,
    elsewhere: TestUser,
    grace: TestUser,
    joan: TestUser,
    room: Conversation,
}

impl Fixture {
    async fn on(store: StoreKind) -> Self {
        let server = Server::on(store).await;
        let (ada, grace, joan) =
            (server.register("ada").await, server.register("grace").await, server.register("joan").await);
        let elsewhere = TestUser::login(server.address, "ada").await;
        let room = joan.group("Lunch", &[&ada, &grace]).await;
        Self { server, ada, elsewhere, grace, joan, room }
    }

    /// Opens a live socket of each kind.
    async fn connect_all(&self, person: &TestUser) -> [Socket; 3] {
        let one = person.connect(&self.room.socket).await;
        let all = person.connect("/ws").await;
        let mut held = person.connect("/ws?hold=1").await;
        held.send(&json!({"type": "resume", "conversations": {&self.room.id: 0}})).await;
        held.next_of(&["resumed"]).await;
        [one, all, held]
    }

    /// Runs the cause, and checks the effects on the sockets of Ada, of her other session, and of Grace.
    async fn check(&self, cause: impl AsyncFnOnce(&Self), effects: [Effects; 3]) {
        let mut sockets = Vec::new();
        for (user, (person, effects)) in [&self.ada, &self.elsewhere, &self.grace].into_iter().zip(effects).enumerate()
        {
            for (path, (socket, effect)) in self.connect_all(person).await.into_iter().zip(effects).enumerate() {
                sockets.push((socket, effect, format!("socket {path} of user {user}")));
            }
        }
        self.joan.send(&self.room, "before").await;
        for (socket, ..) in &mut sockets {
            assert_eq!(socket.next_content().await, "before");
        }
        cause(self).await;
        let late = json!({"type": "message.send", "conversation_id": self.room.id, "content": "from beyond"});
        for (socket, effect, _) in &mut sockets {
            if *effect != Receives {
                socket.try_send(&late).await;
            }
        }
        // After the conversation's deletion no message can be sent.
        let after = self.joan.post(&self.room.messages, &json!({"content": "after"})).await;
        for (socket, effect, which) in &mut sockets {
            assert_eq!(effect_on(socket).await, *effect, "{which}");
        }
        if after.status == 201 {
            let history = self.grace.get(&self.room.messages).await.expect(200).json();
            let contents: Vec<&Value> =
                history["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
            assert!(contents.contains(&&json!("after")) && !contents.contains(&&json!("from beyond")), "{contents:?}");
        }
    }
}

/// Returns the effect on a socket, after a message was sent behind the cause.
async fn effect_on(socket: &mut Socket) -> Effect {
    socket.try_send(&json!({"type": "ping"})).await;
    let (frames, code) = socket.until("pong").await;
    let received = frames.iter().any(|frame| frame["message"]["content"] == "after");
    match code {
        Some(code) => {
            assert!(!received, "{frames:?}");
            Closed(code)
        }
        None if received => Receives,
        None => Unsubscribed,
    }
}

async fn refresh(server: &Server, refresh_token: &str) -> Response {
    post(server.address, "/v1/users/refresh", &json!({"refresh_token": refresh_token})).await
}

/// Checks that the session's tokens are refused at once, on every path.
async fn assert_session_ended(server: &Server, person: &TestUser) {
    let bearer = format!("Bearer {}", person.token);
    let me = send_request(server.address, Method::GET, "/v1/users/me", &[("authorization", &bearer)], "").await;
    assert_eq!(me.problem(), (401, "session_ended".to_owned()));
    assert_eq!(person.open("/ws").await.first().await, "4504");
    assert_eq!(refresh(server, &person.refresh_token).await.status, 401);
}

/// Checks that the conversation does not exist for a user who is not a member.
async fn assert_no_member(fixture: &Fixture, person: &TestUser) {
    assert_eq!(person.get(&fixture.room.messages).await.status, 404);
    assert_eq!(person.post(&fixture.room.messages, &json!({"content": "still here"})).await.status, 404);
    assert_eq!(person.open(&fixture.room.socket).await.first().await, "4503");
    let mut socket = person.connect("/ws").await;
    socket.send(&json!({"type": "resume", "ref": "r", "conversations": {&fixture.room.id: 0}})).await;
    assert_eq!(socket.next_of(&["error", "message.new"]).await["code"], "not_found");
}

async fn a_logout(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        fixture.ada.post("/v1/users/logout", &json!({})).await.expect(204);
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [ENDED, STAYS, STAYS]).await;
    assert_session_ended(&fixture.server, &fixture.ada).await;
    fixture.elsewhere.get("/v1/users/me").await.expect(200);
}

async fn a_refresh_token_that_was_used_before(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        let successor: Value = refresh(&fixture.server, &fixture.ada.refresh_token).await.expect(200).json();
        refresh(&fixture.server, successor["refresh_token"].as_str().unwrap()).await.expect(200);
        let again = refresh(&fixture.server, &fixture.ada.refresh_token).await;
        assert_eq!(again.problem(), (401, "session_ended".to_owned()));
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [ENDED, STAYS, STAYS]).await;
    assert_session_ended(&fixture.server, &fixture.ada).await;
    fixture.elsewhere.get("/v1/users/me").await.expect(200);
}

async fn a_new_password(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        let change = json!({"password": "a new one entirely", "current_password": PASSWORD});
        fixture.ada.patch("/v1/users/me", &change).await.expect(200);
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [STAYS, ENDED, STAYS]).await;
    assert_session_ended(&fixture.server, &fixture.elsewhere).await;
    fixture.ada.get("/v1/users/me").await.expect(200);
    refresh(&fixture.server, &fixture.ada.refresh_token).await.expect(200);
}

async fn being_removed(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        fixture.joan.delete(&format!("{}/{}", fixture.room.members, fixture.ada.id)).await.expect(204);
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [OUT, OUT, STAYS]).await;
    assert_no_member(&fixture, &fixture.ada).await;
}

async fn leaving(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        fixture.ada.delete(&format!("{}/{}", fixture.room.members, fixture.ada.id)).await.expect(204);
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [OUT, OUT, STAYS]).await;
    assert_no_member(&fixture, &fixture.ada).await;
}

async fn a_conversation_that_is_deleted(store: StoreKind) {
    let cause = async |fixture: &Fixture| {
        fixture.joan.delete(&fixture.room.path).await.expect(204);
    };
    let fixture = Fixture::on(store).await;
    fixture.check(cause, [OUT, OUT, OUT]).await;
    assert_no_member(&fixture, &fixture.ada).await;
}

#[tokio::test]
async fn a_token_that_expires_closes_every_connection_unless_it_is_renewed() {
    let server = Server::with(&["--access-token-ttl", "4s"]).await;
    // Ada's token is the younger one.
    let (grace, ada) = (server.register("grace").await, server.register("ada").await);
    let room = ada.direct(&grace).await;
    let paths = [room.socket.as_str(), "/ws", "/ws?hold=1"];
    let (mut old, mut renewed) = (Vec::new(), Vec::new());
    for path in paths {
        old.push(ada.connect(path).await);
        renewed.push(ada.connect(path).await);
    }
    // Tokens have whole seconds: a token of the same second might be the same token.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let tokens = refresh(&server, &ada.refresh_token).await.expect(200).json();
    for socket in &mut renewed {
        socket.send(&json!({"type": "auth", "token": tokens["access_token"]})).await;
    }
    for (path, socket) in paths.iter().zip(&mut old) {
        assert_eq!(socket.close_code().await, 4040, "{path}");
    }
    for (path, socket) in paths.iter().zip(&mut renewed) {
        socket.send(&json!({"type": "ping"})).await;
        assert_eq!(socket.until("pong").await.1, None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_behind_the_end_is_not_done() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let grace = server.register("grace").await;
    server.register("ada").await;
    for round in 0..10 {
        let ada = TestUser::login(server.address, "ada").await;
        let room = grace.group("Lunch", &[&ada]).await;
        let mut socket = ada.connect(&room.socket).await;
        let send = br#"{"type":"message.send","content":"on and on"}"#;
        let frame = [&[0x81, 0x80 | u8::try_from(send.len()).unwrap(), 0, 0, 0, 0], &send[..]].concat();
        socket.stream.get_mut().write_all(&frame.repeat(2_000)).await.unwrap();
        socket.next_content().await;
        ada.post("/v1/users/logout", &json!({})).await.expect(204);
        let ended = Timestamp::now().to_string();
        assert_eq!(socket.close_code().await, 4504);
        // Most of the accepted sends are before this one, and the last may be after it.
        grace.send(&room, "after").await;
        let history = grace.get(&format!("{}?limit=5", room.messages)).await.expect(200).json();
        let hers = history["items"].as_array().unwrap().iter().rfind(|item| item["sender_id"] == ada.id.as_str());
        let last = hers.unwrap()["timestamp"].as_str().unwrap();
        // The zeros at the end are not written.
        let digits = |time: &str| format!("{:0<26}", time.trim_end_matches('Z'));
        assert!(digits(last) < digits(&ended), "round {round}: accepted at {last}, ended at {ended}");
    }
}
