//! Authentication: who makes a request.

use super::chain::Next;
use super::error;
use super::request::Request;
use super::routes::Access;
use crate::domain::{Code, Error, Result};
use crate::transport::{Response, bearer};

/// On routes for users, finds out who it is by the access token; refuses whoever has no good one.
pub(super) async fn middleware(mut request: Request, next: Next) -> Response {
    if request.route.as_ref().is_ok_and(|found| found.route.access == Access::User) {
        match authenticate(&request).await {
            Ok(caller) => request.caller = Some(caller),
            Err(refused) => return error::problem(&refused, &request.id),
        }
    }
    next.run(request).await
}

async fn authenticate(request: &Request) -> Result<crate::domain::session::Caller> {
    let token =
        bearer(&request.headers).ok_or_else(|| Error::new(Code::Unauthorized, "This takes an access token."))?;
    request.state.chat.auth.authenticate(token).await
}
