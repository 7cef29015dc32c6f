//! An echo server: Chinwag's transports, with an echo instead of the operations.
//!
//! A conformance test needs a peer that repeats text and bytes of 16 MiB, and Chinwag's own clients send JSON of 112 KiB. All layers
//! between the socket and the frames are the same: accepting, handshake, reading, writing, pings and the close.

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
                // A client that sends faster than it reads is not read meanwhile, and so is not closed as a slow consumer.
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

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener) {
    let data = tempfile::tempdir().unwrap();
    // Its messages are larger than what a client without a user may hold.
    let config = Config::read(["echo", "--rate-limits", "off", "--data", data.path().to_str().unwrap()]).unwrap();
    let app = App::open_with_routes(config, TABLE).await.unwrap();
    app.serve(listener, std::future::pending()).await;
}
