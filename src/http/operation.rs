//! Calls an operation: reads its input from path, query and body, and converts its answer to a response.

use std::future::pending;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION, USER_AGENT};
use uuid::Uuid;

use super::body::read_json;
use super::request::Request;
use super::response;
use crate::api::{Body, Call, CallAuth, ChargedAnswer, Operation, dispatch};
use crate::domain::{Code, Error, MessageId, Result, UserId};
use crate::limits;
use crate::registry::Charge;
use crate::transport::{Response, empty, network};
use crate::wire::answer::Answer;
use crate::wire::input::Input;

/// Calls an operation.
pub(super) async fn call(operation: &'static Operation, mut request: Request) -> Result<Response> {
    let auth = CallAuth::Token(request.token.take());
    let network = network(request.address);
    let user_agent = request.header(USER_AGENT).map(|text| text.chars().take(limits::USER_AGENT_CHARS_MAX).collect());
    let call = Call { operation, auth, network, user_agent, page_bytes: limits::PAGE_BYTES_MAX };
    let (chat, socket) = (request.state.chat.clone(), request.socket.clone());
    let gone = async {
        // A write goes on without its client, and counts for its user as long.
        if operation.is_read() { socket.client_gone().await } else { pending().await }
    };
    let answer = tokio::select! {
        biased;
        answer = dispatch(&chat, call, |user_id| read_input(operation, &mut request, user_id)) => answer,
        () = gone => Err(abandoned()),
    };
    answer.map(respond)
}

/// Returns the error for a read whose client has gone. A client that has closed its sending side alone receives it.
fn abandoned() -> Error {
    let detail = "The connection was closed on your side, and the answer takes longer than the server waits then.";
    Error::new(Code::Unavailable, detail).after(limits::ABANDONED_READ_GRACE)
}

/// Returns the fields of path and query, and the body.
async fn read_input(operation: &Operation, request: &mut Request, user_id: Option<UserId>) -> Result<Input> {
    let mut input = Input::default();
    if operation.body == Body::Json {
        input.body = read_json(request, user_id).await?;
    } else {
        input.fields = request.query.pairs()?;
    }
    for (name, value) in &request.parameters {
        if let Some(noun) = name.strip_suffix("_id") {
            // A user in the path of a conversation's members is one of them.
            let noun = if operation.name.starts_with("member.") && noun == "user" { "member" } else { noun };
            check_id(noun, value)?;
        }
        // The path takes precedence over the query.
        input.fields.retain(|(field, _)| field != name);
        input.fields.push(((*name).into(), value.clone()));
    }
    Ok(input)
}

/// Returns `not_found` if an id in a path is not valid, because nothing can have that id.
fn check_id(noun: &str, text: &str) -> Result<Uuid> {
    MessageId::parse(text).map(|id| id.0).ok_or_else(|| Error::not_found(noun))
}

/// An answer's bytes, which are charged until hyper has written them.
struct ChargedBytes {
    bytes: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for ChargedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn respond(ChargedAnswer { answer: Answer { status, location, body }, charge }: ChargedAnswer) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match body {
        Some(bytes) => response::encoded(status, Bytes::from_owner(ChargedBytes { bytes, _charge: charge })),
        None => empty(status),
    };
    if let Some(Ok(location)) = location.map(|location| HeaderValue::from_str(&location)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
