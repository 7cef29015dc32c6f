//! What a row of the operations table says.

use std::pin::Pin;

use crate::chat::Context;
use crate::domain::Result;
use crate::domain::command::{Outcome, Write};
use crate::domain::session::Caller;
use crate::wire::answer::Answer;
use crate::wire::input::Input;

/// A row of the operations table.
pub struct Operation {
    /// Its name, which is the `type` of its frame.
    pub name: &'static str,
    /// Its method over HTTP.
    pub method: &'static str,
    /// Its path over HTTP. `{name}` stands for one segment, the input's field of that name; a field that ends in `_id` is an id.
    pub path: &'static str,
    /// Where its input comes from over HTTP.
    pub body: Body,
    /// Who may call it. Roles in a conversation are decided under the lock.
    pub access: Access,
    /// How many tokens a call takes from its user's budget, see [`cost`].
    pub cost: u32,
    /// Over which transports it can be called.
    pub transports: Transports,
    /// What it does.
    pub run: Run,
}

/// The cost of an operation, in tokens of its user's budget.
pub mod cost {
    /// Reads, and rare writes that have bounds of their own.
    pub const FREE: u32 = 0;
    /// A numbered write.
    pub const WRITE: u32 = 1;
}

/// Where an operation's input comes from over HTTP, besides the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// From a JSON body.
    Json,
    /// From the query; the body is not read.
    Empty,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Everybody, a few times a minute from one network, since it hashes a password.
    Limited,
    /// Users who are logged in.
    User,
}

/// Over which transports an operation can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    /// HTTP and WebSocket.
    Both,
    /// HTTP alone: the operation makes, ends or proves a session, or its answers are too large for a frame.
    Http,
}

/// A future that can be sent to another thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What an operation does.
#[derive(Clone, Copy)]
pub enum Run {
    /// A numbered write: its input becomes a write, which the journal commits in order.
    Write {
        /// Checks the input.
        write: fn(&Caller, &Input) -> Result<Write>,
        /// Makes the answer of what was committed.
        answer: fn(Context, Write, Outcome) -> BoxFuture<Result<Answer>>,
    },
    /// Anything else.
    Call(fn(Context, Input) -> BoxFuture<Result<Answer>>),
}
