//! Requests that are too long or too slow, and clients that disconnect in the middle.

use std::fmt::Write;
use std::time::Duration;

use chinwag::limits;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Fixture;
use crate::support::client::get;
use crate::support::raw::{exchange, rest, statuses, until};
use crate::support::server::Server;
use crate::support::socket::TEST_TIMEOUT;

const BODY_BYTES_MAX: usize = 128 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const URI_BYTES_MAX: usize = 4 * 1024;

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start().await;
    // The maximal length of a head, without its end.
    let mut endless = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
    endless.resize(HEAD_BYTES_MAX, b'x');
    assert_eq!(statuses(&exchange(server.address, &endless).await), [431]);
    let mut many = "GET /livez HTTP/1.1\r\nHost: x\r\n".to_owned();
    for number in 0..200 {
        write!(many, "X-{number}: x\r\n").unwrap();
    }
    assert_eq!(statuses(&exchange(server.address, (many + "\r\n").as_bytes()).await), [431]);
    // The target has a bound of its own. It is the longest part of a line that is still read.
    for (length, status) in [(URI_BYTES_MAX, 404), (URI_BYTES_MAX + 1, 414)] {
        let target = format!("/{}", "x".repeat(length - 1));
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&exchange(server.address, request.as_bytes()).await), [status]);
    }
    let long = "x".repeat(HEAD_BYTES_MAX / 2);
    let fine = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&exchange(server.address, fine.as_bytes()).await), [200]);
    get(server.address, "/health").await.expect(200);
}

#[tokio::test]
async fn bodies_are_bounded_however_they_come() {
    let fixture = Fixture::new().await;
    let head = format!(
        "POST /v1/conversations/{}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\n",
        fixture.room.id, fixture.ada.token
    );
    // Refused for its declared length, before any of it has arrived.
    let declared = format!("{head}Content-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    let answer = exchange(fixture.server.address, declared.as_bytes()).await;
    assert_eq!(statuses(&answer), [413]);
    assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    // A chunked body is refused as soon as it is too long.
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 4096, " ".repeat(4096));
    for _ in 0..BODY_BYTES_MAX / 4096 {
        chunked += &chunk;
    }
    let answer = exchange(fixture.server.address, format!("{chunked}1\r\n ").as_bytes()).await;
    assert_eq!(statuses(&answer), [413]);
    assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    // Chunk extensions and trailers are bounded too.
    for decorated in [
        format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(BODY_BYTES_MAX)),
        format!("2\r\n{{}}\r\n0\r\nX: {}\r\n\r\n", "x".repeat(BODY_BYTES_MAX)),
    ] {
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{decorated}");
        assert_eq!(statuses(&exchange(fixture.server.address, request.as_bytes()).await), [400]);
    }
    // A body at the limit is read, and refused for its content.
    let blank = " ".repeat(BODY_BYTES_MAX);
    let full = format!("{head}Content-Length: {BODY_BYTES_MAX}\r\n\r\n{blank}");
    assert_eq!(statuses(&exchange(fixture.server.address, full.as_bytes()).await), [400]);
    let full = format!("{chunked}0\r\n\r\n");
    assert_eq!(statuses(&exchange(fixture.server.address, full.as_bytes()).await), [400]);
    fixture.assert_untouched().await;
}

