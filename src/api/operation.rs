//! The columns of the operations table.

use std::pin::Pin;

use crate::chat::Context;
use crate::domain::Result;
use crate::domain::command::{Outcome, Write};
use crate::domain::session::Caller;
use crate::wire::answer::Answer;
use crate::wire::input::Input;

/// A row of the operations table.
pub struct Operation {
    /// The name, which is the `type` of its frame.
    pub name: &'static str,
    /// The method over HTTP.
    pub method: &'static str,
    /// The path over HTTP. `{name}` matches one segment, which becomes the input's field of that name. A field that ends in `_id` is an id.
    pub path: &'static str,
    /// The place of the input over HTTP, besides the path.
    pub body: Body,
    /// The callers that may call it. Roles in a conversation are checked under the lock.
    pub access: Access,
    /// The tokens that a call takes from its user's rate limits.
    pub cost: Cost,
    /// The transports over which it can be called.
    pub transports: Transports,
    /// The function that runs it.
    pub kind: OperationKind,
}

impl Operation {
    /// Returns true if the operation changes nothing.
    pub fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

/// The tokens that a call takes from its user's rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing. The caller is no user yet and pays with their network, or ends a session, which happens once.
    None,
    /// Tokens of [`limits::READS`](crate::limits::READS).
    Read(u32),
    /// Tokens of [`limits::WRITES`](crate::limits::WRITES).
    Write(u32),
    /// Tokens of [`limits::RECEIPTS`](crate::limits::RECEIPTS).
    Receipt(u32),
    /// A token of [`limits::REACTIONS`](crate::limits::REACTIONS), which leave those of [`limits::WRITES`](crate::limits::WRITES) for sends.
    Reaction,
    /// The operation charges, because the cost depends on its input.
    OfInput,
}

/// The costs of operations.
pub mod cost {
    use super::Cost;

    /// The cost of reading one object.
    pub const READ: Cost = Cost::Read(1);
    /// The cost of reading a page of a list.
    pub const PAGE: Cost = Cost::Read(5);
    /// The cost of a search for messages: four pages. A user who searches all the time then keeps two readers of the store busy at most
    /// ([`SEARCH_DEADLINE`](crate::limits::SEARCH_DEADLINE)), and types 100 letters of searches at once.
    pub const SEARCH: Cost = Cost::Read(20);
    /// The tokens of a numbered write.
    pub const WRITE_TOKENS: u32 = 1;
    /// The cost of a numbered write, and of a frame that goes to the other members. It shares a commit with others.
    pub const WRITE: Cost = Cost::Write(WRITE_TOKENS);
    /// The tokens of a receipt.
    pub const RECEIPT_TOKENS: u32 = 1;
    /// The cost of a receipt, which shares a transaction with others.
    pub const RECEIPT: Cost = Cost::Receipt(RECEIPT_TOKENS);
    /// The cost of a ticket. As many as a user may have leave half of the user's writes for sends.
    pub const TICKET: Cost = Cost::Write(5);
    /// The cost of leaving up to [`LEAVES_MAX`](crate::limits::LEAVES_MAX) conversations: a fifth of as many numbered writes. They share
    /// commits, and a user leaves each conversation once. So a user who was added to 10,000 groups is out of them in half a minute.
    pub const LEAVES: Cost = Cost::Write(20);
    /// The cost of a change that needs a commit of its own, or a few.
    pub const COMMIT: Cost = Cost::Write(10);
}

/// The place of an operation's input over HTTP, besides the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A JSON body.
    Json,
    /// The query. The body is not read.
    Empty,
}

/// The callers that may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All callers.
    Public,
    /// All callers, a few times a minute per network, because the operation hashes a password.
    Limited,
    /// Users who are logged in.
    User,
    /// Admins who are logged in.
    Operator,
}

/// The transports over which an operation can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    /// HTTP and WebSocket.
    Both,
    /// HTTP alone: the operation starts, ends or proves a session, takes a password, or is an operator's.
    Http,
}

/// A future that can be sent to another thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The function of an operation.
#[derive(Clone, Copy)]
pub enum OperationKind {
    /// Makes a numbered write of the input. The journal commits it in order.
    Write {
        /// Checks the input and returns the write.
        write: fn(&Caller, &Input) -> Result<Write>,
        /// Makes the answer from the outcome.
        answer: fn(Context, Write, Outcome) -> BoxFuture<Result<Answer>>,
    },
    /// Runs any other operation.
    Call(fn(Context, Input) -> BoxFuture<Result<Answer>>),
}
