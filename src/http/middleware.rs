//! The interface of a middleware.

use super::endpoint::Endpoint;
use super::error;
use super::request::Request;
use super::router::NoRoute;
use crate::api::BoxFuture;
use crate::transport::Response;

/// A step between the listener and the endpoint: any `async fn(Request, Next) -> Response`.
pub(super) trait Middleware: Sync {
    /// Responds to a request, by itself or through `next`.
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

/// The rest of the chain and the endpoint at its end.
pub(super) struct Next {
    pub(super) rest: &'static [&'static dyn Middleware],
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
