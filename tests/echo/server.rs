//! A server that echoes: Chinwag's own doors, and behind them somebody who says again what is said.
//!
//! A conformance test needs a peer that repeats text and bytes of 16 MiB; Chinwag's own clients speak JSON of 64 KiB. All that is
//! between the socket and the meaning of its frames is the same: accepting, handshake, reading, writing, pings and the goodbye.

use chinwag::app::App;
use chinwag::config::Config;
use chinwag::domain::Result;
use chinwag::http::routes::{Access, Route};
use chinwag::http::{Request, Response};
use chinwag::limits;
use chinwag::wire::framing;
use chinwag::ws::{End, Lease, Message, Socket, Talk, accept};
use hyper::Method;
use tokio::net::TcpListener;

/// Bytes of the largest message of the Autobahn TestSuite.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

static TABLE: &[Route] = &[Route { method: &Method::GET, pattern: "/", access: Access::Public, handler: &echo }];

async fn echo(request: Request) -> Result<Response> {
    accept(request, MESSAGE_BYTES, Echo)
}

struct Echo;

impl Talk for Echo {
    async fn talk(self: Box<Self>, Socket { reader, writer }: &mut Socket) -> End {
        let outbox = &writer.outbox;
        outbox.uncork();
        let repeat = async {
            loop {
                let mut frame = Vec::new();
                match reader.next().await {
                    Ok(Message::Text(text)) => framing::put_text(&mut frame, text.as_bytes()),
                    Ok(Message::Binary(bytes)) => framing::put_binary(&mut frame, &bytes),
                    Err(end) => return end,
                }
                // Whoever talks faster than they listen is not read meanwhile, and so not too slow.
                outbox.eased().await;
                outbox.push(frame.into());
            }
        };
        let endless = Lease::endless();
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
    let app = App::open_with(config, TABLE).await.unwrap();
    app.serve(listener, std::future::pending()).await;
}
