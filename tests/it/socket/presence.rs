//! Presence: the users that a client shows follow the connections of the others, with concurrent changes.

use std::collections::BTreeSet;

use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::limits::SMALL_CONVERSATION_MEMBERS_MAX;
use chinwag::store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::client::TestUser;
use crate::support::postgres::database;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    a_group_that_outgrows_presence_hides_its_members_and_shows_them_again,
    a_connection_of_a_moment_is_not_shown_for_ever,
    a_state_in_the_middle_of_a_reload_is_corrected,
    a_user_is_away_when_they_are_from_all_their_connections,
    who_hides_when_they_were_last_seen_leaves_no_time,
}

/// A client that shows the users who are online.
pub(super) struct Client {
    pub(super) socket: Socket,
    shown: BTreeSet<String>,
    count: Option<u64>,
}

impl Client {
    pub(super) async fn of(person: &TestUser, path: &str) -> Self {
        Self { socket: person.connect(path).await, shown: BTreeSet::new(), count: None }
    }

    /// Reads one frame about presence.
    pub(super) async fn read(&mut self) -> Value {
        let frame = self.socket.next_of(&["presence.state", "presence.diff"]).await;
        let ids = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        if frame["type"] == "presence.state" {
            self.shown = frame["users"].as_object().unwrap().keys().cloned().collect();
            self.count = frame["online_count"].as_u64();
        } else {
            self.shown.extend(ids(&frame["online"]));
            self.shown.retain(|id| !ids(&frame["offline"]).contains(id));
        }
        frame
    }

    /// Reads until the client shows these users and no others.
    pub(super) async fn shows(&mut self, users: &[&TestUser]) {
        let users: BTreeSet<String> = users.iter().map(|person| person.id.clone()).collect();
        while self.shown != users {
            self.read().await;
        }
    }

    /// Reads until the client shows a number and no user.
    async fn counts(&mut self, count: u64) {
        while self.count != Some(count) || !self.shown.is_empty() {
            self.read().await;
        }
    }
}

/// A server, and a direct access to its store.
pub(super) struct Fixture {
    pub(super) server: Server,
    store: std::sync::Arc<dyn store::Store>,
    _folder: TempDir,
}

impl Fixture {
    pub(super) async fn on(kind: StoreKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("chinwag.db").display()),
            StoreKind::Postgres => database().await,
        };
        let server = Server::with(&["--rate-limits", "off", "--database-url", &url]).await;
        Self { server, store: store::open(&url).await.unwrap(), _folder: folder }
    }

    /// Inserts a user without a login, because hashing hundreds of passwords takes long.
    pub(super) async fn extra(&self, number: i64) -> String {
        let username = format!("extra{number}");
        let user = User {
            id: UserId::new(),
            username: Username::parse(&username).unwrap(),
            name: Name::parse(&username).unwrap(),
            created_at: Timestamp::now(),
            last_seen_at: None,
        };
        self.store.insert_user(&user, "hash").await.unwrap();
        user.id.to_string()
    }
}

async fn a_group_that_outgrows_presence_hides_its_members_and_shows_them_again(kind: StoreKind) {
    let fixture = Fixture::on(kind).await;
    let server = &fixture.server;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (hedy, joan) = (server.register("hedy").await, server.register("joan").await);
    ada.direct(&joan).await;
    let mut members = vec![grace.id.clone(), hedy.id.clone(), joan.id.clone()];
    while i64::try_from(members.len()).unwrap() + 1 < SMALL_CONVERSATION_MEMBERS_MAX {
        members.push(fixture.extra(i64::try_from(members.len()).unwrap()).await);
    }
    let body = json!({"type": "group", "name": "All", "member_ids": members});
    let room =
        crate::support::client::Conversation::from(&ada.post("/v1/conversations", &body).await.expect(201).json());
    let one_more = fixture.extra(SMALL_CONVERSATION_MEMBERS_MAX).await;

    let mut adas = Client::of(&ada, "/ws").await;
    let mut graces = Client::of(&grace, "/ws?hold=1").await;
    let mut hedys = Client::of(&hedy, &room.socket).await;
    let mut joans = Client::of(&joan, "/ws").await;
    adas.shows(&[&grace, &hedy, &joan]).await;
    graces.shows(&[&ada, &hedy, &joan]).await;
    hedys.shows(&[&ada, &grace, &joan]).await;
    joans.shows(&[&ada, &grace, &hedy]).await;

    for _ in 0..2 {
        ada.post(&room.members, &json!({"user_id": one_more})).await.expect(201);
        adas.shows(&[&joan]).await;
        graces.shows(&[]).await;
        hedys.counts(4).await;
        joans.shows(&[&ada]).await;

        ada.delete(&format!("{}/{one_more}", room.members)).await.expect(204);
        adas.shows(&[&grace, &hedy, &joan]).await;
        graces.shows(&[&ada, &hedy, &joan]).await;
        hedys.shows(&[&ada, &grace, &joan]).await;
        joans.shows(&[&ada, &grace, &hedy]).await;
    }
    drop(graces);
    adas.shows(&[&hedy, &joan]).await;
    hedys.shows(&[&ada, &joan]).await;
}

