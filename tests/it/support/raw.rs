//! HTTP by hand, for what no library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::socket::PATIENCE;

/// Writes, and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The server may have closed before all of it is written.
    let _ = timeout(PATIENCE, socket.write_all(bytes)).await.expect("the server reads");
    rest(&mut socket).await
}

/// Reads until the server closes.
pub(crate) async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // Closing with something unread resets the connection; what was answered has come all the same.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until this has come.
pub(crate) async fn until(socket: &mut TcpStream, expected: &str) -> String {
    let (mut got, mut buffer) = (String::new(), [0; 4096]);
    let reading = async {
        while !got.contains(expected) {
            let count = socket.read(&mut buffer).await.unwrap();
            assert!(count > 0, "{expected} is missing in {got}");
            got += &String::from_utf8_lossy(&buffer[..count]);
        }
    };
    let come = timeout(PATIENCE, reading).await.is_ok();
    assert!(come, "{expected} did not come in {PATIENCE:?}, but {got}");
    got
}

/// The statuses of answers that came one after the other.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    let heads = answers.split("HTTP/1.").skip(1);
    heads.map(|head| head.split(' ').nth(1).unwrap().parse().unwrap()).collect()
}
