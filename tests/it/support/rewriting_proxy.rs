//! A proxy that changes the heads of requests, as a proxy does that is configured wrongly.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running proxy, which accepts no more connections after a drop.
pub(crate) struct RewritingProxy {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl RewritingProxy {
    /// Starts a proxy to `target`. `change` takes the proxy's address, and returns a field of each head and what stands in its place.
    pub(crate) async fn to(target: SocketAddr, change: impl FnOnce(SocketAddr) -> [String; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let change = change(address);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, mut to_client) = client.into_split();
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let (mut from_server, to_server) = server.into_split();
                tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
                tokio::spawn(forward(from_client, to_server, change.clone()));
            }
        });
        Self { address, accepting }
    }
}

impl Drop for RewritingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Forwards requests. A browser writes the head of each at once.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, [field, replacement]: [String; 2]) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let read = &bytes[..count];
        let forwarded = match read.windows(field.len()).position(|window| window == field.as_bytes()) {
            Some(at) => [&read[..at], replacement.as_bytes(), &read[at + field.len()..]].concat(),
            None => read.to_vec(),
        };
        if to.write_all(&forwarded).await.is_err() {
            return;
        }
    }
}
