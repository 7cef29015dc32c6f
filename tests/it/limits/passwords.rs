//! Passwords are compared by a few threads, which networks share fairly.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chinwag::limits::{
    ACCOUNT_CALLS_OF_48_BITS, ACCOUNT_CALLS_OF_56_BITS, HASHES_CONCURRENT_MAX, HASHES_WAITING_MAX,
    LOGIN_FAILURES_ELSEWHERE,
};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::client::{PASSWORD, Response, post, send_request};
use crate::support::server::{Server, StoreKind};
use crate::support::socket::TEST_TIMEOUT;

on_each_store! {
    guesses_from_everywhere_keep_a_user_out_of_no_known_network,
}

/// Logs in from this address, behind a proxy.
async fn login_from(server: SocketAddr, address: &str, credentials: &Value) -> Response {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
    send_request(server, Method::POST, "/v1/users/login", &headers, credentials.to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_floods_logins_keeps_no_other_out() {
    // Without rate limits, which would stop the flood before the passwords are compared.
    let server = Server::with(&["--trusted-proxies", "127.0.0.0/8", "--rate-limits", "off"]).await;
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
    // Calls that are refused for their input cost as much, and no time.
    let refused = loop {
        let answer = post(server.address, "/v1/users/register", &json!({})).await;
        if answer.status == 429 {
            break answer;
        }
        answer.expect(422);
    };
    // After the pause that the server asks for there is one token, and each login needs one.
    sleep(Duration::from_millis(refused.json()["retry_after_ms"].as_u64().unwrap())).await;
    for _ in 0..8 {
        login(PASSWORD).await.expect(200);
    }
    let wrong = login("not this one").await;
    assert_eq!(wrong.problem(), (401, "bad_credentials".to_owned()));
}

async fn guesses_from_everywhere_keep_a_user_out_of_no_known_network(store: StoreKind) {
    let server = Server::on_with(store, &["--trusted-proxies", "127.0.0.0/8"]).await;
    let ada = server.register("ada").await;
    let credentials = |username: &str, password: &str| json!({"username": username, "password": password});
    let login = async |from: &str, credentials: &Value| login_from(server.address, from, credentials).await;
    let right = credentials("ada", PASSWORD);
    // She is at home, and before that she was on a journey.
    for known in ["198.51.100.7", "2001:db8:1:2::3"] {
        login(known, &right).await.expect(200);
    }
    // One user exists, one does not, and one cannot exist. Nobody can tell them apart.
    for username in ["ada", "nobody", "not a username"] {
        let wrong = credentials(username, "a wrong one");
        for number in 0..LOGIN_FAILURES_ELSEWHERE.burst {
            let answer = login(&format!("203.0.113.{number}"), &wrong).await;
            assert_eq!(answer.problem(), (401, "bad_credentials".to_owned()), "{username} {number}");
        }
        for password in ["a wrong one", PASSWORD] {
            let refused = login("192.0.2.1", &credentials(username, password)).await;
            assert_eq!(refused.problem(), (429, "rate_limited".to_owned()), "{username}");
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=30).contains(&wait), "{username}: {wait}");
        }
    }
    for known in ["198.51.100.200", "2001:db8:1:ffff::1"] {
        login(known, &right).await.expect(200);
        let typo = login(known, &credentials("ada", "a wrong one")).await;
        assert_eq!(typo.problem(), (401, "bad_credentials".to_owned()), "only the limit per address holds there");
    }
    login("192.0.2.1", &credentials("grace", PASSWORD)).await.expect(401);
    ada.get("/v1/users/me").await.expect(200);
    let refresh = json!({"refresh_token": ada.refresh_token});
    post(server.address, "/v1/users/refresh", &refresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_of_ipv6_share_what_wider_ones_have() {
    let server = Server::with(&["--trusted-proxies", "127.0.0.0/8", "--registration", "closed"]).await;
    // It hashes no password, since nobody may register.
    let register = async |address: String| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", address.as_str())];
        let body = json!({"username": "ada", "password": PASSWORD}).to_string();
        send_request(server.address, Method::POST, "/v1/users/register", &headers, body).await.status
    };
    // Each call comes from a network of its own of 64 bits. Returns the calls before one is refused.
    let until_refused = async |address: fn(u32) -> String, burst: u32| {
        let mut taken = 0;
        while register(address(taken)).await == 403 {
            taken += 1;
            assert!(taken <= 3 * burst, "nothing is refused");
        }
        taken
    };
    let burst = ACCOUNT_CALLS_OF_56_BITS.burst;
    let of_56_bits = until_refused(|number| format!("2001:db8:1:{number:x}::1"), burst).await;
    assert!((burst..2 * burst).contains(&of_56_bits), "{of_56_bits}");
    assert_eq!(register("2001:db8:1:100::1".to_owned()).await, 403, "another household");
    let burst = ACCOUNT_CALLS_OF_48_BITS.burst;
    let more = until_refused(|number| format!("2001:db8:1:{:x}::1", (number + 2) << 8), burst).await;
    assert!((burst..2 * burst).contains(&(of_56_bits + 1 + more)), "{of_56_bits} {more}");
    assert_eq!(register("2001:db8:2::1".to_owned()).await, 403, "another customer");
    for number in 0..250 {
        assert_eq!(register(format!("198.51.{number}.1")).await, 403, "addresses of IPv4 are on their own");
    }
}
