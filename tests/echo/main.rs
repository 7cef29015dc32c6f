//! `cargo run --example echo` starts an echo behind Chinwag's transports, for tests with other tools.

#![allow(clippy::unwrap_used)] // an example that cannot continue panics

mod server;

use tokio::net::TcpListener;

/// Prints its address, and serves until it is stopped.
#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ws://{}/", listener.local_addr().unwrap());
    server::serve(listener).await;
}
