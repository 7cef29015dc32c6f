//! Finds the route of a request.

use std::hint::black_box;

use chinwag::http::router::Router;
use chinwag::server::routes;
use criterion::Criterion;
use hyper::Method;

/// Measures a look-up in the server's route table, with decoding and parameters. It should be small beside the write of a response,
/// which takes 5 to 8 µs.
pub(crate) fn bench(criterion: &mut Criterion) {
    let router = Router::new(routes::all());
    let mut group = criterion.benchmark_group("router");
    for (name, path, exists) in [
        ("literal", "/v1/users/me", true),
        (
            "parameters",
            "/v1/conversations/0195f0a0-0000-7000-8000-000000000000/members/0195f0a0-0000-7000-8000-000000000001",
            true,
        ),
        ("miss", "/v1/conversations/0195f0a0-0000-7000-8000-000000000000/nothing", false),
    ] {
        let method = if name == "parameters" { Method::PATCH } else { Method::GET };
        assert_eq!(router.find(&method, path).is_ok(), exists, "{path}");
        group.bench_function(name, |bencher| bencher.iter(|| router.find(&method, black_box(path))));
    }
    group.finish();
}
