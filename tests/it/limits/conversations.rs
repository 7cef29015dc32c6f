//! Users who are in very many conversations.

use std::collections::HashSet;

use chinwag::domain::conversation::{ConversationKind, GroupName, NewConversation};
use chinwag::domain::{ConversationId, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::Conversations;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use crate::support::client::TestUser;
use crate::support::server::{Server, StoreKind};

on_each_store! {
    ten_thousand_groups_of_a_stranger_deafen_nobody,
}

/// More than a connection gets with one permit.
const GROUPS: usize = limits::SUBSCRIBED_AT_ONCE_MAX + 80;
/// Groups that are created at a time.
const AT_ONCE: usize = 16;

/// Puts a user into very many groups, directly in the store: over REST they take an attacker minutes.
async fn crowd(store: &dyn Conversations, attacker: &TestUser, victim: &TestUser) -> Vec<ConversationId> {
    let user_id = |user: &TestUser| UserId::parse(&user.id).unwrap();
    let (creator_id, victim_id) = (user_id(attacker), user_id(victim));
    let group = || NewConversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        name: Some(GroupName::parse("Come in").unwrap()),
        creator_id,
        created_at: Timestamp::now(),
        other_ids: vec![victim_id],
        has_quotas: false,
    };
    let groups: Vec<NewConversation> = (0..GROUPS).map(|_| group()).collect();
    for page in groups.chunks(AT_ONCE) {
        for created in join_all(page.iter().map(|group| store.create_conversation(group))).await {
            created.unwrap();
        }
    }
    groups.into_iter().map(|group| group.id).collect()
}

async fn ten_thousand_groups_of_a_stranger_deafen_nobody(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (joan, mallory) = (server.register("joan").await, server.register("mallory").await);
    // The groups come between a conversation with an old and one with a new friend, in the order of their ids and of their activity.
    let old = ada.direct(&grace).await;
    let groups = crowd(&*held_store, &mallory, &ada).await;
    let new = ada.direct(&joan).await;

    let mut socket = ada.connect("/ws").await;
    for (friend, room) in [(&grace, &old), (&joan, &new)] {
        friend.send(room, "are you there?").await;
        let frame = socket.next_of(&["message.new"]).await;
        assert_eq!((&frame["conversation_id"], &frame["seq"]), (&json!(room.id), &json!(1)));
    }

    // A client that was away gets what it missed in each of them. The pages between the first and the last one are like these.
    let mut held = ada.connect("/ws?hold=1").await;
    let of = |id: &ConversationId| id.to_string();
    let (first, last) = (
        groups[..limits::RESUME_CONVERSATIONS_MAX - 1].iter(),
        groups[GROUPS + 1 - limits::RESUME_CONVERSATIONS_MAX..].iter(),
    );
    for (room, page) in [(&old, first.map(of).collect::<Vec<_>>()), (&new, last.map(of).collect())] {
        let points: Map<String, Value> = page.iter().chain([&room.id]).map(|id| (id.clone(), json!(0))).collect();
        held.send(&json!({"type": "resume", "conversations": points})).await;
        let (mut missed, mut resumed) = (Vec::new(), HashSet::new());
        while resumed.len() < points.len() {
            let frame = held.next_of(&["message.new", "resumed"]).await;
            let id = frame["conversation_id"].as_str().unwrap().to_owned();
            if frame["type"] == "resumed" {
                assert!(resumed.insert(id));
            } else {
                missed.push(id);
            }
        }
        assert_eq!(missed, [room.id.as_str()]);
    }
}
