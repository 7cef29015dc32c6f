//! The doors: whose connection it is to be, and what it is to hear.
//!
//! What is malformed, foreign or too late is refused with an HTTP status. A bad token or no membership upgrades and then
//! closes with its code, since a browser sees nothing else.

use super::connection::{ConnectRequest, HandshakeAuth};
use super::handshake::{accept, offers};
use crate::domain::{ConversationId, Result, Seq};
use crate::limits;
use crate::registry::Scope;
use crate::transport::{Response, UpgradeRequest, bearer, network};

/// What stands before a token among the subprotocols.
const BEARER: &str = "bearer.";

/// `GET /ws`
pub fn all(request: UpgradeRequest) -> Result<Response> {
    let hold = request.query.get("hold")?.is_some_and(|hold| hold == "1");
    enter(request, if hold { Scope::Held } else { Scope::All }, None)
}

/// `GET /ws/{conversation_id}`
pub fn one(request: UpgradeRequest, id: ConversationId) -> Result<Response> {
    let after_seq = request.query.seq("after_seq")?;
    enter(request, Scope::One(id), after_seq)
}

fn enter(request: UpgradeRequest, scope: Scope, after_seq: Option<Seq>) -> Result<Response> {
    let (state, auth) = (request.state.clone(), auth(&request)?);
    let counted = state.connection_limits.count_through_proxy(&request.permit, request.address)?;
    let pending = state.connection_limits.pending_permit(auth.is_some(), request.address)?;
    let (request_id, network) = (request.id.clone(), network(request.address));
    accept(
        request,
        limits::FRAME_BYTES_MAX,
        ConnectRequest { state, request_id, network, scope, after_seq, auth, pending, counted },
    )
}

/// Who it is, wherever the client could say so, best first; without a word, the first frame does.
fn auth(request: &UpgradeRequest) -> Result<Option<HandshakeAuth>> {
    if let Some(token) = bearer(&request.headers) {
        return Ok(Some(HandshakeAuth::Token(token.to_owned())));
    }
    if let Some(ticket) = request.query.get("ticket")? {
        return Ok(Some(HandshakeAuth::Ticket(ticket)));
    }
    if let Some(token) = offers(&request.headers).find_map(|offer| offer.strip_prefix(BEARER)) {
        return Ok(Some(HandshakeAuth::Token(token.to_owned())));
    }
    Ok(request.query.get("token")?.map(HandshakeAuth::Token))
}
