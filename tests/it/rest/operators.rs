//! Operators: admins over REST, and the commands beside a running server.

use std::time::{Duration, Instant};

use chinwag::api::{Access, OPERATIONS};
use chinwag::domain::account::AccountChange;
use chinwag::domain::{Timestamp, UserId};
use chinwag::store::Accounts;
use hyper::Method;
use serde_json::{Value, json};

use super::{each, pages, refused_fields};
use crate::support::client::{PASSWORD, TestUser, post, send_request};
use crate::support::operated::Operated;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

on_each_store! {
    an_admin_administers_users,
    only_admins_call_the_operations_for_operators,
    an_admin_reads_no_conversations_of_others,
    an_admin_stays_one_unless_another_admin_says_otherwise,
    whoever_is_disabled_is_out_on_every_node,
    commands_act_on_a_running_server_within_5_seconds,
    commands_make_accounts,
    a_login_while_the_user_is_disabled_is_refused,
    an_admin_invites_and_opens_registration,
}

/// The time in which a running server acts on a command.
const PROMISED: Duration = Duration::from_secs(5);

async fn login(address: std::net::SocketAddr, username: &str, password: &str) -> (u16, Value) {
    let answer = post(address, "/v1/users/login", &json!({"username": username, "password": password})).await;
    (answer.status, answer.json()["code"].clone())
}

/// Waits until a socket is closed because its session has ended, and checks that this took less than promised.
async fn assert_ended(socket: &mut Socket, since: Instant) {
    assert_eq!(socket.until("a frame that never comes").await.1, Some(4504));
    assert!(since.elapsed() < PROMISED, "{:?}", since.elapsed());
}

