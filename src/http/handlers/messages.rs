//! Messages.

use hyper::StatusCode;

use crate::chat::{Draft, HistoryPage, Position, revision};
use crate::domain::message::Message;
use crate::domain::{ConversationId, Error, MessageId, Result};
use crate::http::request::Request;
use crate::http::response;
use crate::transport::{Query, Response, empty};
use crate::wire;
use crate::wire::history::More;
use crate::wire::objects::{Delivery, MessageObject};
use crate::wire::requests::{EditMessage, SendMessage};

fn conversation_id(request: &Request) -> Result<ConversationId> {
    request.path_id("id", "conversation", ConversationId::parse)
}

pub(in crate::http) async fn send(mut request: Request) -> Result<Response> {
    let body: SendMessage = request.json().await?;
    let (caller, id) = (request.caller()?, conversation_id(&request)?);
    let draft = Draft { id: body.id, content: body.content, kind: body.r#type, reply_to: body.reply_to };
    let (message, status, is_new) = request.state.chat.send(&caller, id, draft).await?;
    let location = format!("/v1/conversations/{id}/messages?around_seq={}", message.seq);
    Ok(response::created(is_new, location, &MessageObject::new(&message, status)))
}

pub(in crate::http) async fn edit(mut request: Request) -> Result<Response> {
    let body: EditMessage = request.json().await?;
    let (message, status) = revise(&request, Some(body.content)).await?;
    Ok(response::json(StatusCode::OK, &MessageObject::new(&message, status)))
}

pub(in crate::http) async fn delete(request: Request) -> Result<Response> {
    revise(&request, None).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn revise(request: &Request, content: Option<String>) -> Result<(Message, Delivery)> {
    let (caller, id) = (request.caller()?, conversation_id(request)?);
    let message_id = request.path_id("message_id", "message", MessageId::parse)?;
    request.state.chat.revise(revision(&caller, id, message_id, content)?, &caller).await
}

pub(in crate::http) async fn history(request: Request) -> Result<Response> {
    let (caller, position) = (request.caller()?, position(&request.query)?);
    let page =
        request.state.chat.history(&caller, conversation_id(&request)?, position, request.query.limit()?).await?;
    let HistoryPage { messages, more_before, more_after, last_seq, .. } = &page;
    let more = match position {
        Position::Around(_) => More::Around(*more_before, *more_after),
        Position::After(_) => More::Asked(*more_after),
        Position::Newest | Position::Before(_) => More::Asked(*more_before),
    };
    let items = messages.iter().map(|message| (message, page.status(message, &caller)));
    Ok(response::encoded(StatusCode::OK, wire::history::history(items, more, *last_seq)))
}

fn position(query: &Query) -> Result<Position> {
    let given = (query.seq("before_seq")?, query.seq("after_seq")?, query.seq("around_seq")?);
    match given {
        (None, None, None) => Ok(Position::Newest),
        (Some(seq), None, None) => Ok(Position::Before(seq)),
        (None, Some(seq), None) => Ok(Position::After(seq)),
        (None, None, Some(seq)) => Ok(Position::Around(seq)),
        _ => Err(Error::field("before_seq", "takes at most one of `before_seq`, `after_seq` and `around_seq`")),
    }
}
