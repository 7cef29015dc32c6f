//! People.

use std::time::Instant;

use hyper::StatusCode;

use crate::chat::ProfileChange;
use crate::domain::{Error, Result, UserId};
use crate::http::request::Request;
use crate::http::{cursor, response};
use crate::transport::{Response, network};
use crate::wire::objects::{List, UserObject};
use crate::wire::requests::{Register, UpdateMe};

pub(in crate::http) async fn register(mut request: Request) -> Result<Response> {
    let body: Register = request.json().await?;
    let chat = &request.state.chat;
    let user = chat.register(&body.username, body.name.as_deref(), &body.password).await?;
    let object = UserObject::new(&user, chat.status(user.id));
    Ok(response::created(true, format!("/v1/users/{}", user.id), &object))
}

pub(in crate::http) async fn me(request: Request) -> Result<Response> {
    let chat = &request.state.chat;
    let user = chat.me(&request.caller()?).await?;
    Ok(response::json(StatusCode::OK, &UserObject::new(&user, chat.status(user.id))))
}

pub(in crate::http) async fn update_me(mut request: Request) -> Result<Response> {
    let UpdateMe { name, password, current_password } = request.json().await?;
    let (chat, caller) = (&request.state.chat, request.caller()?);
    let guess = (network(request.address), caller.user_id.to_string());
    let limits = request.state.rate_limits.as_ref().filter(|_| password.is_some());
    limits.map_or(Ok(()), |limits| limits.login_failures.take(guess.clone(), Instant::now()))?;
    let updated = chat.update_me(&caller, ProfileChange { name, password, current_password }).await;
    let is_wrong = |error: &Error| error.fields.iter().any(|field| field.field == "current_password");
    if let (false, Some(limits)) = (updated.as_ref().is_err_and(is_wrong), limits) {
        limits.login_failures.give_back(&guess);
    }
    let user = updated?;
    Ok(response::json(StatusCode::OK, &UserObject::new(&user, chat.status(user.id))))
}

pub(in crate::http) async fn one(request: Request) -> Result<Response> {
    let chat = &request.state.chat;
    let user = chat.user(request.path_id("id", "user", UserId::parse)?).await?;
    Ok(response::json(StatusCode::OK, &UserObject::new(&user, chat.status(user.id))))
}

pub(in crate::http) async fn list(request: Request) -> Result<Response> {
    let (chat, limit) = (&request.state.chat, request.query.limit()?);
    let (prefix, after) = (request.query.get("q")?, cursor::key(&request.query)?);
    let users = chat.users(prefix.as_deref(), after.as_deref(), limit).await?;
    let next = users.last().filter(|_| users.len() == limit).map(|last| cursor::after_key(&last.username.key()));
    let items = users.iter().map(|user| UserObject::new(user, chat.status(user.id))).collect();
    Ok(response::json(StatusCode::OK, &List { items, next }))
}
