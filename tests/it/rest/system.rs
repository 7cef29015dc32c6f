//! The page, health, and the header fields of all responses.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::support::client::{Response, get, post, send_request};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    health_says_that_the_server_is_well,
}

async fn with(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    send_request(address, method, path, headers, "").await
}

/// Returns the elements of a list such as `Allow` or `Vary`, sorted.
fn listed(answer: &Response, name: &str) -> Vec<String> {
    let values = answer.headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap().split(','));
    let mut listed: Vec<_> = values.map(|item| item.trim().to_ascii_lowercase()).collect();
    listed.sort_unstable();
    listed
}

async fn health_says_that_the_server_is_well(store: StoreKind) {
    let server = Server::on(store).await;
    let kind = match store {
        StoreKind::Sqlite => "sqlite",
        StoreKind::Postgres => "postgres",
    };
    for path in ["/health", "/readyz"] {
        let health = get(server.address, path).await.expect(200).json();
        assert_eq!((&health["status"], &health["version"]), (&json!("ok"), &json!(env!("CARGO_PKG_VERSION"))));
        assert_eq!(health["checks"]["store"], json!({"status": "ok", "kind": kind}));
    }
    assert_eq!(get(server.address, "/livez").await.expect(200).json()["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_tells_of_a_store_that_is_frozen_and_of_its_return() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chinwag.db");
    let server = Server::with(&["--database-url", &format!("sqlite:{}", file.display())]).await;
    get(server.address, "/health").await.expect(200);
    let elsewhere = rusqlite::Connection::open(&file).unwrap();
    elsewhere.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let until = async |status: u16| {
        let mut pause = interval(Duration::from_millis(20));
        let changed = async {
            loop {
                pause.tick().await;
                let probes = (0..20).map(|_| get(server.address, "/health"));
                let answers = join_all(probes).await;
                if let Some(answer) = answers.into_iter().find(|answer| answer.status == status) {
                    return answer;
                }
            }
        };
        timeout(TEST_TIMEOUT, changed).await.expect("health changes")
    };
    let frozen = until(503).await.json();
    assert_eq!(
        (&frozen["status"], &frozen["checks"]["store"]["status"]),
        (&json!("unavailable"), &json!("unavailable"))
    );
    assert_eq!(frozen["checks"]["server"]["status"], "ok");
    get(server.address, "/readyz").await.expect(503);
    get(server.address, "/livez").await.expect(200);
    elsewhere.execute_batch("ROLLBACK").unwrap();
    assert_eq!(until(200).await.json()["status"], "ok");
}

#[tokio::test]
async fn the_root_welcomes_programs_and_shows_browsers_the_page() {
    let server = Server::start().await;
    for accept in [None, Some("*/*"), Some("application/json")] {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let answer = with(server.address, Method::GET, "/", &headers).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept:?}");
        assert_eq!(listed(&answer, "vary"), ["accept", "origin"]);
        let welcome = answer.json();
        assert!(welcome["message"].as_str().unwrap().contains("Welcome"));
        for link in welcome["links"].as_object().unwrap().values() {
            let found = get(server.address, link.as_str().unwrap()).await;
            assert_ne!(found.status, 404, "{link}");
        }
    }
    for (accept, is_page) in [
        ("TEXT/HTML", true),
        ("application/json, text/html ; q=0.5", true),
        ("text/html;q=0", false),
        ("text/html; Q=0.000, */*", false),
        ("text/html;level=1", true),
        ("text/html5, text/*;q=1, */*", false),
    ] {
        let answer = with(server.address, Method::GET, "/", &[("accept", accept)]).await.expect(200);
        let is_html = answer.header("content-type") == Some("text/html; charset=utf-8");
        assert_eq!(is_html, is_page, "{accept}");
    }
    let browser = [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
    let page = with(server.address, Method::GET, "/", &browser).await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(listed(&page, "vary"), ["accept", "accept-encoding", "origin"]);
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let headers = [("authorization", bearer.as_str()), ("x-request-id", "same")];
    for path in ["/", "/health", "/boot.js", "/static/page/app.js", "/v1/users/me", "/v1/conversations", "/nothing"] {
        let (get, head) = (
            with(server.address, Method::GET, path, &headers).await,
            with(server.address, Method::HEAD, path, &headers).await,
        );
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "content-length", "etag", "vary", "x-request-id"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn every_path_says_which_methods_it_has() {
    let server = Server::start().await;
    for (path, allowed) in [
        ("/", &["get", "head", "options"][..]),
        ("/health", &["get", "head", "options"]),
        ("/v1/users/register", &["options", "post"]),
        ("/v1/users/me", &["delete", "get", "head", "options", "patch"]),
        ("/v1/conversations", &["get", "head", "options", "post"]),
        ("/v1/conversations/x", &["delete", "get", "head", "options", "patch"]),
        ("/v1/conversations/x/members/y", &["delete", "options", "patch"]),
    ] {
        let options = with(server.address, Method::OPTIONS, path, &[]).await.expect(204);
        assert_eq!(listed(&options, "allow"), allowed, "{path}");
        assert!(options.body.is_empty());
        for method in ["TRACE", "BREW", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let refused = with(server.address, method, path, &[]).await;
            assert_eq!(refused.problem(), (405, "method_not_allowed".to_owned()), "{path}");
            assert_eq!(listed(&refused, "allow"), allowed, "{path}");
        }
    }
    for method in [Method::OPTIONS, Method::GET, Method::DELETE] {
        let missing = with(server.address, method, "/v1/nothing", &[]).await;
        assert_eq!(missing.problem(), (404, "not_found".to_owned()));
        assert_eq!(missing.header("allow"), None);
    }
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_read() {
    let app = "https://app.example";
    let listing = Server::with(&["--allowed-origins", app]).await;
    let open = Server::with(&["--allowed-origins", "*"]).await;
    let own = format!("http://{}", listing.address);
    let evil = "https://evil.example";
    for (server, origin, allowed) in [
        (&listing, app, Some(app)),
        (&listing, own.as_str(), Some(own.as_str())),
        (&listing, evil, None),
        (&listing, "null", None),
        (&listing, "https://app.example.evil", None),
        (&listing, "http://app.example", None),
        (&open, evil, Some("*")),
        (&open, "null", Some("*")),
    ] {
        let preflight = [("origin", origin), ("access-control-request-method", "PATCH")];
        let response = with(server.address, Method::OPTIONS, "/v1/users/me", &preflight).await.expect(204);
        assert_eq!(response.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(response.header("access-control-allow-methods").is_some(), allowed.is_some(), "{origin}");
        if allowed.is_some() {
            assert_eq!(
                listed(&response, "access-control-allow-headers"),
                ["authorization", "content-type", "x-request-id"]
            );
            let methods = listed(&response, "access-control-allow-methods");
            assert_eq!(methods, ["delete", "get", "head", "patch", "post", "put"]);
        }
        // A success and each kind of error: a page can read all of them, or none.
        for (method, path, status) in [
            (Method::GET, "/health", 200),
            (Method::GET, "/v1/users/me", 401),
            (Method::GET, "/nothing", 404),
            (Method::DELETE, "/health", 405),
            (Method::POST, "/v1/users/login", 415),
            (Method::GET, "/%zz", 400),
        ] {
            let answer = with(server.address, method, path, &[("origin", origin)]).await.expect(status);
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin} {path}");
            let exposed = listed(&answer, "access-control-expose-headers");
            let expected = if allowed.is_some() { &["location", "retry-after", "x-request-id"][..] } else { &[] };
            assert_eq!(exposed, expected, "{origin} {path}");
            let varies = listed(&answer, "vary").contains(&"origin".to_owned());
            assert_eq!(varies, allowed != Some("*"), "caches tell origins apart: {origin} {path}");
        }
    }
    assert_eq!(get(listing.address, "/health").await.header("access-control-allow-origin"), None, "no page, no header");
}

#[tokio::test]
async fn a_request_id_is_taken_or_made_and_on_every_answer() {
    let server = Server::start().await;
    let longest = "x".repeat(128);
    for (method, path) in [(Method::GET, "/health"), (Method::GET, "/nothing"), (Method::POST, "/v1/users/login")] {
        for id in ["a", "A-b_3.x", longest.as_str()] {
            let answer = with(server.address, method.clone(), path, &[("x-request-id", id)]).await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
        for id in ["", "a b", "a/b", "<script>", "ä", &"x".repeat(129)] {
            let answer = with(server.address, method.clone(), path, &[("x-request-id", id)]).await;
            let made = answer.header("x-request-id").unwrap();
            assert!(made != id && uuid::Uuid::parse_str(made).is_ok(), "{path}: {id} became {made}");
        }
    }
    let (one, other) = (get(server.address, "/health").await, get(server.address, "/health").await);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn every_error_is_a_problem_with_the_documented_members() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let taken = json!({"username": "ada", "password": "long enough"});
    for (answer, status, code) in [
        (get(server.address, "/%").await, 400, "malformed"),
        (get(server.address, "/v1/users/me").await, 401, "unauthorized"),
        (post(server.address, "/v1/users/login", &taken).await, 401, "bad_credentials"),
        (get(server.address, "/nothing").await, 404, "not_found"),
        (ada.delete("/health").await, 405, "method_not_allowed"),
        (post(server.address, "/v1/users/register", &taken).await, 409, "username_taken"),
        (with(server.address, Method::POST, "/v1/users/login", &[]).await, 415, "unsupported_media_type"),
        (ada.get("/v1/users?limit=0").await, 422, "invalid"),
        (get(server.address, "/ws").await, 426, "upgrade_required"),
    ] {
        assert_eq!(answer.problem(), (status, code.to_owned()));
        let problem = answer.json();
        for member in ["type", "title", "detail", "code", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        assert_eq!((&problem["status"], &problem["retryable"]), (&json!(status), &json!(false)));
        let is_field = |error: &Value| error["field"].is_string() && error["detail"].is_string();
        let fields = problem.get("errors").map(|errors| errors.as_array().unwrap());
        assert_eq!(fields.is_some(), status == 422, "{problem}");
        assert!(fields.is_none_or(|errors| !errors.is_empty() && errors.iter().all(is_field)), "{problem}");
        assert_eq!(problem.get("retry_after_ms"), None, "{problem}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let challenged = matches!(code, "unauthorized");
        assert_eq!(answer.header("www-authenticate").is_some(), challenged, "{problem}");
    }
}
