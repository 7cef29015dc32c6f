//! `cargo run --example echo`: an echo behind Chinwag's doors, for whoever wants to try them with a tool of their own.

#![allow(clippy::unwrap_used)] // an example that cannot go on says so by panicking

mod server;

use tokio::net::TcpListener;

/// Says its address, and serves until it is stopped.
#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ws://{}/", listener.local_addr().unwrap());
    server::serve(listener).await;
}
