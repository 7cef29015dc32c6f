//! Reads the access token of a request.

use super::middleware::Next;
use super::request::Request;
use crate::transport::{Response, bearer};

/// Stores the token of `Authorization: Bearer …` in the request. The operation's dispatcher checks it if the operation requires one.
pub(super) async fn middleware(mut request: Request, next: Next) -> Response {
    request.token = bearer(&request.headers).map(str::to_owned);
    next.run(request).await
}
