//! Criterion's benches: what Chinwag's parts cost by themselves. `cargo bench --bench chinwag`, or `-- NAME` for some.
//!
//! `chinwag bench` measures the whole, `baselines` the machine. `docs/performance.md` keeps the figures of all three.

#![allow(clippy::unwrap_used)] // a measurement that cannot go on says so by panicking

mod broadcast;
mod frames;
mod journal;
#[path = "../tests/it/support/postgres.rs"]
#[allow(dead_code)] // it can do more than a bench needs
mod postgres;
mod router;
mod tokens;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let short = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let mut criterion = short.configure_from_args();
    router::bench(&mut criterion);
    tokens::bench(&mut criterion);
    frames::bench(&mut criterion);
    broadcast::bench(&mut criterion);
    journal::bench(&mut criterion);
    criterion.final_summary();
}
