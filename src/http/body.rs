//! Reads the body of a request, within a limit of bytes and of time.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::CONTENT_TYPE;
use tokio::time::timeout;

use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;

/// Reads a JSON body. A body that is not declared as JSON, or whose declared length is over the limit, is refused unread.
pub(super) async fn read_json(request: &mut Request) -> Result<Bytes> {
    let media_type = request.header(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        let detail = "The request must have Content-Type: application/json.";
        return Err(Error::new(Code::UnsupportedMediaType, detail));
    }
    let Some(body) = request.body.take() else { return Err(not_json()) };
    let too_large = || Error::new(Code::TooLarge, format!("The body is longer than {} bytes.", limits::BODY_BYTES_MAX));
    if body.size_hint().lower() > limits::BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match timeout(request.state.body_timeout, Limited::new(body, limits::BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Some(body.to_bytes()).filter(|body| !body.is_empty()).ok_or_else(not_json),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(Code::Malformed, "The body is incomplete or its framing is not valid.")),
        Err(_) => Err(Error::new(Code::Timeout, "The body did not arrive in time.")),
    }
}

fn not_json() -> Error {
    Error::new(Code::Malformed, "The body is not JSON: it is empty.")
}
