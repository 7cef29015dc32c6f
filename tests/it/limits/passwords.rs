//! Passwords are compared by a few threads, which networks share fairly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use chinwag::limits::{ACCOUNT_CALLS, HASHES_CONCURRENT_MAX, HASHES_WAITING_MAX};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::client::{PASSWORD, Response, post, send_request};
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;

/// Logs in from this address, behind a proxy.
async fn login_from(server: SocketAddr, address: &str, credentials: &Value) -> Response {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
    send_request(server, Method::POST, "/v1/users/login", &headers, credentials.to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_floods_logins_keeps_no_other_out() {
    let server = Server::with(&["--trusted-proxies", "127.0.0.0/8"]).await;
    server.register("ada").await;
    let right = json!({"username": "ada", "password": PASSWORD});
    let (next, refused, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), watch::Sender::new(false));
    // Each from a network of its own of 64 bits, and all from one of 48.
    let flood = join_all((0..HASHES_CONCURRENT_MAX + HASHES_WAITING_MAX + 20).map(|_| async {
        while !*stop.borrow() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (address, wrong) = (
                format!("2001:db8:0:{number:x}::1"),
                json!({"username": format!("user{number}"), "password": "wrong"}),
            );
            let answer = login_from(server.address, &address, &wrong).await;
            if answer.status == 503 && answer.problem().1 == "busy" {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }));
    let bystander = async {
        let full = async {
            while refused.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, full).await.expect("the gate is full");
        for number in 0..10 {
            let address = format!("198.51.100.{number}");
            login_from(server.address, &address, &right).await.expect(200);
        }
        stop.send_replace(true);
    };
    tokio::join!(flood, bystander);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_logins_cost_their_network_nothing() {
    let server = Server::start().await;
    server.register("ada").await;
    let login = async |password: &str| {
        post(server.address, "/v1/users/login", &json!({"username": "ada", "password": password})).await
    };
    for _ in 0..=ACCOUNT_CALLS.burst {
        login(PASSWORD).await.expect(200);
    }
    let wrong = login("not this one").await;
    assert_eq!(wrong.problem(), (401, "bad_credentials".to_owned()));
}
