//! The site's table of contents: method, path, who may call, handler.

use std::fmt;
use std::pin::Pin;

use hyper::Method;

use super::handlers::{accounts, conversations, messages, sessions};
use super::request::Request;
use super::{health, static_files};
use crate::domain::Result;
use crate::transport::Response;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Everybody, but not too often: what costs a password's hash.
    Limited,
    /// Whoever has an access token.
    User,
}

/// A row of the table.
pub struct Route {
    /// The method.
    pub method: &'static Method,
    /// The path; `{name}` stands for one segment.
    pub pattern: &'static str,
    /// Who may call.
    pub access: Access,
    /// What answers.
    pub handler: &'static dyn Handler,
}

/// A future that answers.
pub type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What answers a request: any `async fn(Request) -> Result<Response>`.
pub trait Handler: Sync {
    /// Answers.
    fn call(&self, request: Request) -> Answering<Result<Response>>;
}

impl<F, Fut> Handler for F
where
    F: Fn(Request) -> Fut + Sync,
    Fut: Future<Output = Result<Response>> + Send + 'static,
{
    fn call(&self, request: Request) -> Answering<Result<Response>> {
        Box::pin(self(request))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.pattern)
    }
}

/// A row.
pub const fn route(
    method: &'static Method,
    pattern: &'static str,
    access: Access,
    handler: &'static dyn Handler,
) -> Route {
    Route { method, pattern, access, handler }
}

use Access::{Limited, Public, User};
const DELETE: &Method = &Method::DELETE;
const GET: &Method = &Method::GET;
const PATCH: &Method = &Method::PATCH;
const POST: &Method = &Method::POST;

/// The table.
#[rustfmt::skip]
pub static ROUTES: &[Route] = &[
    // The page, and whether the server is well.
    route(GET,    "/",                                         Public,  &static_files::root),
    route(GET,    "/static/{name}",                            Public,  &static_files::asset),
    route(GET,    "/health",                                   Public,  &health::health),
    route(GET,    "/livez",                                    Public,  &health::livez),
    route(GET,    "/readyz",                                   Public,  &health::readyz),

    // Becoming somebody.
    route(POST,   "/v1/users/register",                        Limited, &accounts::register),
    route(POST,   "/v1/users/login",                           Limited, &sessions::login),
    route(POST,   "/v1/users/refresh",                         Public,  &sessions::refresh),
    route(POST,   "/v1/users/logout",                          User,    &sessions::logout),
    route(POST,   "/v1/tickets",                               User,    &sessions::ticket),

    // People.
    route(GET,    "/v1/users/me",                              User,    &accounts::me),
    route(PATCH,  "/v1/users/me",                              User,    &accounts::update_me),
    route(GET,    "/v1/users",                                 User,    &accounts::list),
    route(GET,    "/v1/users/{id}",                            User,    &accounts::one),

    // Conversations and who is in them.
    route(POST,   "/v1/conversations",                         User,    &conversations::create),
    route(GET,    "/v1/conversations",                         User,    &conversations::list),
    route(GET,    "/v1/conversations/{id}",                    User,    &conversations::one),
    route(PATCH,  "/v1/conversations/{id}",                    User,    &conversations::rename),
    route(DELETE, "/v1/conversations/{id}",                    User,    &conversations::delete),
    route(GET,    "/v1/conversations/{id}/members",            User,    &conversations::members),
    route(POST,   "/v1/conversations/{id}/members",            User,    &conversations::add_member),
    route(PATCH,  "/v1/conversations/{id}/members/{user_id}",  User,    &conversations::set_role),
    route(DELETE, "/v1/conversations/{id}/members/{user_id}",  User,    &conversations::remove_member),

    // Messages.
    route(GET,    "/v1/conversations/{id}/messages",           User,    &messages::history),
    route(POST,   "/v1/conversations/{id}/messages",           User,    &messages::send),
    route(PATCH,  "/v1/conversations/{id}/messages/{message_id}", User, &messages::edit),
    route(DELETE, "/v1/conversations/{id}/messages/{message_id}", User, &messages::delete),
];
