//! Finding the row of the table.

use std::hint::black_box;

use chinwag::http::router::Router;
use chinwag::server::routes;
use criterion::Criterion;
use hyper::Method;

/// A look-up in the site's own table, decoding and parameters included; nothing else is inside the clock. Compare it with a
/// small write to a socket, 5 to 8 µs, which every answer costs besides: a look-up should be lost in it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let router = Router::new(routes::all());
    let mut group = criterion.benchmark_group("router");
    for (name, path, is_there) in [
        ("literal", "/v1/users/me", true),
        (
            "parameters",
            "/v1/conversations/0195f0a0-0000-7000-8000-000000000000/members/0195f0a0-0000-7000-8000-000000000001",
            true,
        ),
        ("miss", "/v1/conversations/0195f0a0-0000-7000-8000-000000000000/nothing", false),
    ] {
        let method = if name == "parameters" { Method::PATCH } else { Method::GET };
        assert_eq!(router.find(&method, path).is_ok(), is_there, "{path}");
        group.bench_function(name, |bencher| bencher.iter(|| router.find(&method, black_box(path))));
    }
    group.finish();
}
