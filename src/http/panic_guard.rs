//! The panic guard: a panic costs one request, not the connection.

use super::error;
use super::middleware::Next;
use super::request::Request;
use crate::api::catch_panic;
use crate::transport::Response;

/// Responds with 500 if the rest of the chain panics.
pub(super) async fn middleware(request: Request, next: Next) -> Response {
    let id = request.id.clone();
    catch_panic(next.run(request)).await.unwrap_or_else(|panic| error::problem(&panic, &id))
}
