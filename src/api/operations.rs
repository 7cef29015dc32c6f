//! The operations table.

use super::operation::Access::{Limited, Operator, Public, User};
use super::operation::Body::{self, Empty, Json};
use super::operation::Cost::{None as FREE, OfInput, Reaction as REACTION};
use super::operation::Transports::{Both, Http};
use super::operation::{Access, Cost, Operation, OperationKind, Transports, cost};
use crate::chat::{
    accounts, blocks, conversations, deletions, history, leaving, members, messages, notifications, pins, reactions,
    receipts, registration, reports, saved, search, sessions, users,
};
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

#[expect(clippy::too_many_arguments, reason = "a row of a table has one for each of its columns")]
const fn row(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: Body,
    access: Access,
    cost: Cost,
    transports: Transports,
    kind: OperationKind,
) -> Operation {
    Operation { name, method, path, body, access, cost, transports, kind }
}

use cost::{COMMIT, LEAVES, PAGE, READ, RECEIPT, SEARCH, TICKET, WRITE};

const DELETE: &str = "DELETE";
const GET: &str = "GET";
const PATCH: &str = "PATCH";
const POST: &str = "POST";
const PUT: &str = "PUT";

/// The operations table.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    // Accounts and sessions.
    row("account.register",    POST,   "/v1/users/register",                                                Json,  Limited, FREE,    Http, call!(registration::register)),
    row("session.login",       POST,   "/v1/users/login",                                                   Json,  Limited, FREE,    Http, call!(sessions::login)),
    row("session.refresh",     POST,   "/v1/users/refresh",                                                 Json,  Public,  FREE,    Http, call!(sessions::refresh)),
    row("session.logout",      POST,   "/v1/users/logout",                                                  Empty, User,    FREE,    Http, call!(sessions::logout)),
    row("session.list",        GET,    "/v1/users/me/sessions",                                             Empty, User,    PAGE,    Both, call!(sessions::list)),
    row("session.end",         DELETE, "/v1/users/me/sessions/{session_id}",                                Empty, User,    COMMIT,  Http, call!(sessions::end)),
    row("ticket.create",       POST,   "/v1/tickets",                                                       Empty, User,    TICKET,  Http, call!(sessions::ticket)),

    // Users.
    row("me.get",              GET,    "/v1/users/me",                                                      Empty, User,    READ,    Both, call!(users::me)),
    row("me.update",           PATCH,  "/v1/users/me",                                                      Json,  User,    COMMIT,  Http, call!(users::update_me)),
    row("me.delete",           DELETE, "/v1/users/me",                                                      Json,  User,    COMMIT,  Http, call!(deletions::delete_me)),
    row("user.list",           GET,    "/v1/users",                                                         Empty, User,    PAGE,    Both, call!(users::list)),
    row("user.get",            GET,    "/v1/users/{user_id}",                                               Empty, User,    READ,    Both, call!(users::get)),
    row("user.block",          PUT,    "/v1/users/{user_id}/block",                                         Empty, User,    COMMIT,  Both, call!(blocks::block)),
    row("block.list",          GET,    "/v1/users/me/blocks",                                               Empty, User,    PAGE,    Both, call!(blocks::list)),
    row("user.unblock",        DELETE, "/v1/users/{user_id}/block",                                         Empty, User,    COMMIT,  Both, call!(blocks::unblock)),

    // Operators.
    row("account.list",        GET,    "/v1/admin/users",                                                   Empty, Operator, PAGE,    Http, call!(accounts::list)),
    row("account.create",      POST,   "/v1/admin/users",                                                   Json,  Operator, COMMIT,  Http, call!(accounts::create)),
    row("account.update",      PATCH,  "/v1/admin/users/{user_id}",                                         Json,  Operator, COMMIT,  Http, call!(accounts::update)),
    row("account.delete",      DELETE, "/v1/admin/users/{user_id}",                                         Empty, Operator, COMMIT,  Http, call!(deletions::delete_account)),
    row("invite.create",       POST,   "/v1/admin/invites",                                                 Json,  Operator, COMMIT,  Http, call!(registration::create_invite)),
    row("settings.get",        GET,    "/v1/admin/settings",                                                Empty, Operator, READ,    Http, call!(registration::settings)),
    row("settings.update",     PATCH,  "/v1/admin/settings",                                                Json,  Operator, COMMIT,  Http, call!(registration::update_settings)),

    row("report.list",         GET,    "/v1/admin/reports",                                                 Empty, Operator, PAGE,    Http, call!(reports::list)),
    row("report.settle",       PATCH,  "/v1/admin/reports/{report_id}",                                     Json,  Operator, COMMIT,  Http, call!(reports::settle)),
    row("message.remove",      DELETE, "/v1/admin/conversations/{conversation_id}/messages/{message_id}",   Empty, Operator, COMMIT,  Http, call!(reports::remove)),

    // Conversations.
    row("conversation.create", POST,   "/v1/conversations",                                                 Json,  User,    OfInput, Both, call!(conversations::create)),
    row("conversation.list",   GET,    "/v1/conversations",                                                 Empty, User,    PAGE,    Both, call!(conversations::list)),
    row("conversation.get",    GET,    "/v1/conversations/{conversation_id}",                               Empty, User,    READ,    Both, call!(conversations::get)),
    row("conversation.update", PATCH,  "/v1/conversations/{conversation_id}",                               Json,  User,    WRITE,   Both, write!(conversations::update, conversations::updated)),
    row("conversation.delete", DELETE, "/v1/conversations/{conversation_id}",                               Empty, User,    COMMIT,  Both, call!(conversations::delete)),
    row("conversation.leave",  POST,   "/v1/conversations/leave",                                           Json,  User,    LEAVES,  Both, call!(leaving::leave)),
    row("notifications.update", PUT,   "/v1/conversations/{conversation_id}/notifications",                 Json,  User,    COMMIT,  Both, call!(notifications::update)),

    // Members.
    row("member.list",         GET,    "/v1/conversations/{conversation_id}/members",                       Empty, User,    PAGE,    Both, call!(members::list)),
    row("member.add",          POST,   "/v1/conversations/{conversation_id}/members",                       Json,  User,    WRITE,   Both, write!(members::add, members::added)),
    row("member.update",       PATCH,  "/v1/conversations/{conversation_id}/members/{user_id}",             Json,  User,    WRITE,   Both, write!(members::update, members::updated)),
    row("member.remove",       DELETE, "/v1/conversations/{conversation_id}/members/{user_id}",             Empty, User,    WRITE,   Both, write!(members::remove)),

    // Messages.
    row("message.list",        GET,    "/v1/conversations/{conversation_id}/messages",                      Empty, User,    PAGE,    Both, call!(history::list)),
    row("message.search",      GET,    "/v1/search",                                                        Empty, User,    SEARCH,  Both, call!(search::messages)),
    row("message.send",        POST,   "/v1/conversations/{conversation_id}/messages",                      Json,  User,    WRITE,   Both, write!(messages::send, messages::sent)),
    row("message.edit",        PATCH,  "/v1/conversations/{conversation_id}/messages/{message_id}",         Json,  User,    WRITE,   Both, write!(messages::edit, messages::edited)),
    row("message.delete",      DELETE, "/v1/conversations/{conversation_id}/messages/{message_id}",         Empty, User,    WRITE,   Both, write!(messages::delete)),
    row("message.read",        PUT,    "/v1/conversations/{conversation_id}/read",                          Json,  User,    RECEIPT, Both, call!(receipts::read)),
    row("message.unread",      PUT,    "/v1/conversations/{conversation_id}/unread",                        Json,  User,    RECEIPT, Both, call!(receipts::mark_unread)),
    row("message.report",      POST,   "/v1/conversations/{conversation_id}/messages/{message_id}/report",  Json,  User,    COMMIT,  Both, call!(reports::create)),

    // Pins.
    row("pin.list",            GET,    "/v1/conversations/{conversation_id}/pins",                                    Empty, User, PAGE,     Both, call!(pins::list)),
    row("message.pin",         PUT,    "/v1/conversations/{conversation_id}/messages/{message_id}/pin",               Empty, User, WRITE,    Both, write!(pins::pin)),
    row("message.unpin",       DELETE, "/v1/conversations/{conversation_id}/messages/{message_id}/pin",               Empty, User, WRITE,    Both, write!(pins::unpin)),

    // Saved messages.
    row("saved.list",          GET,    "/v1/users/me/saved",                                                          Empty, User, PAGE,     Both, call!(saved::list)),
    row("message.save",        PUT,    "/v1/conversations/{conversation_id}/messages/{message_id}/saved",             Empty, User, COMMIT,   Both, call!(saved::save)),
    row("message.unsave",      DELETE, "/v1/conversations/{conversation_id}/messages/{message_id}/saved",             Empty, User, COMMIT,   Both, call!(saved::unsave)),

    // Reactions.
    row("reaction.list",       GET,    "/v1/conversations/{conversation_id}/messages/{message_id}/reactions",         Empty, User, PAGE,     Both, call!(reactions::list)),
    row("reaction.add",        PUT,    "/v1/conversations/{conversation_id}/messages/{message_id}/reactions/{emoji}", Empty, User, REACTION, Both, write!(reactions::add)),
    row("reaction.remove",     DELETE, "/v1/conversations/{conversation_id}/messages/{message_id}/reactions/{emoji}", Empty, User, REACTION, Both, write!(reactions::remove)),
    row("reaction.clear",      DELETE, "/v1/conversations/{conversation_id}/messages/{message_id}/reactions",         Empty, User, REACTION, Both, write!(reactions::clear)),
];
