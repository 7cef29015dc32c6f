//! What a middleware is.

use super::endpoint::Endpoint;
use super::error;
use super::request::Request;
use super::router::NoRoute;
use crate::api::BoxFuture;
use crate::transport::Response;

/// What stands between the listener and an endpoint: any `async fn(Request, Next) -> Response`.
pub(super) trait Middleware: Sync {
    /// Answers, by itself or by what comes next.
    fn call(&self, request: Request, next: Next) -> BoxFuture<Response>;
}

impl<F, Fut> Middleware for F
where
    F: Fn(Request, Next) -> Fut + Sync,
    Fut: Future<Output = Response> + Send + 'static,
{
    fn call(&self, request: Request, next: Next) -> BoxFuture<Response> {
        Box::pin(self(request, next))
    }
}

/// What comes next in the chain, and at its end the endpoint.
pub(super) struct Next {
    /// The rest of the chain.
    pub(super) rest: &'static [&'static dyn Middleware],
    /// What the router found.
    pub(super) endpoint: Result<Endpoint, NoRoute>,
}

impl Next {
    /// Runs the rest of the chain.
    pub(super) async fn run(self, request: Request) -> Response {
        let Self { rest, endpoint } = self;
        if let Some((middleware, rest)) = rest.split_first() {
            return middleware.call(request, Self { rest, endpoint }).await;
        }
        let id = request.id.clone();
        match endpoint {
            Ok(endpoint) => endpoint.call(request).await.unwrap_or_else(|failed| error::problem(&failed, &id)),
            Err(none) => error::no_route(&none, &request.method, &id),
        }
    }
}
