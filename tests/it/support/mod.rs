//! What several tests lean on.

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod devtools;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod socket;
