//! Compares the router with a simple search of the table, on the server's table and on random ones.

use hyper::Method;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Router, segments};
use crate::domain::Code;
use crate::http::router::Route;
use crate::http::routes::ROUTES;
use crate::server::routes;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// Searches a table for a path without percent-encoding: removes the rows that do not match, segment by segment.
fn search(table: &[Route], method: &str, path: &str) -> Result<Route, Code> {
    let mut rows: Vec<_> = table.iter().map(|route| (*route, segments(route.pattern).collect::<Vec<_>>())).collect();
    let path: Vec<_> = segments(path).collect();
    for (position, segment) in path.iter().enumerate() {
        let pattern_segment = |row: &(Route, Vec<&'static str>)| row.1.get(position).copied();
        let literal = rows.iter().any(|row| pattern_segment(row) == Some(segment));
        rows.retain(|row| match pattern_segment(row) {
            Some(found) if literal => found == *segment,
            Some(found) => is_parameter(found) && !segment.is_empty(),
            None => false,
        });
    }
    rows.retain(|row| row.1.len() == path.len());
    if rows.is_empty() {
        return Err(Code::NotFound);
    }
    let method = if method == "HEAD" { "GET" } else { method };
    rows.iter().map(|row| row.0).find(|route| route.method == method).ok_or(Code::MethodNotAllowed)
}

/// Generates a table of a few rows whose paths often share a prefix. The paths are leaked, because a route's pattern is static.
fn table() -> impl Strategy<Value = Vec<Route>> {
    let pattern = prop::collection::vec(select(&["a", "b", "a", "{x}"][..]), 0..4);
    prop::collection::vec((select(&METHODS[..]), pattern), 1..10).prop_map(|rows| {
        let route = |(method, pattern): (&'static str, Vec<&str>)| {
            let pattern = format!("/{}", pattern.join("/")).leak();
            Route { method, pattern, endpoint: ROUTES[0].endpoint }
        };
        rows.into_iter().map(route).collect()
    })
}

/// Percent-encodes `text`, except for the bytes that a path allows and for which `raw` is true.
fn encoded(text: &str, raw: &[bool]) -> String {
    let mut raw = raw.iter().cycle();
    let byte = |byte: u8| match raw.next() {
        Some(true) if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(byte).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_path_makes_the_router_panic(name in select(&METHODS[..]), path in prop_oneof![".*", "/.*", "(/|%|[.]|%2[eEfF]|%00|v1|users|a)*"]) {
        let found = Router::new(routes::all()).find(&method(name), &path);
        if let Ok(found) = found {
            prop_assert!(path.starts_with('/'));
            prop_assert_eq!(segments(&path).count(), segments(found.pattern).count());
        }
    }

    #[test]
    fn the_router_agrees_with_the_search(
        table in table(),
        name in select(&METHODS[..]),
        path in prop::collection::vec(select(&["a", "b", "c", ""][..]), 0..5),
    ) {
        let path = format!("/{}", path.join("/"));
        let found = Router::new(table.clone()).find(&method(name), &path);
        let found = found.map(|found| found.pattern).map_err(|none| none.error.code);
        prop_assert_eq!(found, search(&table, name, &path).map(|route| route.pattern));
    }

    #[test]
    fn parameters_are_decoded_from_the_path(
        route in select(routes::all().collect::<Vec<_>>()),
        values in prop::collection::vec("[^\\x00]{0,12}", 4),
        raw in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        // The prefix ensures that a value is neither a literal of the table nor a dot segment.
        let values: Vec<_> = values.iter().map(|value| format!("~{value}")).collect();
        let mut remaining = values.iter();
        let mut expected = Vec::new();
        let fill = |segment: &'static str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let value = remaining.next().expect("at most four parameters");
                expected.push((name, value.as_str()));
                encoded(value, &raw)
            }
            None => encoded(segment, &raw),
        };
        let path: Vec<_> = segments(route.pattern).map(fill).collect();
        let found = Router::new(routes::all()).find(&method(route.method), &format!("/{}", path.join("/")));
        let Ok(found) = found else { panic!("the path is in the table") };
        prop_assert_eq!(found.pattern, route.pattern);
        let found: Vec<_> = found.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn no_row_of_the_table_is_shadowed() {
    let table: Vec<_> = routes::all().collect();
    for (index, route) in table.iter().enumerate() {
        let found = search(&table, route.method, &route.pattern.replace(['{', '}'], "~")).map(|found| found.pattern);
        assert_eq!(found, Ok(route.pattern));
        let twice = table[..index].iter().any(|other| (other.method, other.pattern) == (route.method, route.pattern));
        assert!(!twice, "{route:?}");
    }
}
