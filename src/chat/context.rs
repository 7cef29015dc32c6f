//! The context of a call.

use std::net::IpAddr;
use std::sync::Arc;

use super::Chat;
use crate::auth::Audit;
use crate::domain::session::Caller;
use crate::domain::{Code, Error, Result};

/// The context of a call, which its operation receives.
#[derive(Clone)]
pub struct Context {
    /// The parts of the node that the operation calls.
    pub chat: Arc<Chat>,
    /// The caller, on operations for users.
    pub caller: Option<Caller>,
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub network: IpAddr,
    /// The client's name for itself, over HTTP.
    pub user_agent: Option<String>,
    /// The bytes that a page may have over the caller's transport. A page has at least one item all the same.
    pub page_bytes: usize,
}

impl Context {
    /// Returns an empty line of the audit log, with the client's network.
    pub fn audit(&self) -> Audit<'static> {
        Audit { address: Some(self.network), ..Audit::default() }
    }

    /// Returns the caller. On an operation for users the dispatcher has checked that there is one.
    pub fn caller(&self) -> Result<Caller> {
        self.caller.ok_or_else(|| Error::new(Code::Unauthorized, "Log in first."))
    }
}
