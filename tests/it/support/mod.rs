//! What several tests lean on.

pub(crate) mod client;
pub(crate) mod postgres;
pub(crate) mod server;
pub(crate) mod socket;
