//! Reactions over REST.

use std::collections::BTreeMap;

use chinwag::limits::{REACTION_KINDS_ALONE_MAX, REACTION_KINDS_MAX, REACTIONS};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{each, pages, refused_fields};
use crate::support::client::{Conversation, TestUser};
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_reaction_is_counted_and_ones_own_is_marked,
    every_form_of_an_emoji_is_one_reaction,
    what_is_no_emoji_is_refused,
    a_message_has_twenty_kinds_of_reactions,
    nobody_has_more_than_five_kinds_alone,
    admins_of_a_group_remove_a_kind,
    who_reacted_is_listed_in_pages,
    only_members_react_whatever_their_role,
    system_messages_and_deleted_ones_take_none,
    a_block_refuses_reactions_and_lets_them_be_taken_back,
    reactions_have_a_rate_of_their_own,
    reactions_change_neither_order_nor_unread_counts,
}

const THUMB: &str = "\u{1F44D}";
const HEART: &str = "\u{2764}\u{FE0F}";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn reactions(room: &Conversation, message: &Value) -> String {
    format!("{}/{}/reactions", room.messages, message["id"].as_str().unwrap())
}

fn path(room: &Conversation, message: &Value, emoji: &str) -> String {
    format!("{}/{}", reactions(room, message), encoded(emoji))
}

/// Returns the reactions of the newest message as this user sees them in the history.
async fn seen(user: &TestUser, room: &Conversation) -> Value {
    let page = user.get(&room.messages).await.expect(200).json();
    page["items"].as_array().unwrap().last().unwrap()["reactions"].clone()
}

async fn a_reaction_is_counted_and_ones_own_is_marked(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    for (user, emoji) in [(&grace, THUMB), (&ada, THUMB), (&ada, HEART), (&ada, HEART)] {
        let answer = user.put(&path(&room, &message, emoji)).await.expect(204);
        assert!(answer.body.is_empty());
    }
    let of = |hearts_own: bool| {
        json!([
            {"emoji": THUMB, "count": 2, "me": true}, {"emoji": HEART, "count": 1, "me": hearts_own},
        ])
    };
    assert_eq!((seen(&ada, &room).await, seen(&grace, &room).await), (of(true), of(false)));
    for query in ["?around_seq=1", "?after_seq=0", "?before_seq=9"] {
        let page = grace.get(&format!("{}{query}", room.messages)).await.expect(200).json();
        assert_eq!(page["items"][0]["reactions"], of(false), "{query}");
    }
    let latest = grace.get(&room.path).await.expect(200).json()["last_message"].take();
    let counts = json!([{"emoji": THUMB, "count": 2}, {"emoji": HEART, "count": 1}]);
    assert_eq!(latest["reactions"], counts, "`me` stands in the history alone");
    let retry = ada.post(&room.messages, &json!({"id": message["id"], "content": "hello"})).await.expect(200).json();
    assert_eq!(retry["reactions"], counts);

    for _ in 0..2 {
        ada.delete(&path(&room, &message, THUMB)).await.expect(204);
    }
    grace.delete(&path(&room, &message, HEART)).await.expect(204);
    let left = json!([{"emoji": THUMB, "count": 1, "me": false}, {"emoji": HEART, "count": 1, "me": true}]);
    assert_eq!(seen(&ada, &room).await, left);
    let page = ada.get(&room.messages).await.expect(200).json();
    assert_eq!(page["last_seq"], 5, "what changed nothing took no number");
    grace.delete(&path(&room, &message, THUMB)).await.expect(204);
    ada.delete(&path(&room, &message, HEART)).await.expect(204);
    assert_eq!(seen(&ada, &room).await, json!([]));
}

