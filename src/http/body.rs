//! Reading a request's body: bounded in bytes and in time.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;

/// Reads a body in JSON. It is refused before it is read if it is not declared as JSON, or declared too long.
pub(super) async fn read_json(request: &mut Request) -> Result<Bytes> {
    let media_type = request.header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        let detail = "The body must be declared with Content-Type: application/json.";
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    let Some(body) = request.body.take() else { return Err(not_json()) };
    let too_large = || Error::new(Code::TooLarge, format!("A body has at most {} bytes.", limits::BODY_BYTES_MAX));
    if body.size_hint().lower() > limits::BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match timeout(request.state.body_timeout, Limited::new(body, limits::BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Some(body.to_bytes()).filter(|body| !body.is_empty()).ok_or_else(not_json),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(Code::Malformed, "The body ended before its time or is badly framed.")),
        Err(_) => Err(Error::new(Code::Timeout, "The body took too long to arrive.")),
    }
}

fn not_json() -> Error {
    Error::new(Code::Malformed, "This is not JSON: the body is empty.")
}
