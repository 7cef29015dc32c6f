//! The tests' clients.

#![allow(dead_code)] // they can do more than the demo shows

#[path = "../it/support/client.rs"]
pub(crate) mod client;
#[path = "../it/support/socket.rs"]
pub(crate) mod socket;
