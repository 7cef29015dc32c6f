//! Quotas of the conversations that one user makes.

use chinwag::limits::CONVERSATIONS_NEW_A_DAY_MAX;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::{Response, TestUser};
use crate::support::operated::Operated;
use crate::support::server::{Server, StoreKind};

on_each_store! {
    a_stranger_begins_two_hundred_conversations_a_day,
    what_a_user_has_made_has_a_quota_that_operators_raise,
    one_is_left_of_two_that_are_created_at_once,
    without_rate_limits_there_are_no_quotas,
}

fn group(member_ids: &[&str]) -> Value {
    json!({"type": "group", "name": "Come in", "member_ids": member_ids})
}

async fn create(user: &TestUser, others: &[&TestUser]) -> Response {
    let ids: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
    user.post("/v1/conversations", &group(&ids)).await
}

/// Checks that an answer refuses the conversation for the rest of the day.
#[track_caller]
fn assert_refused_for_today(answer: &Response) {
    const DAY_MS: u64 = 24 * 3600 * 1_000;
    assert_eq!(answer.problem(), (429, "rate_limited".to_owned()));
    let problem = answer.json();
    let wait = problem["retry_after_ms"].as_u64().unwrap();
    assert!(wait <= DAY_MS && problem["retryable"] == true, "{problem}");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(seconds, wait.div_ceil(1_000));
}

async fn a_stranger_begins_two_hundred_conversations_a_day(store: StoreKind) {
    let server = Server::on(store).await;
    let (mallory, ada) = (server.register("mallory").await, server.register("ada").await);
    let (grace, joan) = (server.register("grace").await, server.register("joan").await);
    // Grace wrote to Mallory, and Joan answered him.
    grace.direct(&mallory).await;
    let with_joan = mallory.direct(&joan).await;
    joan.send(&with_joan, "yes?").await;

    let mut refused = Vec::new();
    let mut taken = 1;
    while refused.is_empty() {
        let answers = join_all((0..10).map(async |_| create(&mallory, &[&ada]).await)).await;
        taken += answers.iter().filter(|answer| answer.status == 201).count();
        refused.extend(answers.into_iter().filter(|answer| answer.status != 201));
    }
    assert_eq!(i64::try_from(taken), Ok(CONVERSATIONS_NEW_A_DAY_MAX));
    refused.iter().for_each(assert_refused_for_today);
    assert_refused_for_today(&create(&mallory, &[]).await);
    let direct = json!({"type": "direct", "member_ids": [ada.id]});
    assert_refused_for_today(&mallory.post("/v1/conversations", &direct).await);

    // With somebody who knows him he begins others, and a conversation that exists is found.
    for known in [&grace, &joan] {
        create(&mallory, &[&ada, known]).await.expect(201);
    }
    let again = mallory.direct(&joan).await;
    assert_eq!(again.id, with_joan.id);
    // Nobody else is refused for him.
    create(&ada, &[&mallory]).await.expect(201);
}

async fn what_a_user_has_made_has_a_quota_that_operators_raise(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    let root = chinwag.admin("root").await;
    let account = format!("/v1/admin/users/{}", ada.id);
    let quotas = |account: &Value| [&account["quota_conversations"], &account["quota_new_a_day"]].map(Value::as_i64);
    let before = root.patch(&account, &json!({})).await.expect(200).json();
    assert_eq!(quotas(&before), [Some(5_000), Some(200)]);
    chinwag.command(&["user", "quota", "ADA", "--conversations", "3"]).await;
    let body = json!({"id": "0199a000-0000-7000-8000-000000000001", "type": "group", "member_ids": [grace.id]});
    let first = ada.post("/v1/conversations", &body).await.expect(201).json();
    create(&ada, &[&grace]).await.expect(201);
    create(&ada, &[]).await.expect(201);

    // A commit that refuses leaves nothing, and a retry of one that was made is none.
    let refused = create(&ada, &[&grace]).await;
    assert_eq!(refused.problem(), (403, "quota_exceeded".to_owned()));
    assert_eq!((&refused.json()["retryable"], refused.header("retry-after")), (&json!(false), None));
    ada.post("/v1/conversations", &body).await.expect(200);
    assert_eq!(ada.get("/v1/conversations").await.json()["items"].as_array().unwrap().len(), 3);
    let mut socket = ada.connect("/ws").await;
    socket.send(&json!({"type": "conversation.create", "ref": "r", "input": group(&[&grace.id])})).await;
    let error = socket.next_of(&["error", "reply"]).await;
    assert_eq!((&error["code"], &error["status"], &error["ref"]), (&json!("quota_exceeded"), &json!(403), &json!("r")));

    // Only those that exist count. Those that others made do not.
    ada.delete(&format!("/v1/conversations/{}", first["id"].as_str().unwrap())).await.expect(204);
    create(&grace, &[&ada]).await.expect(201);
    create(&ada, &[&grace]).await.expect(201);
    assert_eq!(create(&ada, &[&grace]).await.status, 403);
    let raised = root.patch(&account, &json!({"quota_conversations": 4})).await.expect(200).json();
    assert_eq!(quotas(&raised), [Some(4), Some(200)]);
    create(&ada, &[&grace]).await.expect(201);

    // The two quotas are apart. Grace has begun a conversation with Ada, but not so Root.
    root.patch(&account, &json!({"quota_conversations": 100_000, "quota_new_a_day": 0})).await.expect(200);
    assert_refused_for_today(&create(&ada, &[&root]).await);
    create(&ada, &[&grace, &root]).await.expect(201);
    chinwag.command(&["user", "quota", "ada", "--new-a-day", "50", "--conversations", "50"]).await;
    create(&ada, &[&root]).await.expect(201);
    let after = root.get("/v1/admin/users?q=ada").await.expect(200).json();
    assert_eq!(quotas(&after["items"][0]), [Some(50), Some(50)]);
}

async fn one_is_left_of_two_that_are_created_at_once(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    for (quota, code) in [("--conversations", "quota_exceeded"), ("--new-a-day", "rate_limited")] {
        for made in 1..6 {
            let number = if quota == "--conversations" { made } else { made + 5 };
            chinwag.command(&["user", "quota", "ada", quota, &number.to_string()]).await;
            let answers = join_all((0..6).map(async |_| create(&ada, &[&grace]).await)).await;
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 201).collect();
            assert_eq!(refused.len(), 5, "{quota} {number}");
            assert!(refused.iter().all(|answer| answer.problem().1 == code));
        }
        chinwag.command(&["user", "quota", "ada", "--conversations", "1000"]).await;
    }
}

async fn without_rate_limits_there_are_no_quotas(store: StoreKind) {
    let chinwag = Operated::on(store, &["--rate-limits", "off"]).await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    chinwag.command(&["user", "quota", "ada", "--conversations", "1", "--new-a-day", "1"]).await;
    for _ in 0..3 {
        create(&ada, &[&grace]).await.expect(201);
    }
}
