//! What no HTTP library would send.

use std::fmt::Write;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::World;
use crate::support::client::get;
use crate::support::server::Server;
use crate::support::socket::PATIENCE;

const BODY_BYTES: usize = 128 * 1024;
const HEAD_BYTES: usize = 16 * 1024;

/// Writes, and reads until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    rest(&mut socket).await
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // Closing with something unread resets the connection; what was answered has come all the same.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until this has come.
async fn until(socket: &mut TcpStream, expected: &str) -> String {
    let (mut got, mut buffer) = (String::new(), [0; 4096]);
    while !got.contains(expected) {
        let count = timeout(PATIENCE, socket.read(&mut buffer)).await.expect(expected).unwrap();
        assert!(count > 0, "{expected} is missing in {got}");
        got += &String::from_utf8_lossy(&buffer[..count]);
    }
    got
}

/// The statuses of answers that came one after the other.
fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head.split(' ').nth(1).unwrap().parse().unwrap()).collect()
}

/// Bytes of a request, the status that answers it, and whether the answer is Chinwag's own problem (else it is hyper's, which
/// has no body).
#[rustfmt::skip]
const TABLE: &[(&[u8], u16, bool)] = &[
    // Unusual, and fine.
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, false),
    (b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, false),
    (b"GET /livez HTTP/1.0\r\n\r\n", 200, false),
    (b"GET http://elsewhere.example/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, false),
    (b"GET /livez HTTP/1.1\r\nHost:x\r\nX-Empty:\r\nX-Latin: \xE9\r\nConnection: close\r\n\r\n", 200, false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: \xFF\r\nConnection: close\r\n\r\n", 200, false),
    // Hosts.
    (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400, true),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", 400, true),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n", 400, true),
    (b"GET /livez HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", 400, true),
    (b"GET http://x/livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400, true),
    // Not HTTP.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x00\x00", 400, false),
    (b"GET /livez\r\n\r\n", 400, false),
    (b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n", 400, false),
    (b"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400, false),
    (b"GET /liv ez HTTP/1.1\r\nHost: x\r\n\r\n", 400, false),
    (b"GE T /livez HTTP/1.1\r\nHost: x\r\n\r\n", 400, false),
    (b"GET /livez\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Nul: a\x00b\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Cr: a\rb\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Fold: a\r\n b\r\n\r\n", 400, false),
    (b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n", 400, false),
    // How long a body is.
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 3\r\n\r\n{}", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400, false),
    (b"POST /v1/users/login HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}zz", 400, true),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n", 413, true),
    (b"POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n", 415, true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_http_is_refused() {
    let server = Server::start().await;
    let mut wrong = String::new();
    for (bytes, status, is_problem) in TABLE {
        let answer = exchange(server.address, bytes).await;
        if statuses(&answer) != [*status] || answer.contains("application/problem+json") != *is_problem {
            writeln!(wrong, "{:?}: {answer:?} instead of {status}", String::from_utf8_lossy(bytes)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    get(server.address, "/health").await.expect(200);
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start().await;
    // As long as a head may be, and no end in sight.
    let mut endless = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
    endless.resize(HEAD_BYTES, b'x');
    assert_eq!(statuses(&exchange(server.address, &endless).await), [431]);
    let mut many = "GET /livez HTTP/1.1\r\nHost: x\r\n".to_owned();
    for number in 0..200 {
        write!(many, "X-{number}: x\r\n").unwrap();
    }
    assert_eq!(statuses(&exchange(server.address, (many + "\r\n").as_bytes()).await), [431]);
    let long = "x".repeat(HEAD_BYTES / 2);
    let fine = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&exchange(server.address, fine.as_bytes()).await), [200]);
    get(server.address, "/health").await.expect(200);
}

#[tokio::test]
async fn bodies_are_bounded_however_they_come() {
    let world = World::new().await;
    let head = format!(
        "POST /v1/conversations/{}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\n",
        world.room.id, world.ada.token
    );
    // Refused for what it declares, before anything of it has come.
    let declared = format!("{head}Content-Length: {}\r\n\r\n", BODY_BYTES + 1);
    let answer = exchange(world.server.address, declared.as_bytes()).await;
    assert_eq!(statuses(&answer), [413]);
    assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    // In chunks it is refused as soon as it is too long.
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 4096, " ".repeat(4096));
    for _ in 0..BODY_BYTES / 4096 {
        chunked += &chunk;
    }
    let answer = exchange(world.server.address, format!("{chunked}1\r\n ").as_bytes()).await;
    assert_eq!(statuses(&answer), [413]);
    assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    // At the limit it is read, and judged by what it says.
    let blank = " ".repeat(BODY_BYTES);
    let full = format!("{head}Content-Length: {BODY_BYTES}\r\n\r\n{blank}");
    assert_eq!(statuses(&exchange(world.server.address, full.as_bytes()).await), [400]);
    let full = format!("{chunked}0\r\n\r\n");
    assert_eq!(statuses(&exchange(world.server.address, full.as_bytes()).await), [400]);
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_body_of_two_lengths_smuggles_nothing() {
    let server = Server::start().await;
    for lengths in
        ["Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked"]
    {
        let smuggling = format!(
            "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n\
             0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let answers = exchange(server.address, smuggling.as_bytes()).await;
        assert_eq!(statuses(&answers), [400], "one answer, and the connection is closed: {lengths}");
    }
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let server = Server::start().await;
    let mut pipeline = String::new();
    let mut expected = Vec::new();
    for number in 0..20 {
        // Some wait for the store and some for nothing; a body in between is not taken for a request.
        let (request, status) = match number % 4 {
            0 => ("GET /health", 200),
            1 => ("GET /nothing", 404),
            2 => ("POST /v1/users/login", 415),
            _ => ("GET /livez", 200),
        };
        let body = if number % 4 == 2 { "GET /livez HTTP/1.1\r\n\r\n" } else { "" };
        let close = if number == 19 { "Connection: close\r\n" } else { "" };
        let length = body.len();
        write!(
            pipeline,
            "{request} HTTP/1.1\r\nHost: x\r\nX-Request-ID: n{number}.\r\nContent-Length: {length}\r\n{close}\r\n{body}"
        )
        .unwrap();
        expected.push(status);
    }
    let answers = exchange(server.address, pipeline.as_bytes()).await;
    assert_eq!(statuses(&answers), expected);
    let places: Vec<_> = (0..20).map(|number| answers.find(&format!("x-request-id: n{number}."))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{answers}");
}

#[tokio::test]
async fn slow_and_polite_clients_are_served() {
    let server = Server::start().await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.set_nodelay(true).unwrap();
    for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        slow.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(statuses(&rest(&mut slow).await), [200]);

    let mut polite = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
                Expect: 100-continue\r\nConnection: close\r\n\r\n";
    polite.write_all(head.as_bytes()).await.unwrap();
    until(&mut polite, "100 Continue\r\n\r\n").await;
    polite.write_all(b"{}").await.unwrap();
    assert_eq!(statuses(&rest(&mut polite).await), [422]);

    // Whoever is refused before the body is not asked for it.
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    refused.write_all(head.replace("application/json", "text/plain").as_bytes()).await.unwrap();
    assert_eq!(statuses(&rest(&mut refused).await), [415]);
}

#[tokio::test]
async fn whoever_leaves_in_the_middle_harms_nobody() {
    let world = World::new().await;
    let head = format!(
        "POST /v1/conversations/{}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 16\r\n\r\n",
        world.room.id, world.ada.token
    );
    let whole = format!("{head}{}", r#"{"content":"hi"}"#);
    for length in [0, 1, 10, head.len() - 1, head.len(), whole.len() - 1] {
        let mut socket = TcpStream::connect(world.server.address).await.unwrap();
        socket.write_all(&whole.as_bytes()[..length]).await.unwrap();
        socket.shutdown().await.unwrap();
        let answer = rest(&mut socket).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{length}: {answer}");
    }
    world.assert_untouched().await;
}
