//! The HTTP transport: from a socket to the operations.
//!
//! The path of a request: [`listener`] (hyper) → [`router`] (finds the route) → [`chain`] (middleware, in the order of one list) →
//! [`endpoint`] (an operation of [`crate::api`], or a handler of the page or of health). The response takes the same path back.

mod accept;
mod accept_encoding;
mod access_log;
mod auth;
mod body;
pub mod chain;
mod cors;
pub mod endpoint;
mod error;
mod health;
mod listener;
mod middleware;
mod operation;
mod panic_guard;
mod request;
mod request_id;
mod request_validation;
mod response;
pub mod router;
pub mod routes;
mod static_files;
mod static_folder;

pub use listener::{Server, serve};
pub use request::Request;
