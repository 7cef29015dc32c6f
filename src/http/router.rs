//! The router: finds the row of the table that a request matches.
//!
//! A trie by segments. A literal beats a parameter at the same place, and nothing is tried twice, so that a look-up takes
//! as long as the path is long.

use std::collections::HashMap;
use std::fmt;

use hyper::Method;

use super::endpoint::Endpoint;
use crate::domain::{Code, Error, Result};
use crate::transport::decode;

/// A row of a table: method, path and what answers.
#[derive(Clone, Copy)]
pub struct Route {
    /// The method, as HTTP spells it.
    pub method: &'static str,
    /// The path; `{name}` stands for one segment.
    pub pattern: &'static str,
    /// What answers.
    pub endpoint: Endpoint,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.pattern)
    }
}

/// The rows, ready for look-ups.
pub struct Router {
    root: Node,
}

#[derive(Default)]
struct Node {
    literals: HashMap<&'static str, Node>,
    parameter: Option<(&'static str, Box<Node>)>,
    routes: Vec<Route>,
}

/// The row that a request matches.
pub struct Found {
    /// What answers.
    pub endpoint: Endpoint,
    /// The path of the row.
    pub pattern: &'static str,
    /// The decoded parts of the path that the pattern calls `{name}`.
    pub parameters: Vec<(&'static str, String)>,
}

/// Why no row matches.
#[derive(Debug)]
pub struct NoRoute {
    /// `malformed`, `not_found` or `method_not_allowed`.
    pub error: Error,
    /// The methods that the path has, for `Allow`; empty if there is no such path.
    pub allowed: String,
}

impl Router {
    /// A router for some rows. Rows that share a place must give its parameter the same name.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let mut root = Node::default();
        for route in routes {
            let mut node = &mut root;
            for segment in segments(route.pattern) {
                node = match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                    Some(name) => &mut node.parameter.get_or_insert_with(|| (name, Box::default())).1,
                    None => node.literals.entry(segment).or_default(),
                };
            }
            node.routes.push(route);
        }
        Self { root }
    }

    /// The row for a method and a path as it came. `HEAD` matches what `GET` does.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found, NoRoute> {
        let mut node = &self.root;
        let mut parameters = Vec::new();
        for raw in segments(path) {
            let segment = decode_segment(raw).map_err(|error| NoRoute { error, allowed: String::new() })?;
            node = match (node.literals.get(segment.as_str()), &node.parameter) {
                (Some(next), _) => next,
                (None, Some((name, next))) if !segment.is_empty() => {
                    parameters.push((*name, segment));
                    next
                }
                _ => return Err(not_found()),
            };
        }
        if node.routes.is_empty() || !path.starts_with('/') {
            return Err(not_found());
        }
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        match node.routes.iter().find(|route| route.method == wanted) {
            Some(&Route { endpoint, pattern, .. }) => Ok(Found { endpoint, pattern, parameters }),
            None => Err(not_allowed(method, &node.routes)),
        }
    }
}

/// `/` has no segments; `/a/` has two, the second empty.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    (!rest.is_empty()).then(|| rest.split('/')).into_iter().flatten()
}

/// Dot segments and U+0000 have no business in a target, however they are written.
fn decode_segment(raw: &str) -> Result<String> {
    let segment = decode(raw)?;
    if segment == "." || segment == ".." || segment.contains('\0') {
        return Err(Error::new(Code::Malformed, "The target's path has dot segments or U+0000."));
    }
    Ok(segment)
}

fn not_found() -> NoRoute {
    NoRoute { error: Error::new(Code::NotFound, "There is nothing at this address."), allowed: String::new() }
}

fn not_allowed(method: &Method, routes: &[Route]) -> NoRoute {
    let mut allowed: Vec<&str> = routes.iter().map(|route| route.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let allowed = allowed.join(", ");
    let detail = format!("{method} is not allowed here; {allowed} are.");
    NoRoute { error: Error::new(Code::MethodNotAllowed, detail), allowed }
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::Router;
    use crate::domain::Code;
    use crate::server::routes;

    fn find(method: &str, path: &str) -> Result<(&'static str, Option<String>), (Code, String)> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Router::new(routes::all())
            .find(&method, path)
            .map(|found| (found.pattern, found.parameters.first().map(|(_, value)| value.clone())))
            .map_err(|none| (none.error.code, none.allowed))
    }

    #[test]
    fn every_row_of_the_table_is_found() {
        for route in routes::all() {
            let path = route.pattern.replace(['{', '}'], "");
            assert_eq!(find(route.method, &path).map(|(pattern, _)| pattern), Ok(route.pattern));
        }
    }

    #[test]
    fn a_literal_beats_a_parameter() {
        assert_eq!(find("GET", "/v1/users/me"), Ok(("/v1/users/me", None)));
        assert_eq!(find("GET", "/v1/users/m%65"), Ok(("/v1/users/me", None)));
        assert_eq!(find("GET", "/v1/users/you%2Fme"), Ok(("/v1/users/{user_id}", Some("you/me".to_owned()))));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in ["", "x", "/nothing", "//", "/v1", "/v1/users/", "/v1//users", "/v1/users/me/x", "/V1/users"] {
            assert_eq!(find("GET", path), Err((Code::NotFound, String::new())), "{path}");
        }
    }

    #[test]
    fn tricks_are_malformed() {
        for path in ["/v1/users/..", "/./v1", "/v1/%2e%2E/x", "/v1/users/%00", "/v1/%", "/v1/%zz", "/v1/%FF"] {
            assert_eq!(find("GET", path).map_err(|none| none.0), Err(Code::Malformed), "{path}");
        }
    }

    #[test]
    fn a_method_that_is_not_allowed_says_which_are() {
        assert_eq!(find("HEAD", "/health").map(|found| found.0), Ok("/health"));
        let refused = find("PUT", "/v1/conversations");
        assert_eq!(refused, Err((Code::MethodNotAllowed, "POST, GET, HEAD, OPTIONS".to_owned())));
    }
}

#[cfg(test)]
#[path = "router_property_tests.rs"]
mod properties;
