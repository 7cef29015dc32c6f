//! The HTTP door: everything between a socket and the verbs.
//!
//! A request travels: [`server`] (hyper) → [`router`] (which row of [`routes`]) → [`chain`] (middleware, in the order of
//! one list) → a handler of [`handlers`] → a verb of [`crate::chat`], and back.

mod accept;
mod access_log;
mod auth;
mod body;
pub mod chain;
mod client_address;
mod cors;
mod crowds;
mod cursor;
mod error;
mod handlers;
mod panic_guard;
mod query;
mod rate_limit;
mod request;
mod request_id;
mod response;
pub mod router;
pub mod routes;
pub mod server;
pub mod site;
mod time_out;
mod well_formed;

pub(crate) use auth::bearer;
pub use cors::Origins;
pub(crate) use crowds::Counted;
pub use crowds::{Crowds, Place};
pub(crate) use error::response as problem;
pub use query::Query;
pub use rate_limit::RateLimits;
pub use request::{Request, Response};
pub(crate) use response::empty;
