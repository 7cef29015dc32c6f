//! Chinwag
pub mod app;
pub mod bus;
pub mod chat;
pub mod config;
pub mod domain;
pub mod http;
pub mod limits;
pub mod registry;
pub mod store;
pub mod telemetry;
pub mod wire;
pub mod ws;