async fn every_form_of_an_emoji_is_one_reaction(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    let forms = [
        "\u{2764}",
        HEART,
        "\u{1F44D}\u{FE0F}",
        THUMB,
        "\u{1F44D}\u{1F3FD}",
        "#\u{20E3}",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}",
        "\u{1F3F4}\u{200D}\u{2620}",
    ];
    for (number, form) in forms.iter().enumerate() {
        [&ada, &grace][number / 2 % 2].put(&path(&room, &message, form)).await.expect(204);
    }
    let seen = seen(&ada, &room).await;
    let kinds: Vec<&str> = seen.as_array().unwrap().iter().map(|kind| kind["emoji"].as_str().unwrap()).collect();
    let expected = [
        HEART,
        THUMB,
        "\u{1F44D}\u{1F3FD}",
        "#\u{FE0F}\u{20E3}",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}",
        "\u{1F3F4}\u{200D}\u{2620}\u{FE0F}",
    ];
    assert_eq!(kinds, expected);
    ada.delete(&path(&room, &message, "\u{2764}")).await.expect(204);
    let listed = ada.get(&format!("{}?emoji={}", reactions(&room, &message), encoded("\u{1F44D}\u{FE0F}"))).await;
    assert_eq!(each(&listed.expect(200).json(), "/emoji"), [json!(THUMB)]);
}

async fn what_is_no_emoji_is_refused(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    let long = THUMB.repeat(200);
    for text in [
        "a",
        "thumbsup",
        ":+1:",
        "1",
        " ",
        "\u{200D}",
        "\u{FE0F}",
        "\u{1F3FD}",
        "\u{1F44D}\u{1F44D}",
        "\u{1F1E9}",
        "\u{2764}\u{FE0E}",
        "<script>",
        "';--",
        &long,
    ] {
        let refused = [
            ada.put(&path(&room, &message, text)).await,
            ada.delete(&path(&room, &message, text)).await,
            ada.get(&format!("{}?emoji={}", reactions(&room, &message), encoded(text))).await,
        ];
        for refused in refused {
            assert_eq!(refused_fields(&refused), ["emoji"], "{}", text.escape_unicode());
        }
    }
    for (path, status) in [("/%F0%9F%91", 400), ("/%zz", 400), ("/%00", 400), ("/", 404)] {
        ada.put(&format!("{}{path}", reactions(&room, &message))).await.expect(status);
    }
    assert_eq!(seen(&ada, &room).await, json!([]));
}

fn animals(count: usize) -> Vec<String> {
    (0x1F400..).filter_map(char::from_u32).map(String::from).take(count).collect()
}

async fn a_message_has_twenty_kinds_of_reactions(store: StoreKind) {
    const MEMBERS: usize = REACTION_KINDS_MAX / REACTION_KINDS_ALONE_MAX + 1;
    let server = Server::on(store).await;
    let mut users = Vec::new();
    for number in 0..MEMBERS {
        users.push(server.register(&format!("user{number}")).await);
    }
    let room = users[0].group("Lunch", &users[1..].iter().collect::<Vec<_>>()).await;
    let message = users[0].send(&room, "hello").await;
    let animals = animals(REACTION_KINDS_MAX + 1);
    for (number, animal) in animals[..REACTION_KINDS_MAX].iter().enumerate() {
        users[number % MEMBERS].put(&path(&room, &message, animal)).await.expect(204);
    }
    let last = path(&room, &message, &animals[REACTION_KINDS_MAX]);
    assert_eq!(refused_fields(&users[0].put(&last).await), ["emoji"]);
    users[0].put(&path(&room, &message, &animals[0])).await.expect(204);
    users[0].delete(&path(&room, &message, &animals[0])).await.expect(204);
    users[0].put(&last).await.expect(204);
    assert_eq!(seen(&users[0], &room).await.as_array().unwrap().len(), REACTION_KINDS_MAX);
}

