//! Criterion's benches measure Chinwag's parts one by one. EncodedEvents `cargo bench --bench chinwag`, or add `-- NAME` for some of them.
//!
//! `chinwag bench` measures the whole server, and `benches/baselines` the machine. `docs/performance.md` keeps the figures of all three.

#![allow(clippy::unwrap_used)] // a bench that fails panics

mod broadcast;
mod frames;
mod journal;
#[path = "../tests/it/support/postgres.rs"]
#[allow(dead_code)] // written for tests, with more than a bench needs
mod postgres;
#[path = "../tests/it/support/reserved_port.rs"]
mod reserved_port;
mod router;
mod tokens;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let settings = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let mut criterion = settings.configure_from_args();
    router::bench(&mut criterion);
    tokens::bench(&mut criterion);
    frames::bench(&mut criterion);
    broadcast::bench(&mut criterion);
    journal::bench(&mut criterion);
    criterion.final_summary();
}
