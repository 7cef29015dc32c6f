//! The two addresses that open a WebSocket: their parameters and credentials.
//!
//! A request that is malformed, comes from a foreign origin or comes during a drain is refused with an HTTP status. A bad token or a
//! missing membership upgrades first and then closes with its code, because a browser can read only that.

use super::connection::{ConnectRequest, HandshakeAuth};
use super::handshake::{accept, offered_subprotocols};
use crate::domain::{ConversationId, Error, MessageId, Result, Seq};
use crate::limits;
use crate::registry::Scope;
use crate::transport::{Response, UpgradeRequest, bearer, network};
use crate::wire::client_frame::ResumePoint;

/// The prefix of a subprotocol that carries a token.
const BEARER: &str = "bearer.";

/// `GET /ws`
pub fn all(request: UpgradeRequest) -> Result<Response> {
    let hold = request.query.get("hold")?.is_some_and(|hold| hold == "1");
    open(request, if hold { Scope::Held } else { Scope::All }, None)
}

/// `GET /ws/{conversation_id}`
pub fn one(request: UpgradeRequest, id: ConversationId) -> Result<Response> {
    let point = resume_point(request.query.seq("after_seq")?, request.query.get("after_id")?)?;
    open(request, Scope::One(id), point)
}

/// Returns the event of `after_seq` and `after_id`.
fn resume_point(seq: Option<Seq>, id: Option<String>) -> Result<Option<ResumePoint>> {
    let refused = || Error::field("after_id", "takes the id of a message");
    let id = id.map(|id| MessageId::parse(&id).ok_or_else(refused)).transpose()?;
    match (seq, id) {
        (None, Some(_)) => Err(Error::field("after_seq", "is missing: it is the number of `after_id`")),
        (seq, id) => Ok(seq.map(|seq| ResumePoint { seq, id })),
    }
}

fn open(request: UpgradeRequest, scope: Scope, resume_point: Option<ResumePoint>) -> Result<Response> {
    let (state, auth) = (request.state.clone(), auth(&request)?);
    let proxied_permit = state.connection_limits.proxied_permit(&request.permit, request.address)?;
    let pending_permit = state.connection_limits.pending_permit(auth.is_some(), request.address)?;
    let (request_id, network) = (request.id.clone(), network(request.address));
    accept(
        request,
        limits::FRAME_BYTES_MAX,
        ConnectRequest { state, request_id, network, scope, resume_point, auth, pending_permit, proxied_permit },
    )
}

/// Returns the credential of the handshake: from `Authorization`, `ticket`, the subprotocol or `token`, in this order. Returns
/// `None` when there is none; the first frame must then authenticate.
fn auth(request: &UpgradeRequest) -> Result<Option<HandshakeAuth>> {
    if let Some(token) = bearer(&request.headers) {
        return Ok(Some(HandshakeAuth::Token(token.to_owned())));
    }
    if let Some(ticket) = request.query.get("ticket")? {
        return Ok(Some(HandshakeAuth::Ticket(ticket)));
    }
    if let Some(token) = offered_subprotocols(&request.headers).find_map(|offered| offered.strip_prefix(BEARER)) {
        return Ok(Some(HandshakeAuth::Token(token.to_owned())));
    }
    Ok(request.query.get("token")?.map(HandshakeAuth::Token))
}
