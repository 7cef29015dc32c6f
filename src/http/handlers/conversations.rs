//! Conversations and who is in them.

use hyper::StatusCode;

use crate::chat::NewGroup;
use crate::domain::{ConversationId, Result, UserId};
use crate::http::request::Request;
use crate::http::{cursor, response};
use crate::transport::{Response, empty};
use crate::wire::objects::{List, MemberObject, ViewObject};
use crate::wire::requests::{AddMember, CreateConversation, UpdateConversation, UpdateMember};

fn conversation_id(request: &Request) -> Result<ConversationId> {
    request.path_id("id", "conversation", ConversationId::parse)
}

fn member_id(request: &Request) -> Result<UserId> {
    request.path_id("user_id", "member", UserId::parse)
}

pub(in crate::http) async fn create(mut request: Request) -> Result<Response> {
    let body: CreateConversation = request.json().await?;
    let chat = &request.state.chat;
    let wanted = NewGroup { kind: body.r#type, name: body.name, member_ids: body.member_ids };
    let (view, is_new) = chat.create_conversation(&request.caller()?, wanted).await?;
    let location = format!("/v1/conversations/{}", view.conversation.id);
    Ok(response::created(is_new, location, &ViewObject::new(&view, |id| chat.status(id))))
}

pub(in crate::http) async fn list(request: Request) -> Result<Response> {
    let (chat, limit) = (&request.state.chat, request.query.limit()?);
    let views = chat.conversations(&request.caller()?, cursor::activity(&request.query)?, limit).await?;
    let place = views.last().filter(|_| views.len() == limit).map(|view| &view.conversation);
    let next = place.map(|last| cursor::after_activity((last.active_at, last.id)));
    let items = views.iter().map(|view| ViewObject::new(view, |id| chat.status(id))).collect();
    Ok(response::json(StatusCode::OK, &List { items, next }))
}

pub(in crate::http) async fn one(request: Request) -> Result<Response> {
    let chat = &request.state.chat;
    let view = chat.conversation(&request.caller()?, conversation_id(&request)?).await?;
    Ok(response::json(StatusCode::OK, &ViewObject::new(&view, |id| chat.status(id))))
}

pub(in crate::http) async fn rename(mut request: Request) -> Result<Response> {
    let body: UpdateConversation = request.json().await?;
    let chat = &request.state.chat;
    let view = chat.rename(&request.caller()?, conversation_id(&request)?, &body.name).await?;
    Ok(response::json(StatusCode::OK, &ViewObject::new(&view, |id| chat.status(id))))
}

pub(in crate::http) async fn delete(request: Request) -> Result<Response> {
    request.state.chat.delete_conversation(&request.caller()?, conversation_id(&request)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(in crate::http) async fn members(request: Request) -> Result<Response> {
    let (chat, limit, after) = (&request.state.chat, request.query.limit()?, cursor::key(&request.query)?);
    let id = conversation_id(&request)?;
    let members = chat.members(&request.caller()?, id, after.as_deref(), limit).await?;
    let last = members.last().filter(|_| members.len() == limit);
    let next = last.map(|member| cursor::after_key(&member.user.username.key()));
    let items = members.iter().map(|member| MemberObject::new(member, chat.status(member.user.id))).collect();
    Ok(response::json(StatusCode::OK, &List { items, next }))
}

pub(in crate::http) async fn add_member(mut request: Request) -> Result<Response> {
    let body: AddMember = request.json().await?;
    let (chat, id) = (&request.state.chat, conversation_id(&request)?);
    let (member, is_new) = chat.add_member(&request.caller()?, id, body.user_id, body.role.as_deref()).await?;
    let location = format!("/v1/conversations/{id}/members/{}", member.user.id);
    Ok(response::created(is_new, location, &MemberObject::new(&member, chat.status(member.user.id))))
}

pub(in crate::http) async fn set_role(mut request: Request) -> Result<Response> {
    let body: UpdateMember = request.json().await?;
    let (chat, id) = (&request.state.chat, conversation_id(&request)?);
    let member = chat.set_role(&request.caller()?, id, member_id(&request)?, &body.role).await?;
    Ok(response::json(StatusCode::OK, &MemberObject::new(&member, chat.status(member.user.id))))
}

pub(in crate::http) async fn remove_member(request: Request) -> Result<Response> {
    let id = conversation_id(&request)?;
    request.state.chat.remove_member(&request.caller()?, id, member_id(&request)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