async fn nobody_has_more_than_five_kinds_alone(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    let animals = animals(REACTION_KINDS_ALONE_MAX + 2);
    let (few, [new, graces]) = animals.split_at(REACTION_KINDS_ALONE_MAX) else { panic!("two more") };
    for animal in few {
        ada.put(&path(&room, &message, animal)).await.expect(204);
    }
    assert_eq!(refused_fields(&ada.put(&path(&room, &message, new)).await), ["emoji"]);
    let mut socket = ada.connect("/ws").await;
    let input = json!({"message_id": message["id"], "emoji": new});
    socket.send(&json!({"type": "reaction.add", "ref": "r", "conversation_id": room.id, "input": input})).await;
    assert_eq!(socket.next_of(&["reply", "error"]).await["code"], "invalid");
    grace.put(&path(&room, &message, graces)).await.expect(204);
    ada.put(&path(&room, &message, graces)).await.expect(204);
    ada.put(&path(&room, &ada.send(&room, "another message").await, new)).await.expect(204);
    assert_eq!(refused_fields(&ada.put(&path(&room, &message, new)).await), ["emoji"]);
    grace.put(&path(&room, &message, &few[0])).await.expect(204);
    ada.put(&path(&room, &message, new)).await.expect(204);
}

/// Returns the owner, an admin and a member of a group, and a user who is not in it.
async fn ranks(server: &Server) -> ([TestUser; 4], Conversation) {
    let (owner, admin, member, eve) = (
        server.register("owner1").await,
        server.register("admin1").await,
        server.register("member1").await,
        server.register("eve").await,
    );
    let room = owner.group("Lunch", &[&admin, &member]).await;
    owner.patch(&format!("{}/{}", room.members, admin.id), &json!({"role": "admin"})).await.expect(200);
    ([owner, admin, member, eve], room)
}

