//! The page: the files of `static/`, embedded in the binary.

use hyper::StatusCode;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, VARY,
};
use serde::Serialize;

use super::accept_encoding::Coding;
use super::request::Request;
use super::response;
use super::static_folder::{File, Folder, is_release};
use crate::domain::{Error, Result};
use crate::transport::{Response, empty, with_body};

/// The page may load only files and connections of its own server, and no other page may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// For a file whose path names its release: the content behind the path never changes. The year is the most that RFC 9111's predecessor allowed.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For a path behind which each release has a file of its own: browsers keep it, and ask each time whether it is still the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns the page to browsers, and a welcome message with links to other clients.
pub(super) async fn root(request: Request) -> Result<Response> {
    let is_browser = fields(&request, ACCEPT).any(accepts_html);
    let mut response = if is_browser {
        let folder = Folder::current();
        serve(&request, folder.file("index.html"), REVALIDATED)?
    } else {
        welcome()
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Returns a script whose path is its name.
pub(super) async fn root_file(request: Request) -> Result<Response> {
    let folder = Folder::current();
    serve(&request, folder.file(request.path.trim_start_matches('/')), REVALIDATED)
}

/// Returns a file by its name in the folder, before which its release may stand.
///
/// A release that is not this one's is not found. During a rolling restart the page may come from one node and a script's request go to
/// another: its own file of that name would make a page of two releases, which fails in ways that nobody has tested. `boot.js` sees that a file
/// is missing and loads the page again.
pub(super) async fn file(request: Request) -> Result<Response> {
    let segments: Vec<&str> = request.parameters.iter().map(|(_, segment)| segment.as_str()).collect();
    match &*segments {
        [release, name @ ..] if is_release(release) => {
            serve(&request, Folder::for_release(release).file_of(release, &name.join("/")), IMMUTABLE)
        }
        name => serve(&request, Folder::current().file(&name.join("/")), REVALIDATED),
    }
}

fn serve(request: &Request, file: Option<&File>, caching: HeaderValue) -> Result<Response> {
    let file = file.ok_or_else(|| Error::not_found("file"))?;
    let coding = if file.is_text { Coding::preferred(fields(request, ACCEPT_ENCODING)) } else { Coding::Identity };
    let tag = file.tag(coding);
    let mut named = fields(request, IF_NONE_MATCH).flat_map(|field| field.split(','));
    let mut response = if named.any(|named| matches(named.trim(), &tag)) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let content = file.content(coding).map_err(Error::internal)?;
        with_body(StatusCode::OK, content)
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, caching);
    headers.insert(ETAG, HeaderValue::from_str(&tag).map_err(Error::internal)?);
    if file.is_text {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if coding != Coding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    Ok(response)
}

/// Returns the values of a field that are visible ASCII.
fn fields(request: &Request, name: HeaderName) -> impl Iterator<Item = &str> {
    request.headers.get_all(name).into_iter().filter_map(|field| field.to_str().ok())
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
