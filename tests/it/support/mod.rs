//! Helpers that several tests share.

pub(crate) mod balancer;
pub(crate) mod browser;
pub(crate) mod bus;
pub(crate) mod citus;
pub(crate) mod client;
pub(crate) mod client_pool;
pub(crate) mod devtools;
pub(crate) mod held_store;
pub(crate) mod history;
pub(crate) mod nats;
#[cfg(feature = "nats-credentials")]
pub(crate) mod nats_accounts;
pub(crate) mod node;
pub(crate) mod operated;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod pypi;
pub(crate) mod raw;
pub(crate) mod release_proxy;
pub(crate) mod rewriting_proxy;
pub(crate) mod rng;
pub(crate) mod server;
pub(crate) mod socket;
