//! The middleware chain, in the order of one list.

use super::endpoint::Endpoint;
use super::middleware::{Middleware, Next};
use super::request::Request;
use super::router::NoRoute;
use super::{access_log, auth, cors, panic_guard, request_id, request_validation};
use crate::transport::Response;

/// The chain, outermost first.
static CHAIN: &[&dyn Middleware] = &[
    &request_id::middleware,         // on every answer, so first
    &access_log::middleware,         // logs what really went out
    &cors::middleware,               // so that pages of other origins can read errors too
    &panic_guard::middleware,        // a defect costs one request
    &request_validation::middleware, // what RFC 9112 requires and hyper does not check
    &auth::middleware,               // the access token; the operation's dispatcher checks it
];

/// Takes a request through the chain to its endpoint.
pub async fn run(request: Request, endpoint: Result<Endpoint, NoRoute>) -> Response {
    Next { rest: CHAIN, endpoint }.run(request).await
}
