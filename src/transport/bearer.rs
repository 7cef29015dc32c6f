//! Bearer tokens (RFC 6750).

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Returns the token of `Authorization: Bearer …`. The case of the scheme does not matter.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
