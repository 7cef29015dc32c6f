//! The routes that exist only over HTTP: the page and health.

use super::endpoint::{Endpoint, Handler};
use super::router::Route;
use super::{health, static_files};

/// Returns a route to a handler.
pub const fn route(method: &'static str, pattern: &'static str, handler: &'static dyn Handler) -> Route {
    Route { method, pattern, endpoint: Endpoint::Handler(handler) }
}

/// The routes of the page and of health.
pub static ROUTES: &[Route] = &[
    route("GET", "/", &static_files::root),
    route("GET", "/boot.js", &static_files::root_file),
    route("GET", "/service-worker.js", &static_files::root_file),
    route("GET", "/static/{first}", &static_files::file),
    route("GET", "/static/{first}/{second}", &static_files::file),
    route("GET", "/static/{first}/{second}/{third}", &static_files::file),
    route("GET", "/health", &health::health),
    route("GET", "/livez", &health::livez),
    route("GET", "/readyz", &health::readyz),
];
