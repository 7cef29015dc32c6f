//! The writing loop: goes on where the kernel was full.

use tokio::net::TcpStream;

use super::close::End;
use crate::registry::{Outbox, Stir};

/// Flushes whenever the socket can be written again; returns when the close frame is out or the socket is gone.
pub(super) async fn run(outbox: &Outbox, socket: &TcpStream) -> End {
    loop {
        match outbox.stirred().await {
            Stir::Blocked => match socket.writable().await {
                Ok(()) => outbox.flush(),
                Err(_) => return End::Broken,
            },
            Stir::Closing(close) => return End::Close(close),
            Stir::Broken => return End::Broken,
        }
    }
}
