//! What an operation knows of its call.

use std::net::IpAddr;
use std::sync::Arc;

use super::Chat;
use crate::domain::session::Caller;
use crate::domain::{Code, Error, Result};

/// What an operation knows of its call.
#[derive(Clone)]
pub struct Context {
    /// Everything that the operation calls.
    pub chat: Arc<Chat>,
    /// The user, on operations for users.
    pub caller: Option<Caller>,
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub network: IpAddr,
}

impl Context {
    /// Returns the caller. On an operation for users the dispatcher made sure that there is one.
    pub fn caller(&self) -> Result<Caller> {
        self.caller.ok_or_else(|| Error::new(Code::Unauthorized, "Log in first."))
    }
}
