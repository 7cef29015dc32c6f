//! The end of the middleware chain: an operation or a handler.

use super::operation;
use super::request::Request;
use crate::api::{BoxFuture, Operation};
use crate::domain::Result;
use crate::transport::Response;

/// The code that responds to a request.
#[derive(Clone, Copy)]
pub enum Endpoint {
    /// An operation, called through its dispatcher.
    Operation(&'static Operation),
    /// A handler that exists only over HTTP: the page, health, a WebSocket handshake.
    Handler(&'static dyn Handler),
}

/// A handler of requests: any `async fn(Request) -> Result<Response>`.
pub trait Handler: Sync {
    /// Responds to a request.
    fn call(&self, request: Request) -> BoxFuture<Result<Response>>;
}

impl<F, Fut> Handler for F
where
    F: Fn(Request) -> Fut + Sync,
    Fut: Future<Output = Result<Response>> + Send + 'static,
{
    fn call(&self, request: Request) -> BoxFuture<Result<Response>> {
        Box::pin(self(request))
    }
}

impl Endpoint {
    /// Responds to a request.
    pub fn call(self, request: Request) -> BoxFuture<Result<Response>> {
        match self {
            Self::Operation(operation) => Box::pin(operation::call(operation, request)),
            Self::Handler(handler) => handler.call(request),
        }
    }
}
