//! What answers a request at the end of the chain.

use super::operation;
use super::request::Request;
use crate::api::{BoxFuture, Operation};
use crate::domain::Result;
use crate::transport::Response;

/// What answers a request.
#[derive(Clone, Copy)]
pub enum Endpoint {
    /// An operation, through its dispatcher.
    Operation(&'static Operation),
    /// Something that is HTTP's alone: the page, health, a handshake.
    Handler(&'static dyn Handler),
}

/// Any `async fn(Request) -> Result<Response>`.
pub trait Handler: Sync {
    /// Answers.
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
    /// Answers.
    pub fn call(self, request: Request) -> BoxFuture<Result<Response>> {
        match self {
            Self::Operation(operation) => Box::pin(operation::call(operation, request)),
            Self::Handler(handler) => handler.call(request),
        }
    }
}
