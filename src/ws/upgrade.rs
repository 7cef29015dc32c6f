//! The doors: whose connection it is to be, and what it is to hear.
//!
//! What is malformed, foreign or too late is refused with an HTTP status. A bad token or no membership upgrades and then
//! closes with its code, since a browser sees nothing else.

use super::connection::Wish;
use super::handshake::{accept, offers};
use crate::domain::{ConversationId, Result, Seq};
use crate::http::{Request, Response};
use crate::limits;
use crate::registry::Scope;

/// What stands before a token among the subprotocols.
const BEARER: &str = "bearer.";

/// `GET /ws`
pub async fn all(request: Request) -> Result<Response> {
    let hold = request.query.get("hold")?.is_some_and(|hold| hold == "1");
    enter(request, if hold { Scope::Held } else { Scope::All }, None)
}

/// `GET /ws/{conversation_id}`
pub async fn one(request: Request) -> Result<Response> {
    let id = request.path_id("conversation_id", "conversation", ConversationId::parse)?;
    let after_seq = request.query.seq("after_seq")?;
    enter(request, Scope::One(id), after_seq)
}

fn enter(request: Request, scope: Scope, after_seq: Option<Seq>) -> Result<Response> {
    let wish = Wish { site: request.site.clone(), scope, after_seq, token: token(&request)? };
    accept(request, limits::FRAME_BYTES, wish)
}

/// The access token, wherever the client could put it; without one, the first frame brings it.
fn token(request: &Request) -> Result<Option<String>> {
    if let Some(token) = crate::http::bearer(request) {
        return Ok(Some(token.to_owned()));
    }
    match offers(&request.headers).find_map(|offer| offer.strip_prefix(BEARER)) {
        Some(token) => Ok(Some(token.to_owned())),
        None => request.query.get("token"),
    }
}