async fn admins_of_a_group_remove_a_kind(store: StoreKind) {
    let server = Server::on(store).await;
    let ([owner, admin, member, eve], room) = ranks(&server).await;
    let message = owner.send(&room, "hello").await;
    let kind = |emoji: &str| format!("{}?emoji={}", reactions(&room, &message), encoded(emoji));
    let mut live = member.connect(&room.socket).await;
    for (user, emoji) in [(&member, THUMB), (&admin, THUMB), (&member, HEART)] {
        user.put(&path(&room, &message, emoji)).await.expect(204);
        live.next_of(&["reactions.changed"]).await;
    }
    assert_eq!(member.delete(&kind(THUMB)).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(eve.delete(&kind(THUMB)).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(refused_fields(&admin.delete(&reactions(&room, &message)).await), ["emoji"]);
    assert_eq!(refused_fields(&admin.delete(&kind("x")).await), ["emoji"]);
    admin.delete(&kind("\u{1F389}")).await.expect(204);
    admin.delete(&kind(THUMB)).await.expect(204);
    let expected = json!({
        "type": "reactions.changed", "conversation_id": room.id, "seq": 6, "message_id": message["id"],
        "reactions": [{"emoji": HEART, "count": 1}],
    });
    assert_eq!(live.next_of(&["reactions.changed"]).await, expected, "what is not there takes no number");
    let listed = member.get(&reactions(&room, &message)).await.expect(200).json();
    assert_eq!(each(&listed, "/emoji"), [json!(HEART)]);
    member.put(&path(&room, &message, THUMB)).await.expect(204);
    let thumb = json!({"emoji": THUMB, "count": 1, "me": true});
    assert_eq!(seen(&member, &room).await[1], thumb, "it can come again");

    let mut socket = owner.connect("/ws").await;
    let input = json!({"message_id": message["id"], "emoji": HEART});
    for status in [204, 204] {
        socket.send(&json!({"type": "reaction.clear", "ref": "r", "conversation_id": room.id, "input": input})).await;
        assert_eq!(socket.next_of(&["reply", "error"]).await["status"], status);
    }
    assert_eq!(seen(&member, &room).await, json!([thumb]));
    let pair = owner.direct(&member).await;
    let message = member.send(&pair, "hello").await;
    member.put(&path(&pair, &message, THUMB)).await.expect(204);
    let path = format!("{}?emoji={}", reactions(&pair, &message), encoded(THUMB));
    for user in [&owner, &member] {
        assert_eq!(user.delete(&path).await.problem(), (403, "forbidden".to_owned()), "a direct one has no admin");
    }
}

async fn who_reacted_is_listed_in_pages(store: StoreKind) {
    let server = Server::on_with(store, &["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let mut others = Vec::new();
    for name in ["bob", "cat", "dan"] {
        others.push(server.register(name).await);
    }
    let room = ada.group("Lunch", &others.iter().collect::<Vec<_>>()).await;
    let message = ada.send(&room, "hello").await;
    let list = reactions(&room, &message);
    assert_eq!(ada.get(&list).await.expect(200).json(), json!({"items": [], "next": null}));
    for user in &others {
        user.put(&path(&room, &message, THUMB)).await.expect(204);
    }
    ada.put(&path(&room, &message, HEART)).await.expect(204);
    let page = ada.get(&list).await.expect(200).json();
    assert_eq!(page["next"], Value::Null);
    let first = &page["items"][0];
    let user = ada.get(&format!("/v1/users/{}", ada.id)).await.expect(200).json();
    assert_eq!(*first, json!({"emoji": HEART, "user": user}));
    let (ids, lengths) = pages(&ada, &format!("{list}?limit=1"), "/user/id").await;
    assert_eq!((ids, lengths), (each(&page, "/user/id"), vec![1; 4]));
    let (emoji, lengths) = pages(&ada, &format!("{list}?limit=2&emoji={}", encoded(THUMB)), "/emoji").await;
    assert_eq!((emoji, lengths), (vec![json!(THUMB); 3], vec![2, 1]));
    for query in ["?cursor=x", "?cursor=AA", "?cursor=YWRh", "?limit=0", "?limit=201"] {
        assert_eq!(ada.get(&format!("{list}{query}")).await.problem(), (422, "invalid".to_owned()), "{query}");
    }
}

async fn only_members_react_whatever_their_role(store: StoreKind) {
    let server = Server::on(store).await;
    let ([owner, admin, member, eve], room) = ranks(&server).await;
    let (own, foreign) = (member.send(&room, "mine").await, owner.send(&room, "hers").await);
    let unknown = json!({"id": Uuid::now_v7()});
    for message in [&own, &foreign] {
        for user in [&owner, &admin, &member] {
            user.put(&path(&room, message, THUMB)).await.expect(204);
            user.get(&reactions(&room, message)).await.expect(200);
        }
        for user in [&owner, &admin, &member] {
            user.delete(&path(&room, message, THUMB)).await.expect(204);
        }
        let not_found = (404, "not_found".to_owned());
        for room in [&room, &Conversation::from(&json!({"id": Uuid::now_v7()}))] {
            assert_eq!(eve.put(&path(room, message, THUMB)).await.problem(), not_found);
            assert_eq!(eve.delete(&path(room, message, THUMB)).await.problem(), not_found);
            assert_eq!(eve.get(&reactions(room, message)).await.problem(), not_found);
        }
    }
    for user in [&owner, &admin, &member] {
        for answer in [
            user.put(&path(&room, &unknown, THUMB)).await,
            user.delete(&path(&room, &unknown, THUMB)).await,
            user.get(&reactions(&room, &unknown)).await,
        ] {
            assert_eq!(answer.problem(), (404, "not_found".to_owned()));
        }
    }
    member.put(&path(&room, &foreign, THUMB)).await.expect(204);
    owner.delete(&path(&room, &foreign, THUMB)).await.expect(204);
    let left = json!([{"emoji": THUMB, "count": 1, "me": false}]);
    assert_eq!(seen(&owner, &room).await, left, "nobody takes back the reaction of another");
    member.delete(&format!("{}/{}", room.members, member.id)).await.expect(204);
    assert_eq!(member.put(&path(&room, &own, THUMB)).await.status, 404, "who has left does not react");
    let page = owner.get(&format!("{}?around_seq={}", room.messages, foreign["seq"])).await.expect(200).json();
    let foreign = page["items"].as_array().unwrap().iter().find(|item| item["id"] == foreign["id"]).unwrap();
    assert_eq!(foreign["reactions"], left, "their reactions stay, as their messages do");
}

async fn system_messages_and_deleted_ones_take_none(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let message = ada.send(&room, "hello").await;
    ada.patch(&room.path, &json!({"name": "Dinner"})).await.expect(200);
    let page = ada.get(&room.messages).await.expect(200).json();
    let system = &page["items"][1];
    assert_eq!(system["type"], "system");
    for answer in [ada.put(&path(&room, system, THUMB)).await, ada.delete(&path(&room, system, THUMB)).await] {
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
    }
    grace.put(&path(&room, &message, THUMB)).await.expect(204);
    ada.delete(&format!("{}/{}", room.messages, message["id"].as_str().unwrap())).await.expect(204);
    for answer in [grace.put(&path(&room, &message, HEART)).await, grace.delete(&path(&room, &message, THUMB)).await] {
        assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    }
    let page = grace.get(&room.messages).await.expect(200).json();
    assert_eq!(page["items"][0]["reactions"], json!([]));
    let listed = grace.get(&reactions(&room, &message)).await.expect(200).json();
    assert_eq!(listed["items"], json!([]), "the tombstone has none");
}

async fn a_block_refuses_reactions_and_lets_them_be_taken_back(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let message = ada.send(&room, "hello").await;
    grace.put(&path(&room, &message, THUMB)).await.expect(204);
    ada.put(&format!("/v1/users/{}/block", grace.id)).await.expect(204);
    let refused = grace.post(&room.messages, &json!({"content": "why?"})).await;
    for user in [&grace, &ada] {
        let answer = user.put(&path(&room, &message, HEART)).await;
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
        assert_eq!(answer.json()["detail"], refused.json()["detail"], "as a send is refused");
    }
    grace.put(&path(&room, &message, THUMB)).await.expect(204);
    grace.delete(&path(&room, &message, THUMB)).await.expect(204);
    assert_eq!(seen(&ada, &room).await, json!([]));
    assert_eq!(grace.put(&path(&room, &message, THUMB)).await.status, 403);
}

async fn reactions_have_a_rate_of_their_own(store: StoreKind) {
    let server = Server::on(store).await;
    let ada = server.register("ada").await;
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    let mut answers: BTreeMap<u16, u32> = BTreeMap::new();
    let refused = loop {
        let answer = ada.put(&path(&room, &message, THUMB)).await;
        *answers.entry(answer.status).or_default() += 1;
        if answer.status != 204 {
            break answer;
        }
    };
    assert!(answers[&204] >= REACTIONS.burst && answers[&204] <= 2 * REACTIONS.burst, "{answers:?}");
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    let wait = refused.json()["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000 / u64::from(REACTIONS.per_minute)).contains(&wait), "{wait}");
    ada.send(&room, "sends go on").await;
    ada.get(&reactions(&room, &message)).await.expect(200);
}

async fn reactions_change_neither_order_nor_unread_counts(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let (first, second) = (ada.group("First", &[&grace]).await, ada.group("Second", &[&grace]).await);
    let message = ada.send(&first, "one").await;
    ada.send(&second, "two").await;
    let listed = async || {
        let page = grace.get("/v1/conversations").await.expect(200).json();
        (each(&page, "/name"), each(&page, "/unread_count"))
    };
    let before = listed().await;
    assert_eq!(before, (vec![json!("Second"), json!("First")], vec![json!(1), json!(1)]));
    ada.put(&path(&first, &message, THUMB)).await.expect(204);
    grace.put(&path(&first, &message, HEART)).await.expect(204);
    assert_eq!(listed().await, before);
}