async fn a_connection_of_a_moment_is_not_shown_for_ever(kind: StoreKind) {
    let server = Server::on(kind).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let moment = grace.connect("/ws").await;
    let mut hers = Client::of(&ada, "/ws").await;
    hers.shows(&[&grace]).await;
    drop(moment);
    hers.shows(&[]).await;
}

async fn a_state_in_the_middle_of_a_reload_is_corrected(kind: StoreKind) {
    let server = Server::on(kind).await;
    let (ada, grace, joan) =
        (server.register("ada").await, server.register("grace").await, server.register("joan").await);
    ada.direct(&grace).await;
    joan.direct(&grace).await;
    let mut joans = Client::of(&joan, "/ws").await;
    let before = grace.connect("/ws").await;
    joans.shows(&[&grace]).await;
    drop(before);
    while ada.get(&format!("/v1/users/{}", grace.id)).await.json()["status"] == "online" {}
    let mut hers = Client::of(&ada, "/ws").await;
    let _after = grace.connect("/ws").await;
    hers.shows(&[&grace]).await;
}

/// Reads frames about presence until one has this user with this status.
async fn until_status(socket: &mut Socket, user: &TestUser, status: &str) -> Value {
    loop {
        let frame = socket.next_of(&["presence.state", "presence.diff"]).await;
        let is_listed = |list: &Value| list.as_array().is_some_and(|ids| ids.contains(&json!(user.id)));
        if frame["users"][&user.id] == status || is_listed(&frame[status]) {
            return frame;
        }
    }
}

async fn a_user_is_away_when_they_are_from_all_their_connections(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let (mut adas, mut adas_room) = (ada.connect("/ws").await, ada.connect(&room.socket).await);
    let (mut phone, mut desk) = (grace.connect("/ws").await, grace.connect(&room.socket).await);
    for socket in [&mut adas, &mut adas_room] {
        until_status(socket, &grace, "online").await;
    }
    let status = async || ada.get(&format!("/v1/users/{}", grace.id)).await.expect(200).json()["status"].take();
    let away = |back: bool| json!({"type": if back { "presence.back" } else { "presence.away" }});
    let say = async |socket: &mut Socket, frame: &Value| {
        socket.send(frame).await;
        socket.send(&json!({"type": "ping"})).await;
        assert_eq!(socket.next_of(&["pong", "error"]).await["type"], "pong");
    };
    say(&mut phone, &away(false)).await;
    assert_eq!(status().await, "online", "there is another connection");
    say(&mut desk, &away(false)).await;
    assert_eq!(status().await, "away");
    for socket in [&mut adas, &mut adas_room] {
        let diff = until_status(socket, &grace, "away").await;
        assert_eq!((&diff["online"], &diff["offline"]), (&json!([]), &json!([])));
    }
    let mut late = ada.connect("/ws").await;
    assert_eq!(late.next_of(&["presence.state"]).await["users"], json!({grace.id.clone(): "away"}));
    let peer = ada.get(&room.path).await.expect(200).json()["peer"].take();
    assert_eq!(peer["status"], "away");

    say(&mut phone, &away(true)).await;
    until_status(&mut adas, &grace, "online").await;
    drop(phone);
    until_status(&mut adas, &grace, "away").await;
    let third = grace.connect("/ws").await;
    until_status(&mut adas, &grace, "online").await;
    drop((third, desk));
    until_status(&mut adas, &grace, "offline").await;
    assert_eq!(status().await, "offline");
}

async fn who_hides_when_they_were_last_seen_leaves_no_time(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    ada.direct(&grace).await;
    let mut adas = ada.connect("/ws").await;
    let last_seen =
        async || ada.get(&format!("/v1/users/{}", grace.id)).await.expect(200).json()["last_seen_at"].take();
    let visit = async |adas: &mut Socket| {
        let graces = grace.connect("/ws").await;
        until_status(adas, &grace, "online").await;
        drop(graces);
        until_status(adas, &grace, "offline").await;
    };
    let show = async |shows: bool| {
        let update = json!({"settings": {"show_last_seen": shows}});
        let me = grace.patch("/v1/users/me", &update).await.expect(200).json();
        assert_eq!(
            (&me["settings"]["show_last_seen"], &me["settings"]["send_receipts"]),
            (&json!(shows), &json!(true))
        );
    };
    // A busy store may take longer than the announcement waits for it.
    let written = async || {
        let seen = async { while last_seen().await.is_null() {} };
        timeout(TEST_TIMEOUT, seen).await.expect("a time in last_seen_at");
        last_seen().await
    };
    visit(&mut adas).await;
    let first = written().await;
    show(false).await;
    assert_eq!(last_seen().await, Value::Null, "it is forgotten");
    visit(&mut adas).await;
    assert_eq!(last_seen().await, Value::Null);
    show(true).await;
    assert_eq!(last_seen().await, Value::Null, "nothing was kept");
    visit(&mut adas).await;
    assert!(written().await.as_str() > first.as_str());
    let bad = grace.patch("/v1/users/me", &json!({"settings": {"show_last_seen": 1}})).await;
    assert_eq!(bad.problem(), (422, "invalid".to_owned()));
}
