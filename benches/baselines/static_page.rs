//! A server that returns the same encoded page for every request, on hyper and tokio as Chinwag uses them. No page of history can
//! cost less.

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

/// Messages of a page, as `chinwag bench history` requests it.
const ITEMS: usize = 50;
/// Bytes of JSON around the filler of `--bytes`.
const WRAPPER_LENGTH: usize = r#"{"items":""}"#.len();

/// Serves until it is killed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let bytes = arguments.number("--bytes", 0)?;
    let body: Bytes = match bytes {
        0 => frames::page(arguments.number("--items", ITEMS)?),
        _ => format!(r#"{{"items":"{}"}}"#, "x".repeat(bytes.saturating_sub(WRAPPER_LENGTH))),
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
            let service = service_fn(|_| std::future::ready(Ok::<_, Infallible>(response(body.clone()))));
            // An error is ignored: a client may close its connection at any time.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

fn response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
