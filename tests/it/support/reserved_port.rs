//! Ports of servers that the tests start.

use tokio::net::TcpSocket;

/// A port for a server of another program. A free port that nobody reserves can become that of an outgoing connection, of this test or of another,
/// before the server listens there, or while it is stopped.
pub(super) struct ReservedPort {
    pub(super) number: u16,
    _socket: TcpSocket,
}

impl ReservedPort {
    pub(super) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // The server listens beside it.
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _socket: socket }
    }
}
