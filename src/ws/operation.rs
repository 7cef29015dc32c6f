//! Operations over WebSocket: one at a time for each connection. The `reply` comes after the event that the operation caused.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::dispatch::{FrameDispatcher, Refused, ends_connection};
use crate::api::{AnsweredCall, Call, CallAuth, ChargedAnswer, Operation, Transports, dispatch, log_call};
use crate::domain::{Code, Error, Result};
use crate::limits;
use crate::sync::wait_for_capacity;
use crate::wire::answer::Answer;
use crate::wire::client_frame::{ClientFrame, Reference};
use crate::wire::frames;
use crate::wire::input::{Input, names_another_conversation};
use crate::wire::problem;

impl FrameDispatcher<'_> {
    /// Calls an operation, and waits until its reply is in the send queue.
    ///
    /// The call runs in its own task, which holds a permit. So a drain waits for the call even if the connection ends before. A read ends with
    /// the connection, because nobody waits for it any more.
    pub(super) async fn operation(
        &self,
        operation: &'static Operation,
        frame: &ClientFrame<'_>,
        reference: Reference,
    ) -> Result<(), Refused> {
        let (input, permit) = match (self.input(operation, frame), self.permit().await) {
            (Ok(input), Ok(permit)) => (input, permit),
            (Err(error), _) | (_, Err(error)) => return Err(Refused::new(error, reference)),
        };
        if self.connection.send_queue.is_closing() {
            return Ok(());
        }
        let (chat, connection, network) = (Arc::clone(self.chat), Arc::clone(self.connection), self.network);
        let auth = CallAuth::Connection(*self.caller);
        let call = Call { operation, auth, network, user_agent: None, page_bytes: limits::REPLY_BYTES_MAX };
        let (refusals, ended) = (Arc::clone(self.refusals), self.ended());
        let task = self.chat.spawn(async move {
            let _permit = permit;
            let started = Instant::now();
            let answering = dispatch(&chat, call, |_| async { Ok(input) });
            let answer = if operation.is_read() {
                let Some(answer) = ended.run_until_cancelled(answering).await else { return Ok(()) };
                answer
            } else {
                answering.await
            };
            // The answer is charged until the send queue has room for it, and charges it.
            let (answer, _charge) = match answer {
                Ok(ChargedAnswer { answer, charge }) => (check_size(answer), Some(charge)),
                Err(error) => (Err(error), None),
            };
            let (status, bytes) = encode(&answer, &reference);
            let call = AnsweredCall {
                method: "WS",
                path: operation.name,
                status,
                started,
                request_id: &connection.id.to_string(),
                address: network,
                network,
                origin: None,
                host: None,
                is_quiet: false,
            };
            log_call(&call, &refusals);
            if !answer.as_ref().is_err_and(ends_connection) {
                wait_for_capacity(&connection).await;
                connection.send_queue.push(bytes);
            }
            answer.map(drop)
        });
        match task.await {
            Ok(Err(error)) => Err(Refused { error, frame: None }),
            // The task fails only when the runtime stops.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// Returns the input of an operation. The conversation of the frame or of the path is a field of it. Fails if `input` names another one.
    fn input(&self, operation: &Operation, frame: &ClientFrame<'_>) -> Result<Input> {
        if operation.transports == Transports::Http {
            let detail = format!("{} can only be called over HTTP: {}.", operation.name, operation.path);
            return Err(Error::new(Code::Malformed, detail));
        }
        let input = frame.input.ok_or_else(|| Error::field("input", "is missing"))?.get();
        if !input.starts_with('{') {
            return Err(Error::field("input", "takes a JSON object"));
        }
        let conversation = match self.conversation(frame) {
            Ok(id) => Some(id),
            Err(_) if frame.conversation_id.is_none() => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(id) = conversation
            && names_another_conversation(input, id)
        {
            return Err(Error::field("conversation_id", "is not the conversation of the frame or of the connection"));
        }
        let fields = conversation.map(|id| ("conversation_id".into(), id.to_string())).into_iter().collect();
        Ok(Input { fields, body: Bytes::copy_from_slice(input.as_bytes()) })
    }
}

/// Returns an answer if it fits into a frame, and an error otherwise.
fn check_size(answer: Answer) -> Result<Answer> {
    if answer.body.as_ref().is_some_and(|body| body.len() > limits::REPLY_BYTES_MAX) {
        let detail = format!("The reply is larger than {} bytes; request fewer items.", limits::REPLY_BYTES_MAX);
        return Err(Error::new(Code::TooLarge, detail));
    }
    Ok(answer)
}

/// Returns the status, for the log, and the frame.
fn encode(answer: &Result<Answer>, reference: &Reference) -> (u16, Bytes) {
    let Reference { reference, conversation_id } = reference;
    match answer {
        Ok(answer) => (answer.status, frames::reply(reference.as_deref(), answer.status, answer.body.as_deref())),
        Err(error) => (problem::status(error.code), frames::error(error, reference.as_deref(), *conversation_id)),
    }
}
