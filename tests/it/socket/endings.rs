//! How connections end: for each cause a table of who is closed, who hears no more, and who stays.
//!
//! What ends is ended when the call that caused it returns: what is said right after is not heard by whom it concerns.

use chinwag::domain::Timestamp;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::client::{Answer, Conversation, PASSWORD, Person, ask, post};
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

/// What becomes of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is closed with this code.
    Closed(u16),
    /// It lives on, and hears nothing more of the conversation.
    Deaf,
    /// It lives on, and hears what comes next.
    Hears,
}
use Fate::{Closed, Deaf, Hears};

/// The three doors: one conversation; all; all, each silent until it is resumed.
type Doors = [Fate; 3];
const ENDED: Doors = [Closed(4504); 3];
const OUT: Doors = [Closed(4503), Deaf, Deaf];
const STAYS: Doors = [Hears; 3];

/// Ada by two logins, Grace, and Joan, who owns the group they are in and has no socket.
struct Fixture {
    server: Server,
    ada: Person,
    elsewhere: Person,
    grace: Person,
    joan: Person,
    room: Conversation,
}

impl Fixture {
    async fn on(store: StoreKind) -> Self {
        let server = Server::on(store).await;
        let (ada, grace, joan) =
            (server.person("ada").await, server.person("grace").await, server.person("joan").await);
        let elsewhere = Person::login(server.address, "ada").await;
        let room = joan.group("Lunch", &[&ada, &grace]).await;
        Self { server, ada, elsewhere, grace, joan, room }
    }

    /// A socket through each door, all of them live.
    async fn listen(&self, person: &Person) -> [Socket; 3] {
        let one = person.listen(&self.room.socket).await;
        let all = person.listen("/ws").await;
        let mut held = person.listen("/ws?hold=1").await;
        held.send(&json!({"type": "resume", "conversations": {&self.room.id: 0}})).await;
        held.next_of(&["resumed"]).await;
        [one, all, held]
    }

    /// Lets it happen, and sees what becomes of Ada's sockets, of those of her other login, and of Grace's.
    async fn unfolds(&self, cause: impl AsyncFnOnce(&Self), fates: [Doors; 3]) {
        let mut sockets = Vec::new();
        for (whose, (person, fates)) in [&self.ada, &self.elsewhere, &self.grace].into_iter().zip(fates).enumerate() {
            for (door, (socket, fate)) in self.listen(person).await.into_iter().zip(fates).enumerate() {
                sockets.push((socket, fate, format!("socket {door} of person {whose}")));
            }
        }
        self.joan.say(&self.room, "before").await;
        for (socket, ..) in &mut sockets {
            assert_eq!(socket.receives().await, "before");
        }
        cause(self).await;
        let beyond = json!({"type": "message.send", "conversation_id": self.room.id, "content": "from beyond"});
        for (socket, fate, _) in &mut sockets {
            if *fate != Hears {
                socket.try_send(&beyond).await;
            }
        }
        // Nobody can say anything in what is no more.
        let after = self.joan.post(&self.room.messages, &json!({"content": "after"})).await;
        for (socket, fate, which) in &mut sockets {
            assert_eq!(become_of(socket).await, *fate, "{which}");
        }
        if after.status == 201 {
            let history = self.grace.get(&self.room.messages).await.expect(200).json();
            let said: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
            assert!(said.contains(&&json!("after")) && !said.contains(&&json!("from beyond")), "{said:?}");
        }
    }
}

/// What has become of a socket when something was said after the cause.
async fn become_of(socket: &mut Socket) -> Fate {
    socket.try_send(&json!({"type": "ping"})).await;
    let (frames, code) = socket.until("pong").await;
    let heard = frames.iter().any(|frame| frame["message"]["content"] == "after");
    match code {
        Some(code) => {
            assert!(!heard, "{frames:?}");
            Closed(code)
        }
        None if heard => Hears,
        None => Deaf,
    }
}

async fn refresh(server: &Server, refresh_token: &str) -> Answer {
    post(server.address, "/v1/users/refresh", &json!({"refresh_token": refresh_token})).await
}

/// The session's tokens are refused at once, everywhere.
async fn is_locked_out(server: &Server, person: &Person) {
    let bearer = format!("Bearer {}", person.token);
    let me = ask(server.address, Method::GET, "/v1/users/me", &[("authorization", &bearer)], "").await;
    assert_eq!(me.problem(), (401, "session_ended".to_owned()));
    assert_eq!(person.open("/ws").await.first().await, "4504");
    assert_eq!(refresh(server, &person.refresh_token).await.status, 401);
}

/// To whoever is not in a conversation, it does not exist.
async fn is_shut_out(scene: &Fixture, person: &Person) {
    assert_eq!(person.get(&scene.room.messages).await.status, 404);
    assert_eq!(person.post(&scene.room.messages, &json!({"content": "still here"})).await.status, 404);
    assert_eq!(person.open(&scene.room.socket).await.first().await, "4503");
    let mut socket = person.listen("/ws").await;
    socket.send(&json!({"type": "resume", "ref": "r", "conversations": {&scene.room.id: 0}})).await;
    assert_eq!(socket.next_of(&["error", "message.new"]).await["code"], "not_found");
}

