//! Authentication: takes the access token out of a request.

use super::middleware::Next;
use super::request::Request;
use crate::transport::{Response, bearer};

/// Keeps the token of `Authorization: Bearer …` for the operation's dispatcher, which checks it where the operation requires one.
pub(super) async fn middleware(mut request: Request, next: Next) -> Response {
    request.token = bearer(&request.headers).map(str::to_owned);
    next.run(request).await
}
