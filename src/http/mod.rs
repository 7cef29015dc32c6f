//! The HTTP transport: everything between a socket and the operations.
//!
//! A request travels: [`listener`] (hyper) → [`router`] (which row of [`routes`]) → [`chain`] (middleware, in the order of
//! one list) → a handler of [`handlers`] → an operation of [`crate::chat`], and back.

mod accept;
mod access_log;
mod auth;
mod body;
pub mod chain;
mod cors;
mod cursor;
mod error;
mod handlers;
mod health;
mod listener;
mod panic_guard;
mod rate_limit;
mod request;
mod request_id;
mod request_validation;
mod response;
pub mod router;
pub mod routes;
mod static_files;
mod timeout;

pub use listener::{Server, serve};
pub use request::Request;
