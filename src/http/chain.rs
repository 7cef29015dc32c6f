//! The middleware chain, in the order of one list.

use super::endpoint::Endpoint;
use super::middleware::{Middleware, Next};
use super::request::Request;
use super::router::NoRoute;
use super::{access_log, auth, cors, panic_guard, request_id, request_validation};
use crate::transport::Response;

/// The chain, outermost first.
static CHAIN: &[&dyn Middleware] = &[
    &request_id::middleware,         // first, so that every response has one
    &access_log::middleware,         // logs the response as it is sent
    &cors::middleware,               // so that pages of other origins can read errors too
    &panic_guard::middleware,        // a panic costs one request
    &request_validation::middleware, // rules of RFC 9112 that hyper does not check
    &auth::middleware,               // reads the access token; the operation's dispatcher checks it
];

/// Passes a request through the chain to its endpoint.
pub async fn run(request: Request, endpoint: Result<Endpoint, NoRoute>) -> Response {
    Next { rest: CHAIN, endpoint }.run(request).await
}
