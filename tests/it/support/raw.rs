//! Raw HTTP, for requests that no library sends.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::socket::TEST_TIMEOUT;

/// Writes bytes, and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The server may have closed before all of it is written.
    let _ = timeout(TEST_TIMEOUT, socket.write_all(bytes)).await.expect("the server reads");
    rest(&mut socket).await
}

/// Reads until the server closes.
pub(crate) async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A server that closes with unread bytes resets the connection. The response was received all the same.
    let _ = timeout(TEST_TIMEOUT, socket.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until `expected` was received.
pub(crate) async fn until(socket: &mut TcpStream, expected: &str) -> String {
    let (mut got, mut buffer) = (String::new(), [0; 4096]);
    let reading = async {
        while !got.contains(expected) {
            let count = socket.read(&mut buffer).await.unwrap();
            assert!(count > 0, "{expected} is missing in {got}");
            got += &String::from_utf8_lossy(&buffer[..count]);
        }
    };
    let is_received = timeout(TEST_TIMEOUT, reading).await.is_ok();
    assert!(is_received, "{expected} did not come in {TEST_TIMEOUT:?}, but {got}");
    got
}

/// Returns the status codes of consecutive responses.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head.split(' ').nth(1).unwrap().parse().unwrap()).collect()
}
