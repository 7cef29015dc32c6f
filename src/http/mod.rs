//! The HTTP transport: everything between a socket and the operations.
//!
//! A request travels: [`listener`] (hyper) → [`router`] (which row of the tables) → [`chain`] (middleware, in the order of one list) →
//! its [`endpoint`]: an operation of [`crate::api`], or a handler of the page and of health; and back.

mod accept;
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

pub use listener::{Server, serve};
pub use request::Request;
