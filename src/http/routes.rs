//! The rows that are HTTP's alone: the page, and whether the server can serve.

use super::endpoint::{Endpoint, Handler};
use super::router::Route;
use super::{health, static_files};

/// A row that a handler answers.
pub const fn route(method: &'static str, pattern: &'static str, handler: &'static dyn Handler) -> Route {
    Route { method, pattern, endpoint: Endpoint::Handler(handler) }
}

/// The table.
pub static ROUTES: &[Route] = &[
    route("GET", "/", &static_files::root),
    route("GET", "/static/{name}", &static_files::asset),
    route("GET", "/health", &health::health),
    route("GET", "/livez", &health::livez),
    route("GET", "/readyz", &health::readyz),
];
