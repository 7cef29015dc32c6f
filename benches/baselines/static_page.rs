//! A bare answer: hyper on tokio as Chinwag has them, and bytes that are already encoded. No page of history can cost less.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Arguments;
use crate::frames;

/// Messages of a page, as the bench asks for it.
const PAGE: usize = 50;
/// JSON around a filler.
const AROUND: usize = r#"{"items":""}"#.len();

/// Serves until it is killed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let bytes = arguments.number("--bytes", 0)?;
    let body: Bytes = match bytes {
        0 => frames::page(arguments.number("--items", PAGE)?),
        _ => format!(r#"{{"items":"{}"}}"#, "x".repeat(bytes.saturating_sub(AROUND))),
    }
    .into();
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let listener = arguments.listen()?;
    runtime.block_on(accept(listener, body)).map_err(|error| error.to_string())
}

async fn accept(listener: std::net::TcpListener, body: Bytes) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let service = service_fn(|_| std::future::ready(Ok::<_, Infallible>(answer(body.clone()))));
            // A client that goes in the middle is the client's business.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

fn answer(body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
