//! Invalid input: the server refuses it, stores nothing, and continues to serve.

mod frames;
mod http;
mod operations;
mod raw;

use serde_json::{Value, json};

use crate::support::client::{Conversation, TestUser, get};
use crate::support::server::Server;

/// A server with some data, none of which invalid input may change.
struct Fixture {
    server: Server,
    ada: TestUser,
    grace: TestUser,
    /// The members are ada, who owns it, and grace.
    room: Conversation,
    /// The members are ada and grace.
    direct: Conversation,
    /// The only member is grace.
    theirs: Conversation,
    /// The owner is grace, who removed ada from it.
    left: Conversation,
    /// The messages that ada and grace sent to the group.
    message_ids: [String; 2],
    before: Value,
}

impl Fixture {
    async fn new() -> Self {
        let server = Server::with(&["--rate-limits", "off"]).await;
        let (ada, grace) = (server.register("ada").await, server.register("grace").await);
        let room = ada.group("Lunch", &[&grace]).await;
        let direct = ada.direct(&grace).await;
        let theirs = grace.group("Private", &[]).await;
        let left = grace.group("Left", &[&ada]).await;
        grace.delete(&format!("{}/{}", left.members, ada.id)).await.expect(204);
        let mut message_ids = [String::new(), String::new()];
        for (id, user) in message_ids.iter_mut().zip([&ada, &grace]) {
            user.send(&room, "as it is").await["id"].as_str().unwrap().clone_into(id);
        }
        let mut fixture = Self { server, ada, grace, room, direct, theirs, left, message_ids, before: Value::Null };
        fixture.before = fixture.look().await;
        fixture
    }

    /// Returns all data that the API shows.
    async fn look(&self) -> Value {
        let mut seen = Vec::new();
        for user in [&self.ada, &self.grace] {
            for path in ["/v1/users/me", "/v1/users", "/v1/conversations", &self.room.members, &self.room.messages] {
                seen.push(user.get(path).await.expect(200).json());
            }
        }
        for path in [&self.theirs.messages, &self.left.messages] {
            seen.push(self.grace.get(path).await.expect(200).json());
        }
        json!(seen)
    }

    /// Checks that nothing has changed, and that the server still serves.
    async fn assert_untouched(&self) {
        let after = without_presence(self.look().await);
        assert_eq!(after, without_presence(self.before.clone()));
        get(self.server.address, "/health").await.expect(200);
        self.ada.send(&self.room, "still here").await;
    }

    /// Replaces placeholders: `$room$`, `$ada$` (a token), `$grace_id$`, …; and `$x*65$` repeats `x` 65 times.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        for (index, part) in text.split('$').enumerate() {
            match part {
                _ if index % 2 == 0 => filled += part,
                "room" => filled += &self.room.id,
                "direct" => filled += &self.direct.id,
                "theirs" => filled += &self.theirs.id,
                "left" => filled += &self.left.id,
                "nowhere" => filled += "0199a000-0000-7000-8000-000000000000",
                "ada" => filled += &self.ada.token,
                "ada_id" => filled += &self.ada.id,
                "grace_id" => filled += &self.grace.id,
                "hers" => filled += &self.message_ids[0],
                "grace_said" => filled += &self.message_ids[1],
                _ => {
                    let (what, times) = part.rsplit_once('*').unwrap();
                    let times = times.parse().unwrap();
                    match what {
                        "ids" => filled += &vec![r#""0199a000-0000-7000-8000-0000000#####""#; times].join(","),
                        _ => filled += &what.repeat(times),
                    }
                }
            }
        }
        // Ids that must differ are numbered.
        let mut parts = filled.split("#####");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.enumerate().fold(first, |all, (number, part)| format!("{all}{number:05}{part}"))
    }
}

/// Removes presence, which changes with the sockets of a test and is not stored.
fn without_presence(mut seen: Value) -> Value {
    match &mut seen {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_presence(item.take())),
        Value::Object(members) => {
            members.remove("last_seen_at");
            members.retain(|name, value| name != "status" || value == "sent");
            members.values_mut().for_each(|value| *value = without_presence(value.take()));
        }
        _ => {}
    }
    seen
}
