//! What RFC 9112 wants of a request and hyper does not check.

use hyper::Version;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;

use super::error;
use super::middleware::Next;
use super::request::Request;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::transport::Response;

/// Refuses requests that are not framed or addressed as they must be, and targets that are too long.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    if let Err(refused) = framed(&request.headers).and_then(|()| addressed(request.version, &request.headers)) {
        let mut answer = error::problem(&refused, &request.id);
        // What follows on this connection may be anything, and somebody in between may have seen another request.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return answer;
    }
    if request.path.len() + request.query.bytes() > limits::URI_BYTES_MAX {
        let detail = format!("The target is longer than {} bytes.", limits::URI_BYTES_MAX);
        return error::problem(&Error::new(Code::UriTooLong, detail), &request.id);
    }
    next.run(request).await
}

/// The one transfer coding of requests is `chunked`, once. (hyper looks at the last one only.)
fn framed(headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let plain = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let refused = || Error::new(Code::Malformed, "Transfer-Encoding takes chunked, once.");
    (plain && codings.next().is_none()).then_some(()).ok_or_else(refused)
}

/// HTTP/1.1 has exactly one `Host` (RFC 9112, section 3.2), and it names one.
fn addressed(version: Version, headers: &HeaderMap) -> Result<()> {
    let mut hosts = headers.get_all(HOST).iter();
    let addressed = hosts.next().map_or(version < Version::HTTP_11, is_host);
    let refused = || Error::new(Code::Malformed, "A request has exactly one Host: a name or an address, and a port.");
    (addressed && hosts.next().is_none()).then_some(()).ok_or_else(refused)
}

/// `host [ ":" port ]`, without a user in front.
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
    fn a_host_is_a_name_or_an_address_and_a_port() {
        let is = |text: &str| is_host(&HeaderValue::from_str(text).expect("a header value"));
        for host in ["x", "chat.example", "x:80", "x:", "127.0.0.1:8080", "[::1]", "[::1]:8080", "xn--caf-dma.example"]
        {
            assert!(is(host), "{host}");
        }
        for other in
            ["", " ", ":80", "a b", "x, y", "x/y", "x?y", "x#y", "u@x", "x@x", "x:y", "x:65536", "http://x", "[::1"]
        {
            assert!(!is(other), "{other}");
        }
    }
}
