//! Names and texts: what is blank, what is out of place, what is reserved.

use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{Timestamp, UserId};
use chinwag::store::Users;
use serde_json::json;

use super::refused_fields;
use crate::support::client::{PASSWORD, TestUser, post};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    an_account_with_a_reserved_name_keeps_it,
}

/// Texts of which a reader sees nothing.
const BLANK: [&str; 12] = [
    "\u{200B}",
    "\u{3164}",
    "\u{2800}",
    "\u{AD}",
    "\u{115F}\u{1160}",
    "\u{FFA0}",
    "\u{2060}\u{FEFF}",
    "\u{180E}",
    "\u{1D159}",
    "\u{E0020}\u{E007F}",
    " \u{200D}\u{FE0F}\u{3000}",
    "\u{61C}\u{202E}\u{2066}",
];

#[tokio::test]
async fn names_and_texts_that_nobody_sees_are_refused() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let message = format!("{}/{}", room.messages, ada.send(&room, "hello").await["id"].as_str().unwrap());
    for blank in BLANK {
        let registration = json!({"username": "grace", "name": blank, "password": PASSWORD});
        let group = json!({"type": "group", "name": blank, "member_ids": []});
        let (name, content) = (json!({"name": blank}), json!({"content": blank}));
        for (refused, field) in [
            (post(server.address, "/v1/users/register", &registration).await, "name"),
            (ada.patch("/v1/users/me", &name).await, "name"),
            (ada.post("/v1/conversations", &group).await, "name"),
            (ada.patch(&room.path, &name).await, "name"),
            (ada.post(&room.messages, &content).await, "content"),
            (ada.patch(&message, &content).await, "content"),
        ] {
            assert_eq!(refused_fields(&refused), [field], "{blank:?}");
        }
    }
    let shown = ada.get(&room.path).await.expect(200).json();
    assert_eq!((&shown["name"], &shown["last_seq"]), (&json!("Lunch"), &json!(1)));
}

#[tokio::test]
async fn what_changes_the_text_around_a_name_is_refused_in_names_only() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    for unfit in [
        "\u{0}", "\n", "\u{7F}", "\u{85}", "\u{2028}", "\u{2029}", "\u{61C}", "\u{200E}", "\u{200F}", "\u{202A}",
        "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}", "\u{2066}", "\u{2067}", "\u{2068}", "\u{2069}",
    ] {
        let text = format!("Ada{unfit}Lovelace");
        for refused in [
            ada.patch("/v1/users/me", &json!({"name": text})).await,
            ada.patch(&room.path, &json!({"name": text})).await,
        ] {
            assert_eq!(refused_fields(&refused), ["name"], "{unfit:?}");
        }
        if unfit != "\u{0}" {
            assert_eq!(ada.send(&room, &text).await["content"], text);
        }
    }
    // Joiners belong to emoji and to Persian, and Hebrew letters have their direction by themselves.
    for fit in ["👩‍🚀 Ada ❤️", "می‌خواهم", "אדה", "E\u{301}lodie", "林"] {
        assert_eq!(ada.patch("/v1/users/me", &json!({"name": fit})).await.expect(200).json()["name"], fit);
        assert_eq!(ada.patch(&room.path, &json!({"name": fit})).await.expect(200).json()["name"], fit);
    }
}

#[tokio::test]
async fn nobody_registers_a_reserved_username() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    for reserved in
        ["..", "...", "admin", "Admin", "ADMIN", "system", "all", "All", "here", "HERE", "everyone", "Channel"]
    {
        let body = json!({"username": reserved, "name": "Ada", "password": PASSWORD});
        let refused = post(server.address, "/v1/users/register", &body).await;
        assert_eq!(refused_fields(&refused), ["username"], "{reserved}");
    }
    for free in ["admin1", ".a", "hereby", "-."] {
        let body = json!({"username": free, "password": PASSWORD});
        post(server.address, "/v1/users/register", &body).await.expect(201);
    }
}

async fn an_account_with_a_reserved_name_keeps_it(store: StoreKind) {
    let (server, held) = Server::held(store).await;
    let ada = server.register("ada").await;
    let hash = held.credentials("ada").await.unwrap().unwrap().password_hash;
    let admin = User {
        id: UserId::new(),
        username: Username::parse("Admin").unwrap(),
        name: Name::parse("Admin").unwrap(),
        created_at: Timestamp::now(),
        last_seen_at: None,
    };
    held.insert_user(&admin, &hash).await.unwrap();
    let admin = TestUser::login(server.address, "admin").await;
    let me = admin.get("/v1/users/me").await.expect(200).json();
    assert_eq!((&me["username"], &me["name"]), (&json!("Admin"), &json!("Admin")));
    let room = ada.group("Lunch", &[&admin]).await;
    admin.send(&room, "hello").await;
    admin.patch("/v1/users/me", &json!({"name": "The Admin"})).await.expect(200);
}