async fn an_admin_administers_users(store: StoreKind) {
    let chinwag = Operated::on(store, &["--registration", "closed", "--rate-limits", "off"]).await;
    let root = chinwag.admin("root").await;
    let body = json!({"username": "Ada", "name": "Ada Lovelace", "password": PASSWORD});
    let created = root.post("/v1/admin/users", &body).await.expect(201);
    let ada = created.json();
    let path = format!("/v1/admin/users/{}", ada["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(path.replace("/admin", "").as_str()));
    assert_eq!((&ada["username"], &ada["name"]), (&json!("Ada"), &json!("Ada Lovelace")));
    assert_eq!((&ada["is_admin"], &ada["disabled_at"]), (&json!(false), &Value::Null));
    let taken = root.post("/v1/admin/users", &json!({"username": "ADA", "password": PASSWORD})).await;
    assert_eq!(taken.problem(), (409, "username_taken".to_owned()));
    let body = json!({"username": "grace", "password": PASSWORD, "is_admin": true});
    assert_eq!(root.post("/v1/admin/users", &body).await.expect(201).json()["is_admin"], true);

    let all = root.get("/v1/admin/users").await.expect(200).json();
    assert_eq!(each(&all, "/username"), ["Ada", "grace", "root"]);
    assert_eq!(each(&all, "/is_admin"), [false, true, true]);
    assert_eq!(all["items"][0], ada);
    assert_eq!(pages(&root, "/v1/admin/users?limit=1", "/username").await.0, ["Ada", "grace", "root"]);
    assert_eq!(each(&root.get("/v1/admin/users?q=aDA").await.json(), "/username"), ["Ada"]);
    assert_eq!(each(&root.get("/v1/admin/users?q=love").await.json(), "/username"), ["Ada"]);

    let unchanged = root.patch(&path, &json!({})).await.expect(200).json();
    assert_eq!(unchanged, ada);
    assert_eq!(root.patch(&path, &json!({"is_admin": true})).await.expect(200).json()["is_admin"], true);
    root.patch(&path, &json!({"is_admin": false})).await.expect(200);

    // A new password ends the sessions.
    let hers = TestUser::login(chinwag.server.address, "ada").await;
    let mut socket = hers.connect("/ws").await;
    root.patch(&path, &json!({"password": "a new one entirely"})).await.expect(200);
    assert_ended(&mut socket, Instant::now()).await;
    assert_eq!(hers.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));
    assert_eq!(login(chinwag.server.address, "ada", PASSWORD).await.0, 401);
    assert_eq!(login(chinwag.server.address, "ada", "a new one entirely").await.0, 200);

    for (method, path, body, expected) in [
        (Method::POST, "/v1/admin/users", json!({"username": "x y", "password": PASSWORD}), "username"),
        (Method::POST, "/v1/admin/users", json!({"username": "joan", "password": "short"}), "password"),
        (Method::POST, "/v1/admin/users", json!({"username": "joan"}), "password"),
        (Method::POST, "/v1/admin/users", json!({"username": "joan", "password": PASSWORD, "is_admin": 1}), "is_admin"),
        (Method::PATCH, &path, json!({"password": "short"}), "password"),
        (Method::PATCH, &path, json!({"disabled": "yes"}), "disabled"),
        (Method::PATCH, &path, json!({"quota_conversations": -1}), "quota_conversations"),
        (Method::PATCH, &path, json!({"quota_conversations": 100_001}), "quota_conversations"),
        (Method::PATCH, &path, json!({"quota_new_a_day": "all"}), "quota_new_a_day"),
        (Method::POST, "/v1/admin/invites", json!({"uses": 0}), "uses"),
        (Method::POST, "/v1/admin/invites", json!({"uses": -1}), "uses"),
        (Method::POST, "/v1/admin/invites", json!({"expires_in": 31_536_001}), "expires_in"),
        (Method::PATCH, "/v1/admin/settings", json!({"registration": "Open"}), "registration"),
        (Method::PATCH, "/v1/admin/settings", json!({"registration": 7}), "registration"),
    ] {
        let refused = root.try_call(method, path, Some(&body)).await.unwrap();
        assert_eq!(refused_fields(&refused), [expected], "{path} {body}");
    }
    let nobody = "/v1/admin/users/0199a000-0000-7000-8000-000000000000";
    assert_eq!(root.patch(nobody, &json!({"disabled": true})).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(root.patch("/v1/admin/users/ada", &json!({})).await.problem(), (404, "not_found".to_owned()));
}

async fn only_admins_call_the_operations_for_operators(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let ada = chinwag.server.register("ada").await;
    let mut socket = ada.connect("/ws").await;
    let operations: Vec<_> = OPERATIONS.iter().filter(|row| row.access == Access::Operator).collect();
    assert!(operations.len() >= 6);
    for operation in operations {
        assert!(operation.path.starts_with("/v1/admin/"), "{}", operation.name);
        let path = ["{user_id}", "{report_id}", "{conversation_id}", "{message_id}"]
            .iter()
            .fold(operation.path.to_owned(), |path, name| path.replace(name, &ada.id));
        let method = || Method::from_bytes(operation.method.as_bytes()).unwrap();
        // An input that is fine, and one that is not: a stranger learns nothing of either.
        for body in [json!({"username": "eve", "password": PASSWORD, "is_admin": true}), json!({"uses": "x"})] {
            let refused = ada.try_call(method(), &path, Some(&body)).await.unwrap();
            assert_eq!(refused.problem(), (403, "forbidden".to_owned()), "{}", operation.name);
        }
        let stranger = send_request(ada.address, method(), &path, &[("content-type", "application/json")], "{}").await;
        assert_eq!(stranger.problem(), (401, "unauthorized".to_owned()), "{}", operation.name);
        socket.send(&json!({"type": operation.name, "ref": "r", "input": {}})).await;
        assert_eq!(socket.next_of(&["error", "reply"]).await["code"], "malformed", "not over WebSocket");
    }
    assert_eq!(each(&ada.get("/v1/users").await.json(), "/username"), ["ada"]);

    // A role that was taken away is gone at once.
    chinwag.command(&["user", "make-admin", "ADA"]).await;
    ada.get("/v1/admin/users").await.expect(200);
    let root = chinwag.admin("root").await;
    root.patch(&format!("/v1/admin/users/{}", ada.id), &json!({"is_admin": false})).await.expect(200);
    assert_eq!(ada.get("/v1/admin/users").await.problem().0, 403);
    ada.get("/v1/users/me").await.expect(200);
}

async fn an_admin_reads_no_conversations_of_others(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let root = chinwag.admin("root").await;
    let (ada, grace) = (chinwag.server.register("ada").await, chinwag.server.register("grace").await);
    let direct = ada.direct(&grace).await;
    ada.send(&direct, "between us").await;
    for path in [&direct.path, &direct.messages, &direct.members] {
        assert_eq!(root.get(path).await.problem(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(root.get("/v1/conversations").await.json()["items"], json!([]));
    assert_eq!(root.open(&direct.socket).await.close_code().await, 4503);
}

async fn an_admin_stays_one_unless_another_admin_says_otherwise(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let root = chinwag.admin("root").await;
    let own = format!("/v1/admin/users/{}", root.id);
    for change in [json!({"is_admin": false}), json!({"disabled": true}), json!({"password": "a new one entirely"})] {
        assert_eq!(root.patch(&own, &change).await.problem(), (403, "forbidden".to_owned()), "{change}");
    }
    root.patch(&own, &json!({"is_admin": true, "disabled": false})).await.expect(200);
    let other = chinwag.admin("other").await;
    other.patch(&own, &json!({"disabled": true})).await.expect(200);
    assert_eq!(root.get("/v1/admin/users").await.problem(), (401, "session_ended".to_owned()));
}

async fn whoever_is_disabled_is_out_on_every_node(store: StoreKind) {
    const SECRET: &str = "one secret for all the nodes there are";
    let chinwag = Operated::on(store, &["--jwt-secret", SECRET]).await;
    let here = &chinwag.server;
    // A SQLite database belongs to one server.
    let other = match store {
        StoreKind::Sqlite => None,
        StoreKind::Postgres => Some(Server::with(&["--jwt-secret", SECRET, "--database-url", &chinwag.url]).await),
    };
    let there = other.as_ref().unwrap_or(here);
    let root = chinwag.admin("root").await;
    let ada = here.register("ada").await;
    let ada_there = TestUser { address: there.address, ..TestUser::login(here.address, "ada").await };
    let (mut socket, mut socket_there) = (ada.connect("/ws").await, ada_there.connect("/ws").await);
    let grace = here.register("grace").await;
    let mut bystander = grace.connect("/ws").await;

    let path = format!("/v1/admin/users/{}", ada.id);
    let disabled = root.patch(&path, &json!({"disabled": true})).await.expect(200).json();
    let since = Instant::now();
    assert!(disabled["disabled_at"].is_string(), "{disabled}");
    assert_eq!(ada.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()), "at once on this node");
    assert_ended(&mut socket, since).await;
    assert_ended(&mut socket_there, since).await;
    assert_eq!(ada_there.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()));
    let refresh = post(here.address, "/v1/users/refresh", &json!({"refresh_token": ada.refresh_token})).await;
    assert_eq!(refresh.problem(), (401, "session_ended".to_owned()));
    for address in [here.address, there.address] {
        assert_eq!(login(address, "ada", PASSWORD).await, (403, json!("account_disabled")));
        assert_eq!(
            login(address, "ada", "wrong horse").await,
            (401, json!("bad_credentials")),
            "strangers learn nothing"
        );
    }
    // Disabling again, or with a new password, changes nothing of that.
    let again = root.patch(&path, &json!({"disabled": true, "password": "the second one"})).await.expect(200).json();
    assert_eq!(again["disabled_at"], disabled["disabled_at"]);
    assert_eq!(login(here.address, "ada", "the second one").await, (403, json!("account_disabled")));
    bystander.send(&json!({"type": "ping"})).await;
    assert_eq!(bystander.until("pong").await.1, None);

    let enabled = root.patch(&path, &json!({"disabled": false})).await.expect(200).json();
    assert_eq!(enabled["disabled_at"], Value::Null);
    assert_eq!(login(there.address, "ada", "the second one").await.0, 200);
    assert_eq!(ada.get("/v1/users/me").await.problem().1, "session_ended", "the old sessions stay ended");
}

async fn commands_act_on_a_running_server_within_5_seconds(store: StoreKind) {
    let chinwag = Operated::on(store, &[]).await;
    let ada = chinwag.server.register("Ada").await;
    for (command, input) in [
        (&["user", "disable", "ada"][..], ""),
        (&["user", "reset-password", "ADA", "--password-stdin"], "the second password\n"),
    ] {
        chinwag.command(&["user", "enable", "Ada"]).await;
        chinwag.command_with(PASSWORD, &["user", "reset-password", "ada", "--password-stdin"]).await;
        let ada = TestUser::login(chinwag.server.address, "ada").await;
        let mut socket = ada.connect("/ws").await;
        ada.get("/v1/users/me").await.expect(200);
        let since = Instant::now();
        assert_eq!(chinwag.command_with(input, command).await, "");
        assert_ended(&mut socket, since).await;
        assert_eq!(ada.get("/v1/users/me").await.problem(), (401, "session_ended".to_owned()), "{command:?}");
    }
    assert_eq!(login(chinwag.server.address, "ada", "the second password").await.0, 200);
    assert_eq!(ada.get("/v1/users/me").await.problem().1, "session_ended");
}

async fn commands_make_accounts(store: StoreKind) {
    let chinwag = Operated::on(store, &["--registration", "closed", "--rate-limits", "off"]).await;
    let password = chinwag.command(&["user", "add", "Ada", "--name", "Ada Lovelace"]).await;
    assert_eq!(login(chinwag.server.address, "ada", &password).await.0, 200);
    chinwag.command_with("ünïcödé wörds\r\nignored", &["user", "add", "grace", "--admin", "--password-stdin"]).await;
    assert_eq!(login(chinwag.server.address, "grace", "ünïcödé wörds").await.0, 200);
    let renewed = chinwag.command(&["user", "reset-password", "ada"]).await;
    assert!(renewed != password && renewed.len() == 22, "{renewed}");
    assert_eq!(login(chinwag.server.address, "ada", &password).await.0, 401);
    assert_eq!(login(chinwag.server.address, "ada", &renewed).await.0, 200);

    chinwag.command(&["user", "disable", "grace"]).await;
    let list = chinwag.command(&["user", "list"]).await;
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0][0], rows[0][1], rows[0][2], rows[0][4]), ("Ada", "user", "enabled", "Ada Lovelace"));
    assert_eq!((rows[1][0], rows[1][1], rows[1][4]), ("grace", "admin", "grace"));
    assert!(rows[1][2].starts_with("disabled 20"), "{list}");

    for (arguments, because) in [
        (&["user", "add", "ADA"][..], "taken"),
        (&["user", "add", "a b"], "username"),
        (&["user", "add", "joan", "--name", "\n"], "name"),
        (&["user", "add", "joan", "--password-stdin"], "password"),
        (&["user", "disable", "nobody"], "no such user"),
        (&["user", "enable", "n o"], "username"),
        (&["user", "reset-password", "nobody"], "no such user"),
        (&["user", "make-admin", "nobody"], "no such user"),
        (&["user", "quota", "nobody", "--new-a-day", "1"], "no such user"),
        (&["user", "quota", "ada"], "--conversations"),
        (&["user", "quota", "ada", "--conversations", "-1"], "-1"),
        (&["user", "quota", "ada", "--new-a-day", "100001"], "--new-a-day"),
        (&["user", "promote", "ada"], "promote"),
        (&["user", "disable"], "USERNAME"),
    ] {
        let error = chinwag.refused(arguments).await;
        assert!(error.contains(because) && error.lines().count() == 1, "{arguments:?}: {error}");
    }
}

