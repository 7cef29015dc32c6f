//! The doors: whose connection it is to be, and what it is to hear.
//!
//! What is malformed, foreign or too late is refused with an HTTP status. A bad token or no membership upgrades and then
//! closes with its code, since a browser sees nothing else.

use super::connection::{Proof, Wish};
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
    let (site, proof) = (request.site.clone(), proof(&request)?);
    let counted = site.crowds.count_through_proxy(&request.place, request.address)?;
    let newcomer = site.crowds.newcomer(proof.is_some(), request.address)?;
    let request_id = request.id.clone();
    accept(request, limits::FRAME_BYTES, Wish { site, request_id, scope, after_seq, proof, newcomer, counted })
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
