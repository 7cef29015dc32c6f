//! A request on its way through the chain.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Version};

use crate::domain::{Error, Result};
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
    /// The pattern of the row that it matches; empty if there is none.
    pub pattern: &'static str,
    /// The decoded parts of the path that the pattern calls `{name}`.
    pub parameters: Vec<(&'static str, String)>,
    /// The query, parsed where it is needed.
    pub query: Query,
    /// The protocol's version.
    pub version: Version,
    /// The header fields.
    pub headers: HeaderMap,
    /// The client's address; trusted proxies are seen through.
    pub address: IpAddr,
    /// The access token, if there is one.
    pub token: Option<String>,
    /// The body, until it is read.
    pub body: Option<Incoming>,
    /// The socket, for an upgrade.
    pub upgrade: Option<OnUpgrade>,
    /// The socket's permit to be open.
    pub permit: Arc<SocketPermit>,
}

impl Request {
    /// A header field's value, if it is there once and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A part of the path that names something. `noun` does not exist if it cannot be an id.
    pub fn path_id<T>(&self, name: &str, noun: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.parameters.iter().find(|(parameter, _)| *parameter == name).map(|(_, value)| value.as_str());
        text.and_then(parse).ok_or_else(|| Error::not_found(noun))
    }

    /// Gives the parts that a WebSocket handshake needs, and drops the rest.
    pub fn into_upgrade(self) -> UpgradeRequest {
        let Self { state, id, method, version, headers, query, address, upgrade, permit, .. } = self;
        UpgradeRequest { state, id, method, version, headers, query, address, upgrade, permit }
    }
}
