//! Chinwag
pub mod bus;
pub mod chat;
pub mod domain;
pub mod limits;
pub mod registry;
pub mod store;
pub mod wire;
