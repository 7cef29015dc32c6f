//! Chinwag's tests, in one binary. They use the API if they can.

#![allow(clippy::unwrap_used)] // a test that cannot continue panics

/// Creates a test for each store from each specification.
macro_rules! on_each_store {
    ($($specification:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification($crate::support::server::StoreKind::Sqlite).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $specification() {
                super::$specification($crate::support::server::StoreKind::Postgres).await;
            })*
        }
    };
}

mod backup;
mod bad_input;
mod bench;
mod browser;
mod conformance;
mod console;
mod demo;
mod deployment;
mod distribution;
mod documents;
mod draining;
mod faults;
mod journal;
mod layers;
mod limits;
mod migration;
mod mixed_versions;
mod multi_node;
mod nats;
mod node_presence;
mod nodes;
mod postgres;
mod postgres_plans;
mod postgres_pooler;
mod postgres_tls;
mod process;
mod proxies;
mod rest;
mod socket;
mod store;
mod support;
mod tools;
mod unknown_kinds;
mod walkthrough;
