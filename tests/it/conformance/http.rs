//! RFC 9112, byte by byte: valid requests, invalid requests, and the boundaries between requests.

use std::fmt::Write;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::get;
use crate::support::raw::{exchange, rest, statuses, until};
use crate::support::server::Server;

/// A simple request that ends the connection.
const LAST: &str = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Bytes, the statuses of the responses, and whether a problem of Chinwag's own is among them (hyper's have no body).
#[rustfmt::skip]
const HEADS: &[(&[u8], &[u16], bool)] = &[
    // Unusual but valid.
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    (b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.0\r\n\r\n", &[200], false),
    (b"GET http://elsewhere.example/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost:x\r\nX-Empty:\r\nX-Latin: \xE9\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: \xFF\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: chat.example:8080\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: x:\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\nHost: x\nConnection: close\n\n", &[200], false),
    (b"\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez#part HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    // Pipelined, as long as each is valid.
    (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200, 200], false),
    (b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200, 200], false),
    (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404, 200], true),
    (b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n", &[200, 200], false),
    (b"GET /livez HTTP/1.0\r\n\r\nGET /livez HTTP/1.0\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close, x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200], false),
    // Hosts.
    (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", &[400], true),
    (b"GET http://x/livez HTTP/1.1\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x, y\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x/y\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: u@x\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x:y\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: x:65536\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: http://x\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET /livez HTTP/1.1\r\nHost: \xFF\r\nConnection: close\r\n\r\n", &[400], true),
    (b"GET http://x/livez HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", &[400], true),
    // After an invalid request, nothing is answered any more.
    (b"GET /livez HTTP/1.1\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], true),
    (b"nonsense\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    // Invalid targets.
    (b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], true),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], true),
    (b"GET livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], true),
    (b"GET //livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[404], true),
    (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n", &[404], true),
    (b"GET http:///livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    // Not HTTP.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\x00\x00", &[400], false),
    (b"GET /livez\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n", &[400], false),
    (b"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400], false),
    (b"GET /liv ez HTTP/1.1\r\nHost: x\r\n\r\n", &[400], false),
    (b"GE T /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400], false),
    (b"GET /livez\x00 HTTP/1.1\r\nHost: x\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Nul: a\x00b\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Cr: a\rb\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Fold: a\r\n b\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n", &[400], false),
    // The preface of HTTP/2 gets no response, because the client would not understand it.
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[], false),
    (b"GET /livez HTTP/1.2\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    (b"GET /livez http/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    (b" GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1 \r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    (b"GET\t/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\rHost: x\rConnection: close\r\r", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nNo colon\r\nConnection: close\r\n\r\n", &[400], false),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nX\x00: a\r\nConnection: close\r\n\r\n", &[400], false),
];

/// Header fields and body of a login, and the statuses of the responses to it and to [`LAST`] behind it: 422 if the body was read
/// as `{}`.
#[rustfmt::skip]
const BODIES: &[(&str, &str, &[u16])] = &[
    // Valid framing, in all its forms.
    ("Content-Length: 2", "{}", &[422, 200]),
    ("Content-Length: 02", "{}", &[422, 200]),
    ("Content-Length:  2\t", "{}", &[422, 200]),
    ("Content-Length: 2\r\nContent-Length: 2", "{}", &[422, 200]),
    ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n", &[422, 200]),
    ("Transfer-Encoding: CHUNKED", "2\r\n{}\r\n0\r\n\r\n", &[422, 200]),
    ("Transfer-Encoding:\tchunked\t", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", &[422, 200]),
    ("Transfer-Encoding: chunked", "0002\r\n{}\r\n000\r\n\r\n", &[422, 200]),
    ("Transfer-Encoding: chunked", "2;a;b=c;d=\"e\"\r\n{}\r\n0;f\r\n\r\n", &[422, 200]),
    ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n", &[422, 200]),
    ("Expect: 100-continue\r\nContent-Length: 2", "{}", &[100, 422, 200]),
    ("Transfer_Encoding: chunked\r\nContent-Length: 2", "{}", &[422, 200]),
    // A request within a body is a body.
    ("Content-Length: 32", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400, 200]),
    ("Transfer-Encoding: chunked", "20\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n", &[400, 200]),
    ("Content-Type: x\r\nContent-Length: 32", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400, 200]),
    // A request without a length has no body, and the next bytes are the next request.
    ("Accept: x", "", &[400, 200]),
    ("Content-Length: 0", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400, 200, 200]),
    ("Accept: x", "{}", &[400, 400]),
    // Two lengths: chunked takes precedence, and the connection is closed, because an intermediary may have used the other one.
    ("Transfer-Encoding: chunked\r\nContent-Length: 4", "2\r\n{}\r\n0\r\n\r\n", &[422]),
    ("Content-Length: 4\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n", &[422]),
    ("Transfer-Encoding: chunked\r\nContent-Length: 37", "0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &[400]),
    ("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG", &[400]),
    ("Content-Length: 4\r\nTransfer-Encoding: identity", "{}", &[400]),
    // Invalid lengths.
    ("Content-Length: 2\r\nContent-Length: 3", "{}", &[400]),
    ("Content-Length: 2, 3", "{}", &[400]),
    ("Content-Length: 2,2", "{}", &[400]),
    ("Content-Length:", "", &[400]),
    ("Content-Length: -1", "{}", &[400]),
    ("Content-Length: +2", "{}", &[400]),
    ("Content-Length: 0x2", "{}", &[400]),
    ("Content-Length: 2.0", "{}", &[400]),
    ("Content-Length: 2;x", "{}", &[400]),
    ("Content-Length: 1_0", "{}", &[400]),
    ("Content-Length: 1 0", "{}", &[400]),
    ("Content-Length: \u{ff12}", "{}", &[400]),
    ("Content-Length : 2", "{}", &[400]),
    ("Content-Length:\r\n 2", "{}", &[400]),
    ("Content-Length: 99999999999999999999", "", &[400]),
    ("Content-Length: 18446744073709551615", "", &[431]), // hyper keeps this number for itself
    // Longer than the limit of bodies.
    ("Content-Length: 9223372036854775807", "", &[413]),
    ("Content-Length: 200000", "", &[413]),
    ("Content-Length: 200000\r\nExpect: 100-continue", "", &[413]),
    // Refused before the body is read.
    ("Content-Length: 2\r\nContent-Encoding: gzip\r\nExpect: 100-continue", "", &[415]),
    // Unsupported codings.
    ("Transfer-Encoding: chunked, chunked", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: gzip, chunked", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: ,chunked", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked,", "2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: gzip", "{}", &[400]),
    ("Transfer-Encoding: chunked, gzip", "{}", &[400]),
    ("Transfer-Encoding: identity", "{}", &[400]),
    ("Transfer-Encoding: xchunked", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunkedx", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked;q=1", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding: \"chunked\"", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked\u{b}", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding:", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding : chunked", "0\r\n\r\n", &[400]),
    ("Transfer-Encoding:\r\n chunked", "0\r\n\r\n", &[400]),
    ("Accept: x\r\n Transfer-Encoding: chunked", "0\r\n\r\n", &[400]),
    // Invalid chunks.
    ("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", " 2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "+2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "-2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "0x2\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "10000000000000002\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "2\n{}\n0\n\n", &[400]),
    ("Transfer-Encoding: chunked", "2\r{}\r0\r\r", &[400]),
    ("Transfer-Encoding: chunked", "2;a\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "2;a\rb\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "1\r\n{}\r\n0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "2\r\n{}0\r\n\r\n", &[400]),
    ("Transfer-Encoding: chunked", "2\r\n{}zz", &[400]),
    ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\nno trailer\r\n\r\n", &[400]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_read_as_the_standard_says() {
    let server = Server::start().await;
    let mut wrong = String::new();
    for (bytes, expected, is_problem) in HEADS {
        let answers = exchange(server.address, bytes).await;
        if statuses(&answers) != *expected || answers.contains("application/problem+json") != *is_problem {
            writeln!(wrong, "{:?}: {answers:?} instead of {expected:?}", String::from_utf8_lossy(bytes)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    get(server.address, "/health").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_ends_where_the_standard_says() {
    let server = Server::with(&["--rate-limits", "off"]).await;
    let mut wrong = String::new();
    for (fields, body, expected) in BODIES {
        let request = format!(
            "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{fields}\r\n\r\n{body}{LAST}"
        );
        let answers = exchange(server.address, request.as_bytes()).await;
        if statuses(&answers) != *expected {
            writeln!(wrong, "{fields:?} {body:?}: {answers:?} instead of {expected:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    get(server.address, "/health").await.expect(200);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let server = Server::start().await;
    for path in ["/livez", "/nothing", "/"] {
        let head = exchange(server.address, LAST.replace("GET /livez", &format!("HEAD {path}")).as_bytes()).await;
        let get = exchange(server.address, LAST.replace("/livez", path).as_bytes()).await;
        let length = |answer: &str| {
            let fields = answer.split("\r\n").filter_map(|line| line.split_once(": "));
            fields.filter(|(name, _)| *name == "content-length").map(|(_, length)| length.to_owned()).next()
        };
        assert!(head.ends_with("\r\n\r\n") && !get.ends_with("\r\n\r\n"), "{head}");
        assert_eq!((statuses(&head), length(&head)), (statuses(&get), length(&get)), "{path}");
    }
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let server = Server::start().await;
    let mut pipeline = String::new();
    let mut expected = Vec::new();
    for number in 0..20 {
        // Some wait for the store and some do not; a body in between is not read as a request.
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
async fn whoever_has_said_everything_may_close_that_side() {
    let server = Server::start().await;
    let login = r#"{"username":"nobody","password":"long enough"}"#;
    let login = format!(
        "POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{login}",
        login.len()
    );
    let livez = LAST.replace("Connection: close\r\n", "");
    for (requests, expected) in [(livez.clone(), &[200][..]), (login.clone(), &[401]), (login + &livez, &[401, 200])] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(requests.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(statuses(&rest(&mut socket).await), expected, "{requests}");
    }
}

#[tokio::test]
async fn behind_an_upgrade_there_is_no_http() {
    let server = Server::start().await;
    let ada = server.register("ada").await;
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ada.token
    );
    let answers = exchange(server.address, format!("{upgrade}{LAST}").as_bytes()).await;
    assert_eq!(statuses(&answers), [101]);
    assert!(answers.ends_with("protocol error"), "what follows is not a frame either: {answers:?}");
    // A refused upgrade leaves the connection as it was.
    let refused = upgrade.replace("Version: 13", "Version: 8");
    assert_eq!(statuses(&exchange(server.address, format!("{refused}{LAST}").as_bytes()).await), [426, 200]);
    // An upgrade behind other requests is answered after them.
    let before = LAST.replace("Connection: close\r\n", "");
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(format!("{before}{upgrade}").as_bytes()).await.unwrap();
    assert_eq!(statuses(&until(&mut socket, r#""type":"hello""#).await), [200, 101]);
}
