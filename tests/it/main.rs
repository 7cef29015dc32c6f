//! Chinwag's tests, in one binary, through the front door where they can.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by panicking

mod postgres;
mod store;
mod support;
