//! Tests of the proxy: each of its faults.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::proxy::{Flow, Proxy};

/// Long enough for a byte to arrive, if it is forwarded.
const A_MOMENT: Duration = Duration::from_millis(50);

/// Starts a server that sends back all that it receives.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn assert_receives(socket: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    socket.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, expected);
}

#[tokio::test]
async fn a_way_can_be_made_bad_and_good_again() {
    let proxy = Proxy::to(echo().await);
    let mut socket = TcpStream::connect(proxy.address).await.unwrap();
    socket.write_all(b"passes").await.unwrap();
    assert_receives(&mut socket, b"passes").await;

    for set_flow in [Proxy::set_to_target, Proxy::set_from_target] {
        set_flow(&proxy, Flow::Hold);
        socket.write_all(b"waits").await.unwrap();
        assert!(timeout(A_MOMENT, socket.read_u8()).await.is_err(), "nothing arrives");
        set_flow(&proxy, Flow::Pass);
        assert_receives(&mut socket, b"waits").await;
    }

    proxy.set_from_target(Flow::Discard);
    socket.write_all(b"lost").await.unwrap();
    assert!(timeout(A_MOMENT, socket.read_u8()).await.is_err(), "nothing arrives");
    proxy.set_from_target(Flow::Pass);
    socket.write_all(b"passes").await.unwrap();
    assert_receives(&mut socket, b"passes").await;
}

#[tokio::test]
async fn a_way_can_be_cut_and_refused() {
    let proxy = Proxy::to(echo().await);
    let mut socket = TcpStream::connect(proxy.address).await.unwrap();
    socket.write_all(b"passes").await.unwrap();
    assert_receives(&mut socket, b"passes").await;
    proxy.refuse(true);
    proxy.cut();
    assert_eq!(socket.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    while TcpStream::connect(proxy.address).await.is_ok() {} // until the listener is closed
    assert_eq!(TcpStream::connect(proxy.address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    proxy.refuse(false);
    let mut again = loop {
        if let Ok(socket) = TcpStream::connect(proxy.address).await {
            break socket;
        }
    };
    again.write_all(b"passes").await.unwrap();
    assert_receives(&mut again, b"passes").await;
}

#[tokio::test]
async fn a_way_can_end_before_certain_bytes() {
    let proxy = Proxy::to(echo().await);
    let (mut socket, mut another) = tokio::join!(TcpStream::connect(proxy.address), TcpStream::connect(proxy.address));
    let (socket, another) = (socket.as_mut().unwrap(), another.as_mut().unwrap());
    proxy.end_before(b"COMMIT");
    socket.write_all(b"BEGIN; COM").await.unwrap();
    assert_receives(socket, b"BEGIN; COM").await;
    socket.write_all(b"MON; COMMIT; BEGIN").await.unwrap();
    assert_receives(socket, b"MON; ").await;
    assert_eq!(socket.read_u8().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    proxy.ended().await;
    another.write_all(b"COMMIT").await.unwrap();
    assert_receives(another, b"COMMIT").await;

    // In two parts, the first of which was forwarded.
    proxy.end_before(b"COMMIT");
    another.write_all(b"COM").await.unwrap();
    assert_receives(another, b"COM").await;
    another.write_all(b"MIT").await.unwrap();
    assert_eq!(another.read_u8().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    proxy.ended().await;
}
