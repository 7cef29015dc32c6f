//! The audit log: what is done to accounts and sessions, and never a secret.

use std::io::{BufRead, Read};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Running;
use crate::support::client::{PASSWORD, Response, TestUser, post};
use crate::support::operated::run;

/// Returns the fields of a line that do not differ from run to run.
fn summary(line: &Value) -> String {
    let actor = match line["actor"].as_str() {
        None => "",
        Some("command line") => " by command",
        Some(_) => " by admin",
    };
    let (action, name) = (line["action"].as_str().unwrap(), line["username"].as_str().unwrap_or("-"));
    let detail = line["detail"].as_str().map(|detail| format!(" ({})", detail.split(", expires_at").next().unwrap()));
    format!("{action} {name}{actor}{}", detail.unwrap_or_default())
}

#[tokio::test]
async fn acts_on_accounts_are_logged_without_secrets() {
    const NEW: &str = "the second password";
    const TYPED: &str = "a password in the wrong field";
    // A filter that shows nothing else of this.
    let mut running = Running::start(&["--log", "error,chinwag::server=info"]);
    let address = running.address;
    let ada = TestUser::register(address, "Ada").await;
    let login = async |username: &str, password: &str| {
        post(address, "/v1/users/login", &json!({"username": username, "password": password})).await
    };
    login("ada", "the wrong one").await.expect(401);
    login(TYPED, PASSWORD).await.expect(401);
    for (current, status) in [("the wrong one", 422), (PASSWORD, 200)] {
        ada.patch("/v1/users/me", &json!({"password": NEW, "current_password": current})).await.expect(status);
    }
    let refresh = async |token: &Value| -> Response {
        post(address, "/v1/users/refresh", &json!({"refresh_token": token})).await
    };
    let first = json!(ada.refresh_token);
    let second = refresh(&first).await.expect(200).json();
    refresh(&second["refresh_token"]).await.expect(200);
    refresh(&first).await.expect(401);

    let url = format!("sqlite:{}", running.data.path().join("chinwag.db").display());
    let added = run(&url, PASSWORD, &["user", "add", "root", "--admin", "--password-stdin"]).await;
    let of_command: Value = serde_json::from_str(added.stderr.trim()).unwrap();
    assert_eq!(summary(&of_command), "account.created root by command (is_admin: true)");
    assert!(added.succeeded && !added.stderr.contains(PASSWORD), "{added:?}");
    let root = TestUser::login(address, "root").await;
    let body = json!({"username": "grace", "password": PASSWORD});
    let grace = root.post("/v1/admin/users", &body).await.expect(201).json();
    let path = format!("/v1/admin/users/{}", grace["id"].as_str().unwrap());
    root.patch(&path, &json!({"disabled": true, "password": NEW})).await.expect(200);
    login("grace", NEW).await.expect(403);
    root.patch(&path, &json!({"quota_conversations": 10_000, "quota_new_a_day": 500})).await.expect(200);
    let invite = root.post("/v1/admin/invites", &json!({})).await.expect(201).json();
    root.patch("/v1/admin/settings", &json!({"registration": "closed"})).await.expect(200);
    root.post("/v1/users/logout", &json!({})).await.expect(204);

    running.signal(Signal::TERM);
    assert!(running.child.wait().unwrap().success());
    let log: Vec<String> = running.log.by_ref().lines().map(Result::unwrap).collect();
    let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let audit: Vec<&Value> = lines.iter().filter(|line| line["target"] == "audit").collect();
    let summaries: Vec<String> = audit.iter().map(|line| summary(line)).collect();
    let expected = [
        "user.registered Ada",
        "session.started Ada",
        "login.failed Ada (bad_credentials)",
        "login.failed - (bad_credentials)",
        "password.change_failed Ada (invalid)",
        "password.changed Ada",
        "refresh_token.replayed -",
        "session.ended -",
        "session.started root",
        "account.created grace by admin (is_admin: false)",
        "account.changed grace by admin (a new password, disabled: true)",
        "login.failed grace (account_disabled)",
        "account.changed grace by admin (quota_conversations: 10000, quota_new_a_day: 500)",
        "invite.created - by admin (uses: 1)",
        "settings.changed - by admin (registration: closed)",
        "session.ended -",
    ];
    assert_eq!(summaries, expected);
    for line in &audit {
        assert_eq!((&line["address"], &line["message"]), (&json!("127.0.0.1"), &json!("audit")), "{line}");
        assert!(line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
    }
    assert_eq!(audit[6]["user_id"], ada.id);
    assert_eq!(audit[9]["actor"], root.id);
    let all = log.concat();
    let tokens = [&ada.token, &root.token, &ada.refresh_token, &root.refresh_token];
    for secret in tokens.map(String::as_str).into_iter().chain([PASSWORD, NEW, TYPED, invite["code"].as_str().unwrap()])
    {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(!all.contains("$argon2"), "no hash either");
}
