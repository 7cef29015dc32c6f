//! Authentication: who makes a request.

use hyper::header::AUTHORIZATION;

use super::chain::Next;
use super::error;
use super::request::{Request, Response};
use super::routes::Access;
use crate::domain::{Code, Error, Result};

/// On routes for users, finds out who it is by the access token; refuses whoever has no good one.
pub(super) async fn middleware(mut request: Request, next: Next) -> Response {
    if request.route.as_ref().is_ok_and(|found| found.route.access == Access::User) {
        match authenticate(&request).await {
            Ok(caller) => request.caller = Some(caller),
            Err(refused) => return error::response(&refused, &request.id),
        }
    }
    next.run(request).await
}

async fn authenticate(request: &Request) -> Result<crate::domain::session::Caller> {
    let token = bearer(request).ok_or_else(|| Error::new(Code::Unauthorized, "This takes an access token."))?;
    request.site.chat.authenticate(token).await
}

/// The token of `Authorization: Bearer …` (RFC 6750); the scheme's case does not matter.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
