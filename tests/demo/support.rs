//! The clients of the tests.

#![allow(dead_code)] // the demo uses a part of them

#[path = "../it/support/client.rs"]
pub(crate) mod client;
#[path = "../it/support/socket.rs"]
pub(crate) mod socket;
