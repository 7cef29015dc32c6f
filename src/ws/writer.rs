//! The writing loop: goes on where the kernel was full.

use tokio::net::TcpStream;

use super::close::End;
use crate::registry::{Outbox, Stir};

/// Flushes whenever the socket can be written again; returns when the server closes the connection or the socket is gone.
pub(super) async fn run(outbox: &Outbox, socket: &TcpStream) -> End {
    loop {
        match outbox.stirred().await {
            Stir::Blocked => tokio::select! {
                writable = socket.writable() => match writable {
                    Ok(()) => outbox.flush(),
                    Err(_) => return End::Broken,
                },
                // The server may close a connection whose peer never reads again.
                () = outbox.news() => {}
            },
            Stir::Closing(close) => return End::Close(close),
            Stir::Broken => return End::Broken,
        }
    }
}
