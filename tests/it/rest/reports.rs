//! Reports of messages, and removals by operators: over REST, and by the commands beside a running server.

use std::time::{Duration, Instant};

use chinwag::domain::report::Report;
use chinwag::domain::{ConversationId, MessageId, ReportId, Timestamp, UserId};
use chinwag::{limits, store};
use serde_json::{Value, json};

use super::{each, pages, refused_fields};
use crate::support::client::Conversation;
use crate::support::operated::Operated;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    an_operator_sees_what_was_reported_and_nothing_else,
    a_report_is_one_for_each_member_and_message,
    only_members_report_and_only_texts_of_others,
    reports_have_a_rate_of_their_own,
    a_report_outlives_message_sender_reporter_and_conversation,
    settling_removes_the_message_and_all_its_reports,
    a_command_removes_a_message_beside_a_running_server,
    commands_list_and_settle_reports,
    a_page_of_reports_has_fewer_items_than_others,
}

/// The time in which a running server acts on a command.
const PROMISED: Duration = Duration::from_secs(5);

fn report_path(room: &Conversation, message: &Value) -> String {
    format!("{}/{}/report", room.messages, message["id"].as_str().unwrap())
}

/// Waits for the deletion of a message, and checks that it came as soon as promised and says that an operator made it.
async fn assert_removed(socket: &mut Socket, message: &Value, seq: i64, since: Instant) {
    let event = socket.next_of(&["message.deleted"]).await;
    assert!(since.elapsed() < PROMISED, "{:?}", since.elapsed());
    assert_eq!(event["seq"], seq);
    let now = &event["message"];
    assert_eq!((&now["id"], &now["content"]), (&message["id"], &json!("")));
    assert_eq!(now["deleted_by"], "operator", "{event}");
}

