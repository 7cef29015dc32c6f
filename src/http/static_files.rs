//! The page: the files of `static/`, embedded in the binary.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use ring::digest;
use serde::Serialize;

use super::request::Request;
use super::response;
use crate::domain::{Error, Result};
use crate::transport::{Response, empty, with_body};

/// The page may load only files and connections of its own server, and no other page may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

struct File {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    /// The hash of the content, with which a browser revalidates its cached file.
    tag: String,
}

macro_rules! files {
    ($($media_type:ident: $($name:literal)+;)+) => {
        [$($(File {
            name: $name,
            media_type: $media_type,
            content: include_bytes!(concat!("../../static/", $name)),
            tag: tag(include_bytes!(concat!("../../static/", $name))),
        },)+)+]
    };
}

static FILES: LazyLock<[File; 47]> = LazyLock::new(|| {
    files! {
        HTML: "index.html";
        STYLE: "style.css";
        IMAGE: "icon.svg";
        SCRIPT: "app.js" "dom.js" "names.js" "page-client.js" "sentences.js" "view-auth.js" "view-block.js" "view-chat.js"
                "view-connection.js" "view-list.js" "view-members.js" "view-people.js" "view-revise.js" "view-timeline.js"
                "client/backoff.js" "client/client.js" "client/close-codes.js" "client/connection.js" "client/conversation-list.js"
                "client/conversations.js" "client/drafts.js" "client/emitter.js" "client/environment.js" "client/handshake.js"
                "client/heartbeat.js" "client/history.js" "client/http.js" "client/index.js" "client/refresher.js"
                "client/outbox-storage.js" "client/outbox.js" "client/people.js" "client/read-state.js" "client/rest.js"
                "client/resume.js" "client/session.js" "client/sync.js" "client/tab.js" "client/timeline.js" "client/token-store.js"
                "client/transmission.js" "client/types.js" "client/typing.js" "client/uuid7.js";
    }
});

fn tag(content: &[u8]) -> String {
    format!("\"{}\"", BASE64.encode(&digest::digest(&digest::SHA256, content).as_ref()[..12]))
}

/// Returns the page to browsers, and a welcome message with links to other clients.
pub(super) async fn root(request: Request) -> Result<Response> {
    let is_browser = request.headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok()).any(accepts_html);
    let mut response = if is_browser { serve(&request, "index.html")? } else { welcome() };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Returns a file of the page.
pub(super) async fn asset(request: Request) -> Result<Response> {
    let name: String = request.path_id("name", "file", |name| Some(name.to_owned()))?;
    serve(&request, &name)
}

/// Returns a file of the client module, which the page uses.
pub(super) async fn client_file(request: Request) -> Result<Response> {
    let name: String = request.path_id("name", "file", |name| Some(format!("client/{name}")))?;
    serve(&request, &name)
}

fn serve(request: &Request, name: &str) -> Result<Response> {
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(|| Error::not_found("file"))?;
    let fields = request.headers.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    let is_unchanged = fields.flat_map(|field| field.split(',')).any(|tag| matches(tag.trim(), &file.tag));
    let mut response = if is_unchanged {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        with_body(StatusCode::OK, Bytes::from_static(file.content))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, HeaderValue::from_str(&file.tag).map_err(Error::internal)?);
    Ok(response)
}

/// Returns true if `Accept` names `text/html` with a weight above 0. Programs that take everything (`*/*`) get JSON.
fn accepts_html(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_html = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case("text/html"));
        let weight = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
        is_html && weight.is_none_or(|(_, weight)| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// Compares a tag of `If-None-Match` with that of a file, weakly (RFC 9110, section 13.1.2): a proxy that compresses a file may weaken its
/// tag.
fn matches(tag: &str, of_file: &str) -> bool {
    tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == of_file
}

fn welcome() -> Response {
    #[derive(Serialize)]
    struct Welcome {
        message: &'static str,
        version: &'static str,
        links: Links,
    }
    #[derive(Serialize)]
    struct Links {
        health: &'static str,
        register: &'static str,
        login: &'static str,
        users: &'static str,
        conversations: &'static str,
        websocket: &'static str,
    }
    let links = Links {
        health: "/health",
        register: "/v1/users/register",
        login: "/v1/users/login",
        users: "/v1/users",
        conversations: "/v1/conversations",
        websocket: "/ws",
    };
    let message = "Welcome to Chinwag. Open this address in a browser to chat.";
    response::json(StatusCode::OK, &Welcome { message, version: env!("CARGO_PKG_VERSION"), links })
}
