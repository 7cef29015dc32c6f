//! The router finds the route of a request.
//!
//! It is a trie of path segments. At the same position, a literal takes precedence over a parameter. The router never goes back, so the
//! time of a look-up is proportional to the length of the path.

use std::collections::HashMap;
use std::fmt;

use hyper::Method;

use super::endpoint::Endpoint;
use crate::domain::{Code, Error, Result};
use crate::transport::decode;

/// A route: a method, a path pattern and an endpoint.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Route {
    /// The method in upper case.
    pub method: &'static str,
    /// The path. `{name}` is a parameter and matches one segment.
    pub pattern: &'static str,
    pub endpoint: Endpoint,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.pattern)
    }
}

/// A trie of routes.
pub struct Router {
    root: Node,
}

#[derive(Default)]
struct Node {
    literals: HashMap<&'static str, Node>,
    parameter: Option<(&'static str, Box<Node>)>,
    routes: Vec<Route>,
}

/// The route that a request matches.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct RouteMatch {
    pub endpoint: Endpoint,
    pub pattern: &'static str,
    /// The decoded segments of the path that the pattern calls `{name}`.
    pub parameters: Vec<(&'static str, String)>,
}

/// The error when no route matches.
#[derive(Debug)]
pub struct NoRoute {
    /// `malformed`, `not_found` or `method_not_allowed`.
    pub error: Error,
    /// The methods of the path, for `Allow`. It is empty if the path does not exist.
    pub allowed: String,
}

impl Router {
    /// Creates a router. Routes with a parameter at the same position must give it the same name.
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

    /// Returns the route of a method and a path that is not decoded. `HEAD` matches the routes of `GET`.
    pub fn find(&self, method: &Method, path: &str) -> Result<RouteMatch, NoRoute> {
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
        let method_name = if method == Method::HEAD { "GET" } else { method.as_str() };
        match node.routes.iter().find(|route| route.method == method_name) {
            Some(&Route { endpoint, pattern, .. }) => Ok(RouteMatch { endpoint, pattern, parameters }),
            None => Err(not_allowed(method, &node.routes)),
        }
    }
}

/// Returns the segments of a path. `/` has none; `/a/` has two, the second of them empty.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    (!rest.is_empty()).then(|| rest.split('/')).into_iter().flatten()
}

/// Decodes a segment. Dot segments and U+0000 are refused, whether or not they are percent-encoded.
fn decode_segment(raw: &str) -> Result<String> {
    let segment = decode(raw)?;
    if segment == "." || segment == ".." || segment.contains('\0') {
        return Err(Error::new(Code::Malformed, "The path has dot segments or U+0000."));
    }
    Ok(segment)
}

fn not_found() -> NoRoute {
    NoRoute { error: Error::new(Code::NotFound, "There is nothing at this path."), allowed: String::new() }
}

fn not_allowed(method: &Method, routes: &[Route]) -> NoRoute {
    let mut allowed: Vec<&str> = routes.iter().map(|route| route.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let allowed = allowed.join(", ");
    let detail = format!("{method} is not allowed at this path; {allowed} are.");
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
    fn every_route_is_found() {
        for route in routes::all() {
            let path = route.pattern.replace(['{', '}'], "");
            assert_eq!(find(route.method, &path).map(|(pattern, _)| pattern), Ok(route.pattern));
        }
    }

    #[test]
    fn a_literal_takes_precedence_over_a_parameter() {
        assert_eq!(find("GET", "/v1/users/me"), Ok(("/v1/users/me", None)));
        assert_eq!(find("GET", "/v1/users/m%65"), Ok(("/v1/users/me", None)));
        assert_eq!(find("GET", "/v1/users/you%2Fme"), Ok(("/v1/users/{user_id}", Some("you/me".to_owned()))));
    }

    #[test]
    fn unknown_paths_are_not_found() {
        for path in ["", "x", "/nothing", "//", "/v1", "/v1/users/", "/v1//users", "/v1/users/me/x", "/V1/users"] {
            assert_eq!(find("GET", path), Err((Code::NotFound, String::new())), "{path}");
        }
    }

    #[test]
    fn dot_segments_and_bad_encodings_are_malformed() {
        for path in ["/v1/users/..", "/./v1", "/v1/%2e%2E/x", "/v1/users/%00", "/v1/%", "/v1/%zz", "/v1/%FF"] {
            assert_eq!(find("GET", path).map_err(|none| none.0), Err(Code::Malformed), "{path}");
        }
    }

    #[test]
    fn a_method_that_is_not_allowed_lists_the_allowed_ones() {
        assert_eq!(find("HEAD", "/health").map(|found| found.0), Ok("/health"));
        let refused = find("PUT", "/v1/conversations");
        assert_eq!(refused, Err((Code::MethodNotAllowed, "POST, GET, HEAD, OPTIONS".to_owned())));
    }
}

#[cfg(test)]
#[path = "router_property_tests.rs"]
mod properties;
