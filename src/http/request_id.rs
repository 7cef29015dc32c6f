//! Request ids: each response has one.

use hyper::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::middleware::Next;
use super::request::Request;
use crate::transport::Response;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The maximum length of a client's request id, in characters.
const LENGTH_MAX: usize = 128;

/// Uses the client's id if it matches `[A-Za-z0-9._-]{1,128}`, and generates one otherwise. The response has the same id.
pub(super) async fn middleware(mut request: Request, next: Next) -> Response {
    let given = request.header(X_REQUEST_ID).filter(|text| is_valid(text));
    request.id = given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned).into();
    let id = HeaderValue::from_str(&request.id);
    let mut response = next.run(request).await;
    if let Ok(id) = id {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

fn is_valid(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{LENGTH_MAX, is_valid};

    #[test]
    fn ids_have_a_limited_length_and_alphabet() {
        assert!(is_valid("a-B_3.x") && is_valid(&"x".repeat(LENGTH_MAX)));
        assert!(!is_valid("") && !is_valid("a b") && !is_valid("ä") && !is_valid(&"x".repeat(LENGTH_MAX + 1)));
    }
}
