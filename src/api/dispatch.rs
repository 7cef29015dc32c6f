//! The dispatcher: the way of every call, from either transport, to its operation and back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::guard::catch_panic;
use super::operation::{Access, Operation, Run, cost};
use crate::chat::{Chat, Context};
use crate::domain::session::Caller;
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::wire::answer::Answer;
use crate::wire::input::Input;

/// How a call says who makes it.
pub enum Credentials {
    /// By an access token, if there is one.
    Token(Option<String>),
    /// By its connection, whose token was read when it began.
    Connection(Caller),
}

/// A call of an operation.
pub struct Call {
    /// The row of the table.
    pub operation: &'static Operation,
    /// Who makes it.
    pub credentials: Credentials,
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub network: IpAddr,
}

/// Makes a call: checks who makes it, reads its input, charges its cost and runs the operation.
///
/// A call is answered within [`limits::ANSWER_TIMEOUT`], whatever it asks the store for and however often. The time in which `input`
/// arrives is the client's own and not counted; the transport bounds it. A panic is an `internal` error.
pub async fn dispatch(chat: &Arc<Chat>, call: Call, input: impl Future<Output = Result<Input>>) -> Result<Answer> {
    catch_panic(run(chat, call, input)).await?
}

async fn run(chat: &Arc<Chat>, call: Call, input: impl Future<Output = Result<Input>>) -> Result<Answer> {
    let Call { operation, credentials, network } = call;
    let started = Instant::now();
    let caller = timeout(limits::ANSWER_TIMEOUT, authorize(chat, operation, credentials, network));
    let caller = caller.await.map_err(|_| too_late(operation))??;
    let left = limits::ANSWER_TIMEOUT.saturating_sub(started.elapsed());
    let input = input.await?;
    let context = Context { chat: Arc::clone(chat), caller, network };
    timeout(left, perform(operation, context, input)).await.map_err(|_| too_late(operation))?
}

/// Returns the caller of an operation for users. Charges the network for others that are limited.
pub async fn authorize(
    chat: &Chat,
    operation: &Operation,
    credentials: Credentials,
    network: IpAddr,
) -> Result<Option<Caller>> {
    match (operation.access, credentials) {
        (Access::Public, _) => Ok(None),
        (Access::Limited, _) => chat.rate_limits.charge_account_call(network).map(|()| None),
        (Access::User, Credentials::Token(token)) => {
            let token = token.ok_or_else(|| Error::new(Code::Unauthorized, "This takes an access token."))?;
            chat.auth.authenticate(&token).await.map(Some)
        }
        (Access::User, Credentials::Connection(caller)) => {
            chat.auth.check_session(&caller).await?;
            Ok(Some(caller))
        }
    }
}

async fn perform(operation: &Operation, context: Context, input: Input) -> Result<Answer> {
    match operation.run {
        Run::Call(call) => {
            charge(operation, &context)?;
            call(context, input).await
        }
        Run::Write { write, answer } => {
            let write = write(&context.caller()?, &input)?;
            charge(operation, &context)?;
            let outcome = context.chat.write(write.clone()).await?;
            answer(context, write, outcome).await
        }
    }
}

fn charge(operation: &Operation, context: &Context) -> Result<()> {
    match (operation.cost, context.caller) {
        (cost::FREE, _) | (_, None) => Ok(()),
        (_, Some(caller)) => context.chat.rate_limits.charge_write(caller.user_id),
    }
}

/// The answer to a call that takes too long: the store is slow in each of several answers, say.
fn too_late(operation: &Operation) -> Error {
    tracing::warn!(operation = operation.name, "a call took too long");
    Error::new(Code::Unavailable, "The server did not answer in time.").after(Duration::from_secs(1))
}
