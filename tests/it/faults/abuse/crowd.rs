//! The same attacks among many users, messages and groups.

use hyper::Method;
use serde_json::json;

use super::fill::{Sizes, fill};
use super::{Fixture, try_request};
use crate::support::client::TestUser;
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;
use crate::support::socket::Socket;

on_each_store! {
    one_user_among_many,
}

/// What there is besides the attacker's and the bystander's: in the suite, and in `make faults`.
const SIZES: [Sizes; 2] = [
    Sizes { users: 3_000, messages: 10_000, groups: 100, members: 200 },
    Sizes { users: 300_000, messages: 1_000_000, groups: 4_000, members: 200 },
];

async fn one_user_among_many(store: StoreKind) {
    let sizes = &SIZES[usize::from(FaultRun::new("one_user_among_many").is_thorough())];
    let mut fixture = Fixture::set(store).await;
    let own = fixture.mallory.group("Monologue", &[]).await;
    fixture.node.kill().await;
    fill(&fixture.node, store, &fixture.mallory, &own, sizes).await;
    fixture.node.start().await;

    fixture.withstand("begins_with_many_groups", 40, own.clone(), |mallory, _, _| Box::pin(begin(mallory))).await;
    fixture
        .withstand("searches_of_many_users", 30, own.clone(), |mallory, _, number| {
            Box::pin(async move {
                for q in ["nobody", "n1%20n2", "many%20n", "@u"] {
                    try_request(&mallory, Method::GET, &format!("/v1/users?limit=200&q={q}{number}"), None).await;
                }
            })
        })
        .await;
    fixture
        .withstand("pages_of_many_messages", 60, own.clone(), |mallory, own, number| {
            Box::pin(async move {
                let before = 1 + (number * 7_919) % SIZES[0].messages;
                let page = format!("{}?limit=200&before_seq={before}", own.messages);
                try_request(&mallory, Method::GET, &page, None).await;
                try_request(&mallory, Method::GET, "/v1/conversations?limit=200", None).await;
            })
        })
        .await;
    fixture
        .withstand("the_deletion_of_many_messages", 4, own, |mallory, own, _| {
            Box::pin(async move {
                try_request(&mallory, Method::DELETE, &own.path, None).await;
                try_request(&mallory, Method::PATCH, "/v1/users/me", Some(&json!({"name": "M"}))).await;
            })
        })
        .await;
}

/// Opens a connection to all conversations, and closes it after `hello`.
async fn begin(mallory: TestUser) {
    let bearer = format!("Bearer {}", mallory.token);
    if let Ok(mut socket) = Socket::open(mallory.address, "/ws", &[("authorization", &bearer)]).await {
        socket.first().await;
    }
}