#[tokio::test]
async fn the_time_that_a_body_takes_is_not_the_servers() {
    let server = Server::start().await;
    let body = br#"{"username": "nobody", "password": "correct horse"}"#;
    let head = format!(
        "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // The upload takes longer than the time-out of an operation.
    sleep(limits::ANSWER_TIMEOUT + Duration::from_millis(500)).await;
    slow.write_all(body).await.unwrap();
    assert_eq!(statuses(&rest(&mut slow).await), [401]);
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

    // A request that is refused before its body gets no 100 Continue.
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    refused.write_all(head.replace("application/json", "text/plain").as_bytes()).await.unwrap();
    assert_eq!(statuses(&rest(&mut refused).await), [415]);
    // It announces the close, since it cannot know whether the client sends the body.
    for (path, status) in [("/v1/users/me", 401), ("/v1/users/login", 415), ("/nowhere", 404), ("/v1/tickets", 401)] {
        let mut refused = TcpStream::connect(server.address).await.unwrap();
        let method = if path.ends_with("/me") { "PATCH" } else { "POST" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
        );
        refused.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut refused).await;
        assert_eq!(statuses(&answer), [status], "{path}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn whoever_leaves_in_the_middle_harms_nobody() {
    let fixture = Fixture::new().await;
    let head = format!(
        "POST /v1/conversations/{}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 16\r\n\r\n",
        fixture.room.id, fixture.ada.token
    );
    let whole = format!("{head}{}", r#"{"content":"hi"}"#);
    for length in [0, 1, 10, head.len() - 1, head.len(), whole.len() - 1] {
        let mut socket = TcpStream::connect(fixture.server.address).await.unwrap();
        socket.write_all(&whole.as_bytes()[..length]).await.unwrap();
        socket.shutdown().await.unwrap();
        let answer = rest(&mut socket).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{length}: {answer}");
    }
    fixture.assert_untouched().await;
}

const SLOW: Duration = Duration::from_millis(400);

/// Starts a server with short time-outs for heads and bodies.
async fn impatient() -> Server {
    Server::configured(&[], |config| (config.head_timeout, config.body_timeout) = (SLOW, SLOW)).await
}

/// Sends these bytes again and again. Returns the answer, and how long it took.
async fn drip(server: &Server, begin: &str, again: &[u8]) -> (String, Duration) {
    // The server's time-out starts no earlier than this: it may accept before `connect` has returned here.
    let since = Instant::now();
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(begin.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = socket.split();
    let mut answer = Vec::new();
    let drips = async {
        loop {
            sleep(SLOW / 20).await;
            // Writing to a closed socket fails, and the reading side sees the close too.
            let _ = writing.write_all(again).await;
        }
    };
    tokio::select! {
        // A reset is a close too.
        closed = timeout(TEST_TIMEOUT, reading.read_to_end(&mut answer)) => drop(closed.expect("it is closed")),
        () = drips => {}
    }
    (String::from_utf8_lossy(&answer).into_owned(), since.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_takes_too_long_is_not_waited_for() {
    let server = impatient().await;
    let (head, request) = ("GET /livez HTTP/1.1\r\nHost: x\r\n", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    // The last two wait for the next request of a connection that was served.
    let slow = [("", &b""[..]), (head, b""), (head, b"x"), (request, b""), (request, b"x")];
    join_all(slow.map(async |(begin, again)| {
        let (answer, took) = drip(&server, begin, again).await;
        let expected: &[u16] = if begin == request { &[200] } else { &[] };
        assert_eq!(statuses(&answer), expected, "{begin:?}");
        assert!(took >= SLOW, "{begin:?}: {took:?}");
    }))
    .await;
    get(server.address, "/health").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_takes_too_long_is_not_waited_for() {
    let server = impatient().await;
    let slow = [
        ("Content-Length: 1000\r\n\r\n", &b""[..]),
        ("Content-Length: 1000\r\n\r\n", b" "),
        ("Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n2;", b"x"),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ", b"x"),
        ("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{", b" "),
        ("Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b""),
    ];
    join_all(slow.map(async |(length, again)| {
        let head = "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let (answer, took) = drip(&server, &format!("{head}{length}"), again).await;
        let expected: &[u16] = if length.starts_with("Expect") { &[100, 408] } else { &[408] };
        assert_eq!(statuses(&answer), expected, "{length}: {answer}");
        assert!(answer.contains(r#""code":"timeout""#) && took >= SLOW, "{length}: {took:?} {answer}");
    }))
    .await;
    get(server.address, "/health").await.expect(200);
}
