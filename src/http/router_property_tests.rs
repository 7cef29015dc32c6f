//! The router against a plain reading of the table, on the real table and on others.

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

/// What the table says of a path without any encoding: rows are struck out segment by segment.
fn plain(table: &[Route], method: &str, path: &str) -> Result<Route, Code> {
    let mut rows: Vec<_> = table.iter().map(|route| (*route, segments(route.pattern).collect::<Vec<_>>())).collect();
    let wanted: Vec<_> = segments(path).collect();
    for (place, segment) in wanted.iter().enumerate() {
        let here = |row: &(Route, Vec<&'static str>)| row.1.get(place).copied();
        let literal = rows.iter().any(|row| here(row) == Some(segment));
        rows.retain(|row| match here(row) {
            Some(found) if literal => found == *segment,
            Some(found) => is_parameter(found) && !segment.is_empty(),
            None => false,
        });
    }
    rows.retain(|row| row.1.len() == wanted.len());
    if rows.is_empty() {
        return Err(Code::NotFound);
    }
    let method = if method == "HEAD" { "GET" } else { method };
    rows.iter().map(|row| row.0).find(|route| route.method == method).ok_or(Code::MethodNotAllowed)
}

/// A table of a few rows whose paths often share their beginnings. Their paths are leaked, since those of tables are static.
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

/// Every byte that `raw` names as it is where a path allows it, all others percent-encoded.
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
    fn nothing_makes_it_panic(name in select(&METHODS[..]), path in prop_oneof![".*", "/.*", "(/|%|[.]|%2[eEfF]|%00|v1|users|a)*"]) {
        let found = Router::new(routes::all()).find(&method(name), &path);
        if let Ok(found) = found {
            prop_assert!(path.starts_with('/'));
            prop_assert_eq!(segments(&path).count(), segments(found.pattern).count());
        }
    }

    #[test]
    fn it_reads_the_table_as_it_stands(
        table in table(),
        name in select(&METHODS[..]),
        path in prop::collection::vec(select(&["a", "b", "c", ""][..]), 0..5),
    ) {
        let path = format!("/{}", path.join("/"));
        let found = Router::new(table.clone()).find(&method(name), &path);
        let found = found.map(|found| found.pattern).map_err(|none| none.error.code);
        prop_assert_eq!(found, plain(&table, name, &path).map(|route| route.pattern));
    }

    #[test]
    fn parameters_are_what_stood_in_the_path(
        route in select(routes::all().collect::<Vec<_>>()),
        values in prop::collection::vec("[^\\x00]{0,12}", 4),
        raw in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        // With this before it, a value is neither a literal of the table nor a dot segment.
        let values: Vec<_> = values.iter().map(|value| format!("~{value}")).collect();
        let mut left = values.iter();
        let mut expected = Vec::new();
        let fill = |segment: &'static str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let value = left.next().expect("fewer than four parameters");
                expected.push((name, value.as_str()));
                encoded(value, &raw)
            }
            None => encoded(segment, &raw),
        };
        let path: Vec<_> = segments(route.pattern).map(fill).collect();
        let found = Router::new(routes::all()).find(&method(route.method), &format!("/{}", path.join("/")));
        let Ok(found) = found else { panic!("it is in the table") };
        prop_assert_eq!(found.pattern, route.pattern);
        let found: Vec<_> = found.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn no_row_of_the_table_is_shadowed() {
    let table: Vec<_> = routes::all().collect();
    for (index, route) in table.iter().enumerate() {
        let found = plain(&table, route.method, &route.pattern.replace(['{', '}'], "~")).map(|found| found.pattern);
        assert_eq!(found, Ok(route.pattern));
        let twice = table[..index].iter().any(|other| (other.method, other.pattern) == (route.method, route.pattern));
        assert!(!twice, "{route:?}");
    }
}
