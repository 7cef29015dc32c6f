//! A request in the middleware chain.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Version};

use crate::domain::{Error, Result};
use crate::transport::{AppState, ClientSocket, Query, SocketPermit, UpgradeRequest};

/// A request, with the results of the router and of the middleware.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct Request {
    pub state: Arc<AppState>,
    /// The request id, which is on every response, log line and problem.
    pub id: Arc<str>,
    pub method: Method,
    /// The path, not decoded.
    pub path: String,
    /// The pattern of the route, or an empty string if none matches.
    pub pattern: &'static str,
    /// The decoded segments of the path that the pattern calls `{name}`.
    pub parameters: Vec<(&'static str, String)>,
    pub query: Query,
    pub version: Version,
    pub headers: HeaderMap,
    /// The client's address, also behind trusted proxies.
    pub address: IpAddr,
    /// The access token. It is not checked yet.
    pub token: Option<String>,
    /// The body, until it is read.
    pub body: Option<Incoming>,
    /// False once the body is read. Only for a request with `Expect: 100-continue`.
    pub unread: Option<Arc<AtomicBool>>,
    /// The future of the socket, for an upgrade.
    pub upgrade: Option<OnUpgrade>,
    pub socket: ClientSocket,
    pub permit: Arc<SocketPermit>,
}

impl Request {
    /// Returns the first value of a header field, or `None` if it is missing or is not visible ASCII.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the parsed id in a path parameter. Returns "`noun` not found" if it is not a valid id.
    pub fn path_id<T>(&self, name: &str, noun: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.parameters.iter().find(|(parameter, _)| *parameter == name).map(|(_, value)| value.as_str());
        text.and_then(parse).ok_or_else(|| Error::not_found(noun))
    }

    /// Returns the parts that a WebSocket handshake needs, and drops the others.
    pub fn into_upgrade(self) -> UpgradeRequest {
        let Self { state, id, method, version, headers, query, address, upgrade, permit, .. } = self;
        UpgradeRequest { state, id, method, version, headers, query, address, upgrade, permit }
    }
}
