//! The handshake (RFC 6455, section 4.2), by hand.
//!
//! What is malformed, foreign or too late is refused with an HTTP status. A bad token or no membership upgrades and then
//! closes with its code, since a browser sees nothing else.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use hyper::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, Method, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::connection::{self, Proof, Wish};
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::http::{Request, Response};
use crate::registry::Scope;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const SUBPROTOCOL: &str = "chinwag.v1";
/// What stands before a token among the subprotocols.
const BEARER: &str = "bearer.";

/// `GET /ws`
pub async fn all(request: Request) -> Result<Response> {
    let hold = request.query.get("hold")?.is_some_and(|hold| hold == "1");
    accept(request, if hold { Scope::Held } else { Scope::All }, None)
}

/// `GET /ws/{conversation_id}`
pub async fn one(request: Request) -> Result<Response> {
    let id = request.path_id("conversation_id", "conversation", ConversationId::parse)?;
    let after_seq = request.query.seq("after_seq")?;
    accept(request, Scope::One(id), after_seq)
}

fn accept(mut request: Request, scope: Scope, after_seq: Option<Seq>) -> Result<Response> {
    let accept_key = match check(&request)? {
        Ok(key) => derive_accept_key(key.as_bytes()),
        Err(required) => return Ok(required),
    };
    let proof = proof(&request)?;
    let offered = offers(&request.headers).any(|offer| offer == SUBPROTOCOL);
    let upgrade = request.upgrade.take().ok_or_else(|| Error::internal("a request without its socket"))?;
    let site = request.site.clone();
    let counted = site.crowds.count_through_proxy(&request.place, request.address)?;
    let newcomer = site.crowds.newcomer(proof.is_some(), request.address)?;
    let wish = Wish { scope, after_seq, proof, request_id: request.id.clone(), newcomer };
    let place = (request.place.clone(), counted);
    // Nothing of the request is kept while the connection lives.
    drop(request);
    site.sockets.spawn(connection::run(site.clone(), upgrade, wish, place));

    let mut answer = crate::http::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept_key).map_err(Error::internal)?);
    if offered {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(answer)
}

/// The handshake's key, or the answer 426 that says what to speak here.
fn check(request: &Request) -> Result<Result<String, Response>> {
    let headers = &request.headers;
    let malformed = |detail: &'static str| Error::new(Code::Malformed, detail);
    if request.method != Method::GET || request.version != Version::HTTP_11 {
        return Err(malformed("A WebSocket handshake is a GET request of HTTP/1.1."));
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Ok(Err(required(request)));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Ok(Err(required(request)));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, more) = (keys.next().and_then(|key| key.to_str().ok()), keys.next());
    let is_key = |key: &&str| BASE64.decode(key).is_ok_and(|bytes| bytes.len() == 16);
    let key = key.filter(is_key).filter(|_| more.is_none());
    let key = key.ok_or_else(|| malformed("Sec-WebSocket-Key takes 16 bytes in base64."))?;
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        if !request.site.origins.allow(&origin, request.header(HOST)) {
            return Err(Error::forbidden("Pages of this origin may not connect."));
        }
    }
    if request.site.draining.is_cancelled() {
        let wait = std::time::Duration::from_secs(1);
        return Err(Error::new(Code::Draining, "The server is about to stop.").after(wait));
    }
    Ok(Ok(key.to_owned()))
}

fn required(request: &Request) -> Response {
    let error = Error::new(Code::UpgradeRequired, "This address speaks WebSocket, version 13.");
    let mut answer = crate::http::problem(&error, &request.id);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Who it is, wherever the client could say so, best first; without a word, the first frame does.
fn proof(request: &Request) -> Result<Option<Proof>> {
    if let Some(token) = crate::http::bearer(request) {
        return Ok(Some(Proof::Token(token.to_owned())));
    }
    if let Some(ticket) = request.query.get("ticket")? {
        return Ok(Some(Proof::Ticket(ticket)));
    }
    if let Some(token) = offers(&request.headers).find_map(|offer| offer.strip_prefix(BEARER)) {
        return Ok(Some(Proof::Token(token.to_owned())));
    }
    Ok(request.query.get("token")?.map(Proof::Token))
}
