//! A request on its way through the chain.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Version};

use super::body::Arrival;
use super::router::{Found, NoRoute};
use crate::domain::session::Caller;
use crate::domain::{Code, Error, Result};
use crate::transport::{AppState, Query, SocketPermit, UpgradeRequest};

/// What came in, and what the chain found out about it.
pub struct Request {
    /// The state that all requests share.
    pub state: Arc<AppState>,
    /// Names this request on every answer, log line and problem.
    pub id: Arc<str>,
    /// The method.
    pub method: Method,
    /// The path, as it came.
    pub path: String,
    /// The query, parsed where it is needed.
    pub query: Query,
    /// The protocol's version.
    pub version: Version,
    /// The header fields.
    pub headers: HeaderMap,
    /// Where it comes from; proxies that are trusted are seen through.
    pub address: IpAddr,
    /// The row of the table that it matches.
    pub route: Result<Found, NoRoute>,
    /// Who makes it, once that is known.
    pub caller: Option<Caller>,
    /// The body, until it is read.
    pub body: Option<Incoming>,
    /// How long that takes.
    pub arrival: Arc<Arrival>,
    /// The socket, for whoever upgrades it.
    pub upgrade: Option<OnUpgrade>,
    /// The socket's permit to be open.
    pub permit: Arc<SocketPermit>,
}

impl Request {
    /// A header field's value, if it is there once and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Gives the parts that a WebSocket handshake needs, and drops the rest.
    pub fn into_upgrade(self) -> UpgradeRequest {
        let Self { state, id, method, version, headers, query, address, upgrade, permit, .. } = self;
        UpgradeRequest { state, id, method, version, headers, query, address, upgrade, permit }
    }

    /// Who makes it. On a route for users, [`super::auth`] has seen to it that there is somebody.
    pub fn caller(&self) -> Result<Caller> {
        self.caller.ok_or_else(|| Error::new(Code::Unauthorized, "Log in first."))
    }

    /// A part of the path that names something: `what` does not exist if it cannot be an id.
    pub fn path_id<T>(&self, name: &str, what: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.route.as_ref().ok().and_then(|found| found.parameter(name));
        text.and_then(parse).ok_or_else(|| Error::not_found(what))
    }
}
