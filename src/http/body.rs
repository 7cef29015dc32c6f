//! Reads the body of a request, within a limit of bytes and of time.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::sync::atomic::Ordering;
use tokio::time::timeout;

use super::request::Request;
use crate::domain::{Code, Error, Result, UserId};
use crate::limits;
use crate::registry::{Charge, Holder};
use crate::transport::network;

/// Reads a JSON body. A body that is not declared as JSON, is compressed, or whose declared length is over the limit, is refused unread.
pub(super) async fn read_json(request: &mut Request, user_id: Option<UserId>) -> Result<Bytes> {
    let media_type = request.header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        let detail = "The request must have Content-Type: application/json.";
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    if request.header(CONTENT_ENCODING).is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        let detail = "The body must not be compressed: this server takes no Content-Encoding.";
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    let Some(body) = request.body.take() else { return Err(not_json()) };
    if body.size_hint().lower() > limits::BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    if let Some(unread) = &request.unread {
        unread.store(false, Ordering::Relaxed);
    }
    let holder = Holder { user_id, network: network(request.address) };
    let charge = request.state.chat.registry().charge(holder);
    match timeout(request.state.body_timeout, collect(body, charge)).await {
        Ok(body) => Some(body?).filter(|body| !body.is_empty()).ok_or_else(not_json),
        Err(_) => Err(Error::new(Code::Timeout, "The body did not arrive in time.")),
    }
}

/// Returns the whole body. The part that has arrived is charged while it waits for the rest.
async fn collect(body: Incoming, mut charge: Charge) -> Result<Bytes> {
    let mut body = Limited::new(body, limits::BODY_BYTES_MAX);
    let mut arrived = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| if error.is::<LengthLimitError>() { too_large() } else { incomplete() })?;
        let Ok(data) = frame.into_data() else { continue };
        // Most bodies arrive at once, and are not copied.
        if arrived.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        arrived.extend_from_slice(&data);
        if !charge.resize_if_large(arrived.len()) {
            let detail = "Requests of your network that have arrived in part take too much memory.";
            return Err(Error::new(Code::Busy, detail).after(limits::MEMORY_RETRY));
        }
    }
    Ok(arrived.freeze())
}

fn too_large() -> Error {
    Error::new(Code::TooLarge, format!("The body is longer than {} bytes.", limits::BODY_BYTES_MAX))
}

fn incomplete() -> Error {
    Error::new(Code::Malformed, "The body is incomplete or its framing is not valid.")
}

fn not_json() -> Error {
    Error::new(Code::Malformed, "The body is not JSON: it is empty.")
}
