//! The dispatcher: authorises every call, from either transport, and runs its operation.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::guard::catch_panic;
use super::operation::{Access, Cost, Operation, OperationKind};
use crate::chat::{Chat, Context};
use crate::domain::command::{Outcome, Write};
use crate::domain::session::Caller;
use crate::domain::{Code, Error, Result, UserId};
use crate::limits;
use crate::registry::{Charge, Holder};
use crate::wire::answer::Answer;
use crate::wire::input::Input;

/// The tokens of the check that a caller is an admin.
const OPERATOR_CHECK_TOKENS: u32 = 1;

/// The authentication of a call.
pub enum CallAuth {
    /// An access token, if the request has one.
    Token(Option<String>),
    /// The caller of a connection, whose token was checked when it was established.
    Connection(Caller),
}

/// A call of an operation.
pub struct Call {
    /// The operation.
    pub operation: &'static Operation,
    /// The authentication of its caller.
    pub auth: CallAuth,
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub network: IpAddr,
    /// The client's name for itself, over HTTP.
    pub user_agent: Option<String>,
    /// The bytes that a page may have over the transport.
    pub page_bytes: usize,
}

/// An answer, and the charge for its bytes until the client has taken them.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct ChargedAnswer {
    pub answer: Answer,
    pub charge: Charge,
}

/// Makes a call: authenticates the caller, reads the input, charges the cost and runs the operation.
///
/// A call is answered within [`limits::ANSWER_TIMEOUT`], however many store calls it makes. The time in which `input` arrives is not
/// counted, because it depends on the client; the transport bounds it. `input` receives the caller, to charge for it. A panic becomes an
/// `internal` error. A user has at most [`limits::STORE_CALLS_PER_USER_MAX`] calls at a time that use the store; the others wait for them. So
/// an operation takes no permit for the store itself. Input and answer are charged to the memory budget. The call fails with `busy` if the budget has no room for the caller.
pub async fn dispatch<F: Future<Output = Result<Input>>>(
    chat: &Arc<Chat>,
    call: Call,
    input: impl FnOnce(Option<UserId>) -> F,
) -> Result<ChargedAnswer> {
    catch_panic(run(chat, call, input)).await?
}

async fn run<F: Future<Output = Result<Input>>>(
    chat: &Arc<Chat>,
    call: Call,
    input: impl FnOnce(Option<UserId>) -> F,
) -> Result<ChargedAnswer> {
    let Call { operation, auth, network, user_agent, page_bytes } = call;
    let started = Instant::now();
    let caller = timeout(limits::ANSWER_TIMEOUT, authorize(chat, operation, auth, network));
    let caller = caller.await.map_err(|_| too_late(operation))??;
    let remaining = limits::ANSWER_TIMEOUT.saturating_sub(started.elapsed());
    let user_id = caller.map(|caller| caller.user_id);
    let input = input(user_id).await?;
    let mut charge = chat.registry().charge(Holder { user_id, network });
    if !charge.has_room() || !charge.resize_if_large(input.body.len()) {
        return Err(busy());
    }
    let context = Context { chat: Arc::clone(chat), caller, network, user_agent, page_bytes };
    let answer = timeout(remaining, perform(operation, context, input)).await.map_err(|_| too_late(operation))??;
    // The answer to a change is not refused, because the change is done. It has at most one message, and the rate limits bound how many
    // of them can be under way when the caller's share is used up.
    if !charge.resize_if_large(answer.body.as_ref().map_or(0, Vec::len)) && operation.is_read() {
        return Err(busy());
    }
    Ok(ChargedAnswer { answer, charge })
}

fn busy() -> Error {
    Error::new(Code::Busy, "Answers that you do not read take too much memory.").after(limits::MEMORY_RETRY)
}

/// Returns the caller of an operation for users or admins. Charges the network of a limited operation.
pub async fn authorize(chat: &Chat, operation: &Operation, auth: CallAuth, network: IpAddr) -> Result<Option<Caller>> {
    match operation.access {
        Access::Public => Ok(None),
        Access::Limited => chat.rate_limits.charge_account_call(network).map(|()| None),
        Access::User => authenticate(chat, auth).await.map(Some),
        Access::Operator => {
            let caller = authenticate(chat, auth).await?;
            // The check asks the store, whoever asks for it.
            chat.rate_limits.charge_read(caller.user_id, OPERATOR_CHECK_TOKENS)?;
            let _permit = chat.store_permits.acquire_own(caller.user_id).await?;
            chat.auth.check_operator(&caller).await?;
            Ok(Some(caller))
        }
    }
}

/// Returns the caller, if the token is valid and the session is live.
pub async fn authenticate(chat: &Chat, auth: CallAuth) -> Result<Caller> {
    let caller = match auth {
        CallAuth::Token(token) => {
            let token = token.ok_or_else(|| Error::new(Code::Unauthorized, "This operation needs an access token."))?;
            chat.auth.tokens.caller(&token)?
        }
        CallAuth::Connection(caller) => caller,
    };
    if chat.auth.cached(caller.session_id).is_err() {
        // Of many calls at once, the first ones ask the store.
        let _permit = chat.store_permits.acquire_own(caller.user_id).await?;
        chat.auth.check_session(&caller).await?;
    }
    Ok(caller)
}

async fn perform(operation: &Operation, context: Context, input: Input) -> Result<Answer> {
    let chat = Arc::clone(&context.chat);
    match operation.kind {
        OperationKind::Call(call) => {
            charge(operation, &context)?;
            let _permit = match (context.caller, operation.cost) {
                (Some(caller), Cost::Read(_)) => Some(chat.store_permits.acquire(caller.user_id).await?),
                // It waits for a worker of the node, which asks the store for many users at once.
                (Some(_), Cost::Receipt(_)) | (None, _) => None,
                (Some(caller), _) => Some(chat.store_permits.acquire_own(caller.user_id).await?),
            };
            call(context, input).await
        }
        OperationKind::Write { write, answer } => {
            let caller = context.caller()?;
            let write = write(&caller, &input)?;
            charge(operation, &context)?;
            let outcome = chat.write(write.clone()).await?;
            // The journal needs no permit, and the answer to a new message none either. So sends never wait for the reads of their user.
            let _permit = match (&write, &outcome) {
                (Write::Send(_), Outcome::Committed(_)) => None,
                _ => Some(chat.store_permits.acquire_own(caller.user_id).await?),
            };
            answer(context, write, outcome).await
        }
    }
}

fn charge(operation: &Operation, context: &Context) -> Result<()> {
    let Some(Caller { user_id, .. }) = context.caller else { return Ok(()) };
    match operation.cost {
        Cost::Read(tokens) => context.chat.rate_limits.charge_read(user_id, tokens),
        Cost::Write(tokens) => context.chat.rate_limits.charge_write(user_id, tokens),
        Cost::Receipt(tokens) => context.chat.rate_limits.charge_receipt(user_id, tokens),
        Cost::Reaction => context.chat.rate_limits.charge_reaction(user_id),
        Cost::None | Cost::OfInput => Ok(()),
    }
}

/// Returns the error for a call that takes too long, for example because each of several store calls is slow.
fn too_late(operation: &Operation) -> Error {
    tracing::warn!(operation = operation.name, "a call took too long");
    Error::new(Code::Unavailable, "The server did not answer in time.").after(Duration::from_secs(1))
}