async fn an_operator_sees_what_was_reported_and_nothing_else(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let room = ada.direct(&eve).await;
    ada.send(&room, "a secret").await;
    let insult = eve.send(&room, "an insult").await;
    let body = json!({"reason": "It is an insult."});
    let answer = ada.post(&report_path(&room, &insult), &body).await.expect(204);
    assert!(answer.body.is_empty());

    let list = admin.get("/v1/admin/reports").await.expect(200).json();
    let [report] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    for (field, expected) in [
        ("conversation_id", json!(room.id)),
        ("message_id", insult["id"].clone()),
        ("sender_id", json!(eve.id)),
        ("sender_username", json!("eve")),
        ("content", json!("an insult")),
        ("sent_at", insult["timestamp"].clone()),
        ("reporter_id", json!(ada.id)),
        ("reporter_username", json!("ada")),
        ("reason", json!("It is an insult.")),
        ("settled_at", Value::Null),
        ("resolution", Value::Null),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    assert!(!list.to_string().contains("a secret"));
    assert_eq!(admin.get(&room.messages).await.problem(), (404, "not_found".to_owned()));

    let path = format!("/v1/admin/reports/{}", report["id"].as_str().unwrap());
    let settled = admin.patch(&path, &json!({"resolution": "dismissed"})).await.expect(200).json();
    assert!(settled["settled_at"].is_string() && settled["resolution"] == "dismissed", "{settled}");
    assert_eq!(admin.patch(&path, &json!({"resolution": "removed"})).await.expect(200).json(), settled, "it stays so");
    assert_eq!(admin.get("/v1/admin/reports").await.json(), json!({"items": [], "next": null}));
    assert_eq!(admin.get("/v1/admin/reports?state=settled").await.json()["items"], json!([settled]));
    assert_eq!(ada.get(&room.messages).await.json()["items"][1]["content"], "an insult");

    for (path, body, field) in [(&path, json!({"resolution": "x"}), "resolution"), (&path, json!({}), "resolution")] {
        assert_eq!(refused_fields(&admin.patch(path, &body).await), [field]);
    }
    assert_eq!(refused_fields(&admin.get("/v1/admin/reports?state=x").await), ["state"]);
    assert_eq!(refused_fields(&admin.get("/v1/admin/reports?cursor=x").await), ["cursor"]);
    let nothing = "/v1/admin/reports/0199a000-0000-7000-8000-000000000000";
    assert_eq!(admin.patch(nothing, &json!({"resolution": "removed"})).await.problem().0, 404);
}

async fn a_report_is_one_for_each_member_and_message(store: StoreKind) {
    let chinwag = Operated::on(store, &["--rate-limits", "off"]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let grace = chinwag.server.register("grace").await;
    let room = eve.group("Lunch", &[&ada, &grace]).await;
    let first = eve.send(&room, "first").await;
    let second = eve.send(&room, "second").await;
    // Many tries at once are one report.
    let tries = (0..5).map(|_| async { ada.post(&report_path(&room, &first), &json!({})).await.expect(204) });
    futures_util::future::join_all(tries).await;
    eve.patch(&format!("{}/{}", room.messages, first["id"].as_str().unwrap()), &json!({"content": "changed"})).await;
    ada.post(&report_path(&room, &first), &json!({"reason": "again"})).await.expect(204);
    let mut socket = grace.connect("/ws").await;
    let input = json!({"message_id": first["id"], "conversation_id": room.id});
    socket.send(&json!({"type": "message.report", "ref": "r", "input": input})).await;
    assert_eq!(socket.next_of(&["reply", "error"]).await["status"], 204);
    ada.post(&report_path(&room, &second), &json!({})).await.expect(204);

    let list = admin.get("/v1/admin/reports").await.json();
    assert_eq!(each(&list, "/content"), ["first", "changed", "second"], "each has the text as it was then");
    assert_eq!(each(&list, "/reporter_username"), ["ada", "grace", "ada"]);
    assert_eq!(each(&list, "/reason"), [Value::Null, Value::Null, Value::Null]);
    let (contents, lengths) = pages(&admin, "/v1/admin/reports?limit=2", "/content").await;
    assert_eq!((contents, lengths), (each(&list, "/content"), vec![2, 1]));
    // A report that is settled stays the only one of its member.
    let path = format!("/v1/admin/reports/{}", list["items"][2]["id"].as_str().unwrap());
    admin.patch(&path, &json!({"resolution": "dismissed"})).await.expect(200);
    ada.post(&report_path(&room, &second), &json!({})).await.expect(204);
    assert_eq!(each(&admin.get("/v1/admin/reports").await.json(), "/content"), ["first", "changed"]);
}

async fn only_members_report_and_only_texts_of_others(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let room = ada.group("Lunch", &[]).await;
    let message = ada.send(&room, "hello").await;
    let path = report_path(&room, &message);
    assert_eq!(eve.post(&path, &json!({})).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(admin.post(&path, &json!({})).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(ada.post(&path, &json!({})).await.problem(), (403, "forbidden".to_owned()), "her own");
    let added = ada.post(&room.members, &json!({"user_id": eve.id})).await.expect(201);
    assert_eq!(added.json()["role"], "member");
    let system = ada.get(&room.messages).await.json()["items"][1].clone();
    assert_eq!(eve.post(&report_path(&room, &system), &json!({})).await.problem().0, 403);
    let long = "x".repeat(limits::REPORT_REASON_CHARS_MAX + 1);
    for reason in [json!(""), json!(" "), json!("a\0b"), json!(long), json!(7)] {
        assert_eq!(refused_fields(&eve.post(&path, &json!({"reason": reason})).await), ["reason"]);
    }
    let unknown = path.replace(message["id"].as_str().unwrap(), "0199a000-0000-7000-8000-000000000000");
    assert_eq!(eve.post(&unknown, &json!({})).await.problem().0, 404);
    ada.delete(&format!("{}/{}", room.messages, message["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(eve.post(&path, &json!({})).await.problem().0, 404, "its text is gone");
    assert_eq!(admin.get("/v1/admin/reports").await.json()["items"], json!([]));
}

async fn reports_have_a_rate_of_their_own(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, eve) = (server.register("ada").await, server.register("eve").await);
    let room = ada.direct(&eve).await;
    let message = eve.send(&room, "hello").await;
    for _ in 0..limits::REPORTS.burst {
        ada.post(&report_path(&room, &message), &json!({})).await.expect(204);
    }
    let refused = ada.post(&report_path(&room, &message), &json!({})).await;
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert!(refused.header("retry-after").is_some());
    ada.send(&room, "all else goes on").await;
}

async fn a_report_outlives_message_sender_reporter_and_conversation(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let room = eve.group("Lunch", &[&ada]).await;
    let insult = eve.send(&room, "an insult").await;
    ada.post(&report_path(&room, &insult), &json!({"reason": "rude"})).await.expect(204);
    eve.delete(&format!("{}/{}", room.messages, insult["id"].as_str().unwrap())).await.expect(204);
    eve.delete(&room.path).await.expect(204);
    chinwag.command(&["user", "delete", "eve"]).await;
    chinwag.command(&["user", "delete", "ada"]).await;

    let list = admin.get("/v1/admin/reports").await.json();
    assert_eq!((each(&list, "/content"), each(&list, "/reason")), (vec![json!("an insult")], vec![json!("rude")]));
    for name in ["sender_username", "reporter_username"] {
        let username = list["items"][0][name].as_str().unwrap();
        assert!(username.starts_with("deleted-"), "{name}: {username}");
    }
    let path = format!("/v1/admin/reports/{}", list["items"][0]["id"].as_str().unwrap());
    let settled = admin.patch(&path, &json!({"resolution": "removed"})).await.expect(200).json();
    assert_eq!(settled["resolution"], "removed", "there is nothing left to remove");
}

async fn settling_removes_the_message_and_all_its_reports(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let grace = chinwag.server.register("grace").await;
    let room = eve.group("Lunch", &[&ada, &grace]).await;
    let (insult, other) = (eve.send(&room, "an insult").await, eve.send(&room, "another").await);
    for reporter in [&ada, &grace] {
        reporter.post(&report_path(&room, &insult), &json!({})).await.expect(204);
    }
    ada.post(&report_path(&room, &other), &json!({})).await.expect(204);
    let mut socket = ada.connect("/ws").await;
    let list = admin.get("/v1/admin/reports").await.json();
    let path = format!("/v1/admin/reports/{}", list["items"][0]["id"].as_str().unwrap());
    let since = Instant::now();
    admin.patch(&path, &json!({"resolution": "removed"})).await.expect(200);
    assert_removed(&mut socket, &insult, 3, since).await;
    assert_eq!(each(&admin.get("/v1/admin/reports").await.json(), "/content"), ["another"]);
    let settled = admin.get("/v1/admin/reports?state=settled").await.json();
    assert_eq!(each(&settled, "/resolution"), ["removed", "removed"]);

    // The same by the ids alone, once.
    let path =
        |message: &Value| format!("/v1/admin/conversations/{}/messages/{}", room.id, message["id"].as_str().unwrap());
    let since = Instant::now();
    admin.delete(&path(&other)).await.expect(204);
    assert_removed(&mut socket, &other, 4, since).await;
    admin.delete(&path(&other)).await.expect(204);
    let history = ada.get(&room.messages).await.json();
    assert_eq!(history["last_seq"], 4, "the second removal is no event");
    assert_eq!(each(&history, "/deleted_by"), ["operator", "operator"]);
    let unknown = path(&json!({"id": "0199a000-0000-7000-8000-000000000000"}));
    assert_eq!(admin.delete(&unknown).await.problem(), (404, "not_found".to_owned()));
}

async fn a_command_removes_a_message_beside_a_running_server(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let room = ada.direct(&eve).await;
    let insult = eve.send(&room, "an insult").await;
    let (mut all, mut one) = (ada.connect("/ws").await, ada.connect(&room.socket).await);
    let since = Instant::now();
    let id = insult["id"].as_str().unwrap();
    assert_eq!(chinwag.command(&["message", "remove", &room.id, id]).await, "");
    assert_removed(&mut all, &insult, 2, since).await;
    assert_removed(&mut one, &insult, 2, since).await;
    chinwag.command(&["message", "remove", &room.id, id]).await;
    // A send goes on with the next number.
    assert_eq!(ada.send(&room, "thanks").await["seq"], 3);
    assert_eq!(all.next_of(&["message.new", "message.deleted"]).await["seq"], 3);

    let nothing = "0199a000-0000-7000-8000-000000000000";
    for (conversation, message, because) in [
        (room.id.as_str(), nothing, "no such message"),
        (nothing, id, "no such conversation"),
        (room.id.as_str(), "x", "no such message"),
        ("x", id, "no such conversation"),
    ] {
        let error = chinwag.refused(&["message", "remove", conversation, message]).await;
        assert!(error.contains(because) && error.lines().count() == 1, "{error}");
    }
}

async fn commands_list_and_settle_reports(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let room = ada.direct(&eve).await;
    let (insult, harmless) = (eve.send(&room, "an\tinsult\n").await, eve.send(&room, "harmless").await);
    for message in [&insult, &harmless] {
        ada.post(&report_path(&room, message), &json!({})).await.expect(204);
    }
    let list = chinwag.command(&["report", "list"]).await;
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows.len(), rows[0][2], rows[0][3], rows[0][4]), (2, "ada", "eve", room.id.as_str()), "{list}");
    assert_eq!((rows[0][5], rows[0][7]), (insult["id"].as_str().unwrap(), r#""an\tinsult\n""#));
    let mut socket = ada.connect("/ws").await;
    let since = Instant::now();
    assert_eq!(chinwag.command(&["report", "settle", rows[0][0], "--remove"]).await, "");
    assert_removed(&mut socket, &insult, 3, since).await;
    chinwag.command(&["report", "settle", rows[1][0]]).await;
    chinwag.command(&["report", "settle", rows[1][0], "--remove"]).await;
    assert_eq!(ada.get(&room.messages).await.json()["items"][1]["content"], "harmless", "it is settled");
    assert_eq!(chinwag.command(&["report", "list"]).await, "");
    let settled = chinwag.command(&["report", "list", "--settled"]).await;
    assert_eq!(settled.lines().count(), 2);
    for id in ["x", "0199a000-0000-7000-8000-000000000000"] {
        assert!(chinwag.refused(&["report", "settle", id]).await.contains("no such report"));
    }
}

async fn a_page_of_reports_has_fewer_items_than_others(store: StoreKind) {
    const FURTHER: usize = 5;
    let chinwag = Operated::on(store, &[]).await;
    let admin = chinwag.admin("root").await;
    let (ada, eve) = (chinwag.server.register("ada").await, chinwag.server.register("eve").await);
    let user_id = |id: &str| UserId::parse(id).unwrap();
    // Beside the server: a user can make them at one a minute.
    let beside = store::open(&chinwag.url).await.unwrap();
    for number in 0..limits::REPORTS_PAGE_MAX + FURTHER {
        let report = Report {
            id: ReportId::new(),
            reporter_id: user_id(&ada.id),
            conversation_id: ConversationId::new(),
            message_id: MessageId::new(),
            sender_id: user_id(&eve.id),
            content: number.to_string(),
            sent_at: Timestamp::now(),
            reason: None,
            created_at: Timestamp::now(),
            settled: None,
        };
        beside.insert_report(&report).await.unwrap();
    }
    let page = admin.get("/v1/admin/reports?limit=200").await.expect(200).json();
    assert_eq!(each(&page, "/content").len(), limits::REPORTS_PAGE_MAX);
    let next = format!("/v1/admin/reports?limit=200&cursor={}", page["next"].as_str().unwrap());
    let last = admin.get(&next).await.expect(200).json();
    assert_eq!(each(&last, "/content"), ["160", "161", "162", "163", "164"]);
    assert_eq!(last["next"], Value::Null);
}
