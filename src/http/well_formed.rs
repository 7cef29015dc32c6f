//! What RFC 9112 wants of a request and hyper does not check.

use hyper::Version;
use hyper::header::HOST;

use super::chain::Next;
use super::error;
use super::request::{Request, Response};
use crate::domain::{Code, Error};
use crate::limits;

/// Refuses requests of HTTP/1.1 without exactly one `Host` (RFC 9112, section 3.2), and targets that are too long.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let hosts = request.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
        let refused = Error::new(Code::Malformed, "A request has exactly one Host.");
        return error::response(&refused, &request.id);
    }
    if request.path.len() + request.query.bytes() > limits::URI_BYTES {
        let detail = format!("The target is longer than {} bytes.", limits::URI_BYTES);
        return error::response(&Error::new(Code::UriTooLong, detail), &request.id);
    }
    next.run(request).await
}