async fn a_logout(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        scene.ada.post("/v1/users/logout", &json!({})).await.expect(204);
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [ENDED, STAYS, STAYS]).await;
    is_locked_out(&scene.server, &scene.ada).await;
    scene.elsewhere.get("/v1/users/me").await.expect(200);
}

async fn a_refresh_token_that_was_used_before(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        let successor: Value = refresh(&scene.server, &scene.ada.refresh_token).await.expect(200).json();
        refresh(&scene.server, successor["refresh_token"].as_str().unwrap()).await.expect(200);
        let again = refresh(&scene.server, &scene.ada.refresh_token).await;
        assert_eq!(again.problem(), (401, "session_ended".to_owned()));
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [ENDED, STAYS, STAYS]).await;
    is_locked_out(&scene.server, &scene.ada).await;
    scene.elsewhere.get("/v1/users/me").await.expect(200);
}

async fn a_new_password(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        let change = json!({"password": "a new one entirely", "current_password": PASSWORD});
        scene.ada.patch("/v1/users/me", &change).await.expect(200);
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [STAYS, ENDED, STAYS]).await;
    is_locked_out(&scene.server, &scene.elsewhere).await;
    scene.ada.get("/v1/users/me").await.expect(200);
    refresh(&scene.server, &scene.ada.refresh_token).await.expect(200);
}

async fn being_removed(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        scene.joan.delete(&format!("{}/{}", scene.room.members, scene.ada.id)).await.expect(204);
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [OUT, OUT, STAYS]).await;
    is_shut_out(&scene, &scene.ada).await;
}

async fn leaving(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        scene.ada.delete(&format!("{}/{}", scene.room.members, scene.ada.id)).await.expect(204);
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [OUT, OUT, STAYS]).await;
    is_shut_out(&scene, &scene.ada).await;
}

async fn a_conversation_that_is_deleted(store: StoreKind) {
    let cause = async |scene: &Fixture| {
        scene.joan.delete(&scene.room.path).await.expect(204);
    };
    let scene = Fixture::on(store).await;
    scene.unfolds(cause, [OUT, OUT, OUT]).await;
    is_shut_out(&scene, &scene.ada).await;
}

#[tokio::test]
async fn a_token_that_expires_closes_every_door_unless_it_is_renewed() {
    let server = Server::with(&["--access-token-ttl", "4s"]).await;
    let (ada, grace) = (server.person("ada").await, server.person("grace").await);
    let room = ada.direct(&grace).await;
    let doors = [room.socket.as_str(), "/ws", "/ws?hold=1"];
    let (mut old, mut renewed) = (Vec::new(), Vec::new());
    for door in doors {
        old.push(ada.listen(door).await);
        renewed.push(ada.listen(door).await);
    }
    // Tokens count whole seconds: one of this second might be the same token.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let tokens = refresh(&server, &ada.refresh_token).await.expect(200).json();
    for socket in &mut renewed {
        socket.send(&json!({"type": "auth", "token": tokens["access_token"]})).await;
    }
    for (door, socket) in doors.iter().zip(&mut old) {
        assert_eq!(socket.close_code().await, 4040, "{door}");
    }
    for (door, socket) in doors.iter().zip(&mut renewed) {
        socket.send(&json!({"type": "ping"})).await;
        assert_eq!(socket.until("pong").await.1, None, "{door}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_behind_the_end_is_not_done() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let grace = server.person("grace").await;
    server.person("ada").await;
    for round in 0..10 {
        let ada = Person::login(server.address, "ada").await;
        let room = grace.group("Lunch", &[&ada]).await;
        let mut socket = ada.listen(&room.socket).await;
        let send = br#"{"type":"message.send","content":"on and on"}"#;
        let frame = [&[0x81, 0x80 | u8::try_from(send.len()).unwrap(), 0, 0, 0, 0], &send[..]].concat();
        socket.stream.get_mut().write_all(&frame.repeat(2_000)).await.unwrap();
        socket.receives().await;
        ada.post("/v1/users/logout", &json!({})).await.expect(204);
        let ended = Timestamp::now().to_string();
        assert_eq!(socket.close_code().await, 4504);
        // Most of what was taken is before this; the last one may be behind it.
        grace.say(&room, "after").await;
        let history = grace.get(&format!("{}?limit=5", room.messages)).await.expect(200).json();
        let hers = history["items"].as_array().unwrap().iter().rfind(|item| item["sender_id"] == ada.id.as_str());
        let last = hers.unwrap()["timestamp"].as_str().unwrap();
        // Zeros at the end are not written.
        let digits = |time: &str| format!("{:0<26}", time.trim_end_matches('Z'));
        assert!(digits(last) < digits(&ended), "round {round}: taken at {last}, ended at {ended}");
    }
}
