//! The router against a plain reading of the table, on the real table and on others.

use hyper::Method;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Router, segments};
use crate::domain::Code;
use crate::http::routes::{Access, ROUTES, Route};

const METHODS: [&Method; 6] =
    [&Method::GET, &Method::HEAD, &Method::POST, &Method::PUT, &Method::PATCH, &Method::DELETE];

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// What the table says of a path without any encoding: rows are struck out segment by segment.
fn plain(table: &'static [Route], method: &Method, path: &str) -> Result<&'static Route, Code> {
    let mut rows: Vec<_> = table.iter().map(|route| (route, segments(route.pattern).collect::<Vec<_>>())).collect();
    let wanted: Vec<_> = segments(path).collect();
    for (place, segment) in wanted.iter().enumerate() {
        let here = |row: &(&'static Route, Vec<&'static str>)| row.1.get(place).copied();
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
    let method = if method == Method::HEAD { &Method::GET } else { method };
    rows.iter().map(|row| row.0).find(|route| route.method == method).ok_or(Code::MethodNotAllowed)
}

/// A table of a few rows whose paths often share their beginnings. It is leaked, since tables are static.
fn table() -> impl Strategy<Value = &'static [Route]> {
    let pattern = prop::collection::vec(select(&["a", "b", "a", "{x}"][..]), 0..4);
    prop::collection::vec((select(&METHODS[..]), pattern), 1..10).prop_map(|rows| {
        let route = |(method, pattern): (&'static Method, Vec<&str>)| {
            let pattern = format!("/{}", pattern.join("/")).leak();
            Route { method, pattern, access: Access::Public, handler: ROUTES[0].handler }
        };
        &*rows.into_iter().map(route).collect::<Vec<_>>().leak()
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
    fn nothing_makes_it_panic(method in select(&METHODS[..]), path in prop_oneof![".*", "/.*", "(/|%|[.]|%2[eEfF]|%00|v1|users|a)*"]) {
        let found = Router::new(&[ROUTES]).find(method, &path);
        if let Ok(found) = found {
            prop_assert!(path.starts_with('/'));
            prop_assert_eq!(segments(&path).count(), segments(found.route.pattern).count());
        }
    }

    #[test]
    fn it_reads_the_table_as_it_stands(
        table in table(),
        method in select(&METHODS[..]),
        path in prop::collection::vec(select(&["a", "b", "c", ""][..]), 0..5),
    ) {
        let path = format!("/{}", path.join("/"));
        let found = Router::new(&[table]).find(method, &path).map(|found| found.route.pattern).map_err(|none| none.error.code);
        prop_assert_eq!(found, plain(table, method, &path).map(|route| route.pattern));
    }

    #[test]
    fn parameters_are_what_stood_in_the_path(
        route in select(ROUTES.iter().collect::<Vec<_>>()),
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
        let found = Router::new(&[ROUTES]).find(route.method, &format!("/{}", path.join("/"))).expect("it is in the table");
        prop_assert_eq!(found.route.pattern, route.pattern);
        for (name, value) in expected {
            prop_assert_eq!(found.parameter(name), Some(value));
        }
    }
}

#[test]
fn no_row_of_the_table_is_shadowed() {
    for (index, route) in ROUTES.iter().enumerate() {
        let found = plain(ROUTES, route.method, &route.pattern.replace(['{', '}'], "~")).map(|found| found.pattern);
        assert_eq!(found, Ok(route.pattern));
        let twice = ROUTES[..index].iter().any(|other| (other.method, other.pattern) == (route.method, route.pattern));
        assert!(!twice, "{route:?}");
    }
}
