//! The page: the files of `static/`, embedded in the binary.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use rust_embed::{Embed, EmbeddedFile};
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

/// The folder `static/`: embedded in release builds, and read from the folder at each request in debug builds, so that a change of the page needs
/// no build.
#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// Returns the page to browsers, and a welcome message with links to other clients.
pub(super) async fn root(request: Request) -> Result<Response> {
    let is_browser = request.headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok()).any(accepts_html);
    let mut response = if is_browser { serve(&request, "index.html")? } else { welcome() };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Returns a file that lies in no folder of its own.
pub(super) async fn file(request: Request) -> Result<Response> {
    let name: String = request.path_id("first", "file", |name| Some(name.to_owned()))?;
    serve(&request, &name)
}

/// Returns a file of the client module, of the page's scripts, or of its styles.
pub(super) async fn file_in_folder(request: Request) -> Result<Response> {
    let folder: String = request.path_id("first", "file", |folder| Some(folder.to_owned()))?;
    let name: String = request.path_id("second", "file", |name| Some(format!("{folder}/{name}")))?;
    serve(&request, &name)
}

fn serve(request: &Request, name: &str) -> Result<Response> {
    let media_type = media_type_of(name).ok_or_else(|| Error::not_found("file"))?;
    let file = Files::get(name).ok_or_else(|| Error::not_found("file"))?;
    let tag = tag(&file);
    let fields = request.headers.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    let is_unchanged = fields.flat_map(|field| field.split(',')).any(|named| matches(named.trim(), &tag));
    let mut response =
        if is_unchanged { empty(StatusCode::NOT_MODIFIED) } else { with_body(StatusCode::OK, into_bytes(file.data)) };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, HeaderValue::from_str(&tag).map_err(Error::internal)?);
    Ok(response)
}

/// Returns the media type of a file that browsers may have. Others in the folder are for developers.
fn media_type_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// Returns the hash of the content, with which a browser revalidates its cached file.
fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", BASE64.encode(&file.metadata.sha256_hash()[..12]))
}

fn into_bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
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
