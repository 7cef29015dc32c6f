//! The middleware chain, in the order of one list.

use super::request::Request;
use super::routes::Answering;
use super::{access_log, auth, cors, error, panic_guard, rate_limit, request_id, request_validation, timeout};
use crate::transport::Response;

/// What stands between the server and a handler: any `async fn(Request, Next) -> Response`.
pub trait Middleware: Sync {
    /// Answers, by itself or by what comes next.
    fn call(&self, request: Request, next: Next) -> Answering<Response>;
}

impl<F, Fut> Middleware for F
where
    F: Fn(Request, Next) -> Fut + Sync,
    Fut: Future<Output = Response> + Send + 'static,
{
    fn call(&self, request: Request, next: Next) -> Answering<Response> {
        Box::pin(self(request, next))
    }
}

/// The chain, outermost first.
static CHAIN: &[&dyn Middleware] = &[
    &request_id::middleware,         // on every answer, so first
    &access_log::middleware,         // logs what really went out
    &cors::middleware,               // so that pages of other origins can read errors too
    &panic_guard::middleware,        // a defect costs one request
    &request_validation::middleware, // what RFC 9112 wants and hyper does not check
    &timeout::middleware,            // everything below waits for others
    &auth::middleware,               // who it is, where the route wants to know
    &rate_limit::middleware,         // how often, where the route is limited
];

/// What comes next in the chain, and at its end the handler.
pub struct Next {
    rest: &'static [&'static dyn Middleware],
}

impl Next {
    /// Goes on.
    pub async fn run(self, request: Request) -> Response {
        match self.rest.split_first() {
            Some((middleware, rest)) => middleware.call(request, Self { rest }).await,
            None => answer(request).await,
        }
    }
}

/// Takes a request through the chain.
pub async fn run(request: Request) -> Response {
    Next { rest: CHAIN }.run(request).await
}

async fn answer(request: Request) -> Response {
    let id = request.id.clone();
    match &request.route {
        Ok(found) => {
            let answered = found.route.handler.call(request).await;
            answered.unwrap_or_else(|failed| error::problem(&failed, &id))
        }
        Err(none) => error::no_route(none, &request.method, &id),
    }
}