async fn a_login_while_the_user_is_disabled_is_refused(store: StoreKind) {
    let (server, held_store) = Server::held(store).await;
    let ada = server.register("ada").await;
    let id = UserId::parse(&ada.id).unwrap();
    for method in ["credentials", "insert_session"] {
        let mut hold = held_store.hold(method, 1);
        let address = server.address;
        let answer = tokio::spawn(async move { login(address, "ada", PASSWORD).await });
        hold.reached().await;
        let change = |disabled| AccountChange { disabled: Some(disabled), ..AccountChange::default() };
        held_store.change_account(id, &change(true), Timestamp::now()).await.unwrap().unwrap();
        hold.release();
        assert_eq!(answer.await.unwrap(), (401, json!("bad_credentials")), "{method}");
        let (_, ended) = held_store.change_account(id, &change(true), Timestamp::now()).await.unwrap().unwrap();
        assert_eq!(ended, [], "{method}: its session has ended");
        held_store.change_account(id, &change(false), Timestamp::now()).await.unwrap().unwrap();
    }
}

async fn an_admin_invites_and_opens_registration(store: StoreKind) {
    let chinwag = Operated::on(store, &["--registration", "invite"]).await;
    let root = chinwag.admin("root").await;
    let settings = async || root.get("/v1/admin/settings").await.expect(200).json();
    assert_eq!(settings().await, json!({"registration": "invite", "registration_is_default": true}));
    let invite = root.post("/v1/admin/invites", &json!({"uses": 2, "expires_in": 3600})).await.expect(201).json();
    assert_eq!(invite["uses"], 2);
    let code = json!({"invite": invite["code"]});
    for (username, status) in [("ada", 201), ("grace", 201), ("joan", 422)] {
        chinwag.try_register(username, code.clone()).await.expect(status);
    }
    let once = root.post("/v1/admin/invites", &json!({})).await.expect(201).json();
    assert_eq!(once["uses"], 1);

    let change = json!({"registration": "open"});
    let changed = root.patch("/v1/admin/settings", &change).await.expect(200).json();
    assert_eq!(changed, json!({"registration": "open", "registration_is_default": false}));
    chinwag.try_register("joan", json!({})).await.expect(201);
    assert_eq!(root.patch("/v1/admin/settings", &json!({})).await.expect(200).json(), changed, "nothing to change");
    assert_eq!(chinwag.command(&["registration"]).await, "open");
    root.patch("/v1/admin/settings", &json!({"registration": "default"})).await.expect(200);
    assert_eq!(settings().await["registration_is_default"], true);
    chinwag.try_register("lin", json!({})).await.expect(422);
}
