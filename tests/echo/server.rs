//! A server that echoes: Chinwag's own doors, and behind them somebody who says again what is said.
//!
//! A conformance test needs a peer that repeats text and bytes of 16 MiB; Chinwag's own clients speak JSON of 64 KiB. All that is
//! between the socket and the meaning of its frames is the same: accepting, handshake, reading, writing, pings and the goodbye.

use chinwag::domain::Result;
use chinwag::http::Request;
use chinwag::http::router::Route;
use chinwag::http::routes::route;
use chinwag::limits;
use chinwag::server::App;
use chinwag::server::config::Config;
use chinwag::transport::Response;
use chinwag::wire::framing;
use chinwag::ws::{ClientMessage, ConnectionEnd, Socket, SocketHandler, TokenDeadline, accept};
use tokio::net::TcpListener;

/// Bytes of the largest message of the Autobahn TestSuite.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

static TABLE: &[Route] = &[route("GET", "/", &echo)];

async fn echo(request: Request) -> Result<Response> {
    accept(request.into_upgrade(), MESSAGE_BYTES, Echo)
}

struct Echo;

impl SocketHandler for Echo {
    async fn handle(self: Box<Self>, Socket { reader, writer }: &mut Socket) -> ConnectionEnd {
        let send_queue = &writer.send_queue;
        send_queue.uncork();
        let repeat = async {
            loop {
                let mut frame = Vec::new();
                match reader.next().await {
                    Ok(ClientMessage::Text(text)) => framing::write_text_frame(&mut frame, text.as_bytes()),
                    Ok(ClientMessage::Binary(bytes)) => framing::write_binary_frame(&mut frame, &bytes),
                    Err(end) => return end,
                }
                // Whoever talks faster than they listen is not read meanwhile, and so not too slow.
                send_queue.has_capacity().await;
                send_queue.push(frame.into());
            }
        };
        let endless = TokenDeadline::endless();
        tokio::select! {
            end = repeat => end,
            end = writer.run(limits::HEARTBEAT, &endless, || {}) => end,
        }
    }
}

/// Serves for as long as it is awaited.
pub(crate) async fn serve(listener: TcpListener) {
    let data = tempfile::tempdir().unwrap();
    let config = Config::read(["echo", "--data", data.path().to_str().unwrap()]).unwrap();
    let app = App::open_with_routes(config, TABLE).await.unwrap();
    app.serve(listener, std::future::pending()).await;
}
