//! The operations table.

use super::operation::Access::{Limited, Public, User};
use super::operation::Method::{Delete, Get, Patch, Post, PostEmpty};
use super::operation::Transports::{Both, Http};
use super::operation::{Access, Method, Operation, OperationKind, Transports, cost};
use crate::chat::{conversations, history, members, messages, sessions, users};
use crate::wire::answer::Answer;

/// Makes an [`OperationKind::Call`] of an `async fn(Context, Input) -> Result<Answer>`.
macro_rules! call {
    ($function:path) => {
        OperationKind::Call(|context, input| Box::pin(async move { $function(context, input.parse()?).await }))
    };
}

/// Makes an [`OperationKind::Write`] of a `fn(&Caller, Input) -> Result<Write>` and an `async fn(Context, Write, Outcome) ->
/// Result<Answer>`. Without the latter the answer is 204.
macro_rules! write {
    ($function:path) => {
        OperationKind::Write {
            write: |caller, input| $function(caller, input.parse()?),
            answer: |_, _, _| Box::pin(async { Ok(Answer::no_content()) }),
        }
    };
    ($function:path, $answer:path) => {
        OperationKind::Write {
            write: |caller, input| $function(caller, input.parse()?),
            answer: |context, write, outcome| Box::pin($answer(context, write, outcome)),
        }
    };
}

const fn row(
    name: &'static str,
    method: Method,
    path: &'static str,
    access: Access,
    cost: u32,
    transports: Transports,
    kind: OperationKind,
) -> Operation {
    Operation { name, method, path, access, cost, transports, kind }
}

use cost::{FREE, WRITE};

/// The operations table.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    // Accounts and sessions.
    row("account.register",    Post,      "/v1/users/register", Limited, FREE, Http, call!(users::register)),
    row("session.login",       Post,      "/v1/users/login",    Limited, FREE, Http, call!(sessions::login)),
    row("session.refresh",     Post,      "/v1/users/refresh",  Public,  FREE, Http, call!(sessions::refresh)),
    row("session.logout",      PostEmpty, "/v1/users/logout",   User,    FREE, Http, call!(sessions::logout)),
    row("ticket.create",       PostEmpty, "/v1/tickets",        User,    FREE, Http, call!(sessions::ticket)),

    // Users.
    row("me.get",              Get,       "/v1/users/me",        User,   FREE, Both, call!(users::me)),
    row("me.update",           Patch,     "/v1/users/me",        User,   FREE, Http, call!(users::update_me)),
    row("user.list",           Get,       "/v1/users",           User,   FREE, Both, call!(users::list)),
    row("user.get",            Get,       "/v1/users/{user_id}", User,   FREE, Both, call!(users::get)),

    // Conversations.
    row("conversation.create", Post,      "/v1/conversations",                   User, FREE,  Both, call!(conversations::create)),
    row("conversation.list",   Get,       "/v1/conversations",                   User, FREE,  Both, call!(conversations::list)),
    row("conversation.get",    Get,       "/v1/conversations/{conversation_id}", User, FREE,  Both, call!(conversations::get)),
    row("conversation.update", Patch,     "/v1/conversations/{conversation_id}", User, WRITE, Both, write!(conversations::update, conversations::updated)),
    row("conversation.delete", Delete,    "/v1/conversations/{conversation_id}", User, FREE,  Both, call!(conversations::delete)),

    // Members.
    row("member.list",         Get,       "/v1/conversations/{conversation_id}/members",           User, FREE,  Both, call!(members::list)),
    row("member.add",          Post,      "/v1/conversations/{conversation_id}/members",           User, WRITE, Both, write!(members::add, members::added)),
    row("member.update",       Patch,     "/v1/conversations/{conversation_id}/members/{user_id}", User, WRITE, Both, write!(members::update, members::updated)),
    row("member.remove",       Delete,    "/v1/conversations/{conversation_id}/members/{user_id}", User, WRITE, Both, write!(members::remove)),

    // Messages.
    row("message.list",        Get,       "/v1/conversations/{conversation_id}/messages",              User, FREE,  Http, call!(history::list)),
    row("message.send",        Post,      "/v1/conversations/{conversation_id}/messages",              User, WRITE, Both, write!(messages::send, messages::sent)),
    row("message.edit",        Patch,     "/v1/conversations/{conversation_id}/messages/{message_id}", User, WRITE, Both, write!(messages::edit, messages::edited)),
    row("message.delete",      Delete,    "/v1/conversations/{conversation_id}/messages/{message_id}", User, WRITE, Both, write!(messages::delete)),
];
