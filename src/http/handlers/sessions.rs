//! Logging in and out.

use std::time::Instant;

use hyper::StatusCode;

use crate::chat::LoggedIn;
use crate::domain::user::Username;
use crate::domain::{Code, Result};
use crate::http::request::Request;
use crate::http::response;
use crate::limits;
use crate::transport::{AppState, Response, empty, network};
use crate::wire::objects::{TicketObject, TokensObject, UserObject};
use crate::wire::requests::{Login, Refresh};

pub(in crate::http) async fn login(mut request: Request) -> Result<Response> {
    let Login { username, password } = request.json().await?;
    let state = &request.state;
    let Some(limits) = &state.rate_limits else {
        return Ok(tokens(state, &state.chat.login(&username, password).await?));
    };
    // What cannot be a username is no key of its own, or keys as long as bodies would be remembered.
    let name = Username::parse(&username).map_or_else(|_| String::new(), |username| username.key());
    let attempt = (network(request.address), name);
    // Taken before, so that many guesses at once are limited as many in a row are.
    limits.login_failures.take(attempt.clone(), Instant::now())?;
    let outcome = state.chat.login(&username, password).await;
    if !outcome.as_ref().is_err_and(|error| error.code == Code::BadCredentials) {
        limits.login_failures.give_back(&attempt);
    }
    Ok(tokens(state, &outcome?))
}

pub(in crate::http) async fn refresh(mut request: Request) -> Result<Response> {
    let body: Refresh = request.json().await?;
    let logged_in = request.state.chat.refresh(&body.refresh_token).await?;
    Ok(tokens(&request.state, &logged_in))
}

pub(in crate::http) async fn logout(request: Request) -> Result<Response> {
    request.state.chat.logout(&request.caller()?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(in crate::http) async fn ticket(request: Request) -> Result<Response> {
    let ticket = request.state.chat.auth.ticket(&request.caller()?).await?;
    let object = TicketObject { ticket: &ticket, expires_in: limits::TICKET_TTL.as_secs() };
    Ok(response::json(StatusCode::CREATED, &object))
}

fn tokens(state: &AppState, logged_in: &LoggedIn) -> Response {
    let user = &logged_in.user;
    let object = TokensObject {
        access_token: &logged_in.access_token,
        token_type: "bearer",
        expires_in: state.chat.access_token_seconds(),
        refresh_token: &logged_in.refresh_token,
        user: UserObject::new(user, state.chat.status(user.id)),
    };
    response::json(StatusCode::OK, &object)
}
