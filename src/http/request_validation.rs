//! Checks the rules of RFC 9112 that hyper does not check.

use hyper::Version;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;

use super::error;
use super::middleware::Next;
use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::transport::Response;

/// Refuses requests with a bad `Transfer-Encoding` or `Host`, and targets over the limit.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    if let Err(refused) =
        check_transfer_encoding(&request.headers).and_then(|()| check_host(request.version, &request.headers))
    {
        let mut response = error::problem(&refused, &request.id);
        // The connection is closed, because a proxy can have seen other request boundaries (request smuggling).
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    if request.path.len() + request.query.bytes() > limits::URI_BYTES_MAX {
        let detail = format!("The request target is longer than {} bytes.", limits::URI_BYTES_MAX);
        return error::problem(&Error::new(Code::UriTooLong, detail), &request.id);
    }
    next.run(request).await
}

/// Accepts no transfer coding but `chunked`, once. (hyper checks the last one only.)
fn check_transfer_encoding(headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_valid = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let refused = || Error::new(Code::Malformed, "Transfer-Encoding must be chunked, once.");
    (is_valid && codings.next().is_none()).then_some(()).ok_or_else(refused)
}

/// Requires exactly one valid `Host` (RFC 9112, section 3.2). HTTP/1.0 may omit it.
fn check_host(version: Version, headers: &HeaderMap) -> Result<()> {
    let mut hosts = headers.get_all(HOST).iter();
    let is_valid = hosts.next().map_or(version < Version::HTTP_11, is_host);
    let refused = || {
        Error::new(
            Code::Malformed,
            "A request must have exactly one Host: a name or an address, optionally with a port.",
        )
    };
    (is_valid && hosts.next().is_none()).then_some(()).ok_or_else(refused)
}

/// Returns true for `host [ ":" port ]` without user information.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return false };
    let port = authority.as_str().strip_prefix(authority.host());
    !authority.host().is_empty()
        && port.is_some_and(|port| port.is_empty() || port == ":" || authority.port_u16().is_some())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        let check = |text: &str| is_host(&HeaderValue::from_str(text).expect("a header value"));
        for host in ["x", "chat.example", "x:80", "x:", "127.0.0.1:8080", "[::1]", "[::1]:8080", "xn--caf-dma.example"]
        {
            assert!(check(host), "{host}");
        }
        for other in
            ["", " ", ":80", "a b", "x, y", "x/y", "x?y", "x#y", "u@x", "x@x", "x:y", "x:65536", "http://x", "[::1"]
        {
            assert!(!check(other), "{other}");
        }
    }
}
