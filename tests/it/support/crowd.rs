//! Many users with a session each, without the passwords that a registration hashes.

use std::time::Duration;

use chinwag::auth::Tokens;
use chinwag::domain::conversation::{ConversationKind, GroupName, NewConversation};
use chinwag::domain::session::Session;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, Timestamp, UserId};
use chinwag::store::Store;
use serde_json::json;

use super::client::{Conversation, TestUser};
use super::server::Server;

/// The secret of the servers, with which the tests sign tokens.
pub(crate) const SECRET: &str = "one secret for all the nodes there are";

/// Inserts users with a session, and a group of them.
pub(crate) async fn crowd(server: &Server, store: &dyn Store, count: i64) -> (Vec<TestUser>, Conversation) {
    let (tokens, now, day) = (Tokens::new(SECRET.as_bytes(), Duration::from_secs(3_600)), Timestamp::now(), 86_400);
    let mut users = Vec::new();
    for number in 0..count {
        let name = format!("member{number}");
        let user = User {
            id: UserId::new(),
            username: Username::parse(&name).unwrap(),
            name: Name::parse(&name).unwrap(),
            created_at: now,
            last_seen_at: None,
        };
        store.insert_user(&user, "no password").await.unwrap();
        let session = Session::new(user.id, now, now.plus(Duration::from_secs(day)));
        store.insert_session(&session).await.unwrap();
        let token = tokens.access(user.id, session.id, now).unwrap();
        users.push(TestUser { address: server.address, id: user.id.to_string(), token, refresh_token: String::new() });
    }
    let room = group(store, &users).await;
    (users, room)
}

/// Inserts a group of these users.
pub(crate) async fn group(store: &dyn Store, users: &[TestUser]) -> Conversation {
    let ids: Vec<UserId> = users.iter().map(|user| UserId::parse(&user.id).unwrap()).collect();
    let group = NewConversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        name: Some(GroupName::parse("All").unwrap()),
        creator_id: ids[0],
        created_at: Timestamp::now(),
        other_ids: ids[1..].to_vec(),
        has_quotas: false,
    };
    store.create_conversation(&group).await.unwrap();
    Conversation::from(&json!({"id": group.id}))
}
