//! Dispatches the text frames of a connection: writes, operations, resumes. Refused frames are answered with `error` frames.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::end::ConnectionEnd;
use super::reader::{ClientMessage, Reader};
use super::token_deadline::TokenDeadline;
use super::violations::ViolationCounter;
use crate::api::{self, CallAuth, RefusalLog};
use crate::chat::Chat;
use crate::domain::session::Caller;
use crate::domain::{Code, ConversationId, Error, FieldError, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Scope};
use crate::wire::client_frame::{ClientFrame, Reference, ResumePoint};
use crate::wire::close::Close;
use crate::wire::frames;
use crate::wire::{parse, shorten};

/// Reads the first frame, which must be `auth`, and returns its token.
pub(super) async fn first_token(reader: &mut Reader) -> Result<String, ConnectionEnd> {
    let text = reader.next().await.and_then(text)?;
    let frame: Option<ClientFrame<'_>> = parse(&text).ok();
    let token = frame.filter(|frame| frame.r#type == "auth").and_then(|frame| frame.token);
    token.ok_or_else(|| Close::BAD_TOKEN.into())
}

/// Returns the text of a message. Binary messages are not supported.
fn text(message: ClientMessage) -> Result<String, ConnectionEnd> {
    match message {
        ClientMessage::Text(text) => Ok(text),
        ClientMessage::Binary(_) => Err(Close::BINARY.into()),
    }
}

/// Conversations of a `resume` that cost one token of the user's reads.
const RESUMES_PER_TOKEN: usize = 10;

/// A refused frame: the error, and its `error` frame.
pub(super) struct Refused {
    pub(super) error: Error,
    /// `None` if it is sent already.
    pub(super) frame: Option<Bytes>,
}

impl Refused {
    pub(super) fn new(error: Error, Reference { reference, conversation_id }: Reference) -> Self {
        let frame = Some(frames::error(&error, reference.as_deref(), conversation_id));
        Self { error, frame }
    }
}

/// Dispatches the frames of one connection.
pub(super) struct FrameDispatcher<'a> {
    pub(super) chat: &'a Arc<Chat>,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) caller: &'a Caller,
    pub(super) network: IpAddr,
    pub(super) refusals: &'a Arc<RefusalLog>,
    deadline: &'a TokenDeadline,
    /// Created on the first use, because most connections never send.
    in_flight: OnceLock<InFlight>,
}

/// The writes and operations of one connection that are not answered yet.
struct InFlight {
    /// One permit for each. When none is left, the connection is not read.
    permits: Arc<Semaphore>,
    /// Cancelled when the connection has ended.
    ended: CancellationToken,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(limits::SENDS_IN_FLIGHT_MAX)), ended: CancellationToken::new() }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl<'a> FrameDispatcher<'a> {
    pub(super) fn new(
        chat: &'a Arc<Chat>,
        connection: &'a Arc<Connection>,
        caller: &'a Caller,
        network: IpAddr,
        refusals: &'a Arc<RefusalLog>,
        deadline: &'a TokenDeadline,
    ) -> Self {
        Self { chat, connection, caller, network, refusals, deadline, in_flight: OnceLock::new() }
    }

    /// Waits for `opening` (see [`Self::open`]), then dispatches frames until the connection ends.
    ///
    /// The opening and the handling of each frame are boxed, so that an idle connection has no memory for them.
    pub(super) async fn run(
        &self,
        reader: &mut Reader,
        opening: Pin<Box<impl Future<Output = Result<()>>>>,
    ) -> ConnectionEnd {
        let send_queue = &self.connection.send_queue;
        send_queue.uncork();
        if let Err(error) = opening.await {
            return Close::for_error(&error).into();
        }
        let mut violations = ViolationCounter::new();
        loop {
            let text = match reader.next().await.and_then(text) {
                Ok(text) => text,
                Err(end) => return end,
            };
            let Err(Refused { error, frame }) = Box::pin(self.handle(text)).await else {
                violations.reset();
                continue;
            };
            if ends_connection(&error) {
                return Close::for_error(&error).into();
            }
            if let Some(frame) = frame {
                send_queue.push(frame);
            }
            if let Some(close) = violations.count(&error) {
                return close.into();
            }
        }
    }

    /// Waits until no write and no operation is in flight.
    pub(super) async fn all_answered(&self) {
        let Some(in_flight) = self.in_flight.get() else { return };
        let all = u32::try_from(limits::SENDS_IN_FLIGHT_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = in_flight.permits.acquire_many(all).await;
    }

    /// Waits for a permit for a write or an operation.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let in_flight = self.in_flight.get_or_init(InFlight::default);
        Arc::clone(&in_flight.permits).acquire_owned().await.map_err(Error::internal)
    }

    /// Returns a token that is cancelled when the connection has ended.
    pub(super) fn ended(&self) -> CancellationToken {
        self.in_flight.get_or_init(InFlight::default).ended.clone()
    }

    /// Makes a connection of `/ws/{conversation_id}` live: after `head`, the number in `hello`, or after a replay of everything after
    /// `point`.
    pub(super) async fn open(&self, head: Option<Seq>, point: Option<ResumePoint>) -> Result<()> {
        let (Scope::One(id), Some(head)) = (self.connection.scope, head) else { return Ok(()) };
        let subscriptions = &self.chat.subscriptions;
        if let Some(point) = point {
            match subscriptions.resume(self.connection, id, point).await {
                Err(error) if error.code == Code::Resync => {
                    self.connection.send_queue.push(frames::error(&error, None, Some(id)));
                }
                result => return result,
            }
        }
        subscriptions.catch_up(self.connection, id, head).await.map(drop)
    }

    async fn handle(&self, text: String) -> Result<(), Refused> {
        let mut frame: ClientFrame<'_> = match parse(&text) {
            Ok(frame) => frame,
            Err(error) => {
                let skimmed = Reference::skim(&text);
                let conversation_id = self.path_conversation().or(skimmed.conversation_id);
                return Err(Refused::new(error, Reference { conversation_id, ..skimmed }));
            }
        };
        let conversation_id = self.path_conversation().or(frame.conversation_id);
        let reference = match frame.r#ref.take() {
            Some(long) if long.chars().nth(limits::REF_CHARS_MAX).is_some() => {
                let error = Error::field("ref", format!("takes at most {} characters", limits::REF_CHARS_MAX));
                let reference = Some(Reference::shorten(long));
                return Err(Refused::new(error, Reference { reference, conversation_id }));
            }
            reference => Reference { reference, conversation_id },
        };
        match (frame.r#type.as_str(), frame.input) {
            ("message.send", None) => self.send(frame, reference).await,
            ("message.edit" | "message.delete", None) => self.edit_or_delete(frame, reference).await,
            ("message.read" | "message.unread", None) | ("message.delivered", _) => {
                self.receipt(frame, reference).await
            }
            ("typing.start" | "typing.stop", _) => self.typing(&frame, reference).await,
            ("presence.away" | "presence.back", _) => self.presence(&frame, reference),
            ("resume", _) => self.resume(frame, reference).await,
            ("auth", _) => self.authenticate(frame).await.map_err(|error| Refused::new(error, reference)),
            ("ping", _) => {
                self.connection.send_queue.push(frames::pong(reference.reference.as_deref()));
                Ok(())
            }
            (name, _) => {
                let Some(operation) = api::operation(name) else {
                    let error = Error::new(Code::Malformed, format!("There is no frame of type {:?}.", shorten(name)));
                    return Err(Refused::new(error, reference));
                };
                self.operation(operation, &frame, reference).await
            }
        }
    }

    /// Returns the conversation of a connection of `/ws/{conversation_id}`.
    fn path_conversation(&self) -> Option<ConversationId> {
        if let Scope::One(id) = self.connection.scope { Some(id) } else { None }
    }

    /// Returns the conversation of a frame. The path names it on `/ws/{conversation_id}`, the frame on `/ws`.
    pub(super) fn conversation(&self, frame: &ClientFrame<'_>) -> Result<ConversationId, FieldError> {
        match (self.path_conversation(), frame.conversation_id) {
            (Some(path), Some(given)) if given != path => {
                Err(FieldError::new("conversation_id", "is not the conversation of this connection"))
            }
            (Some(id), _) | (None, Some(id)) => Ok(id),
            (None, None) => Err(FieldError::new("conversation_id", "is missing")),
        }
    }

    async fn resume(&self, frame: ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        let conversations = self.check_resume(frame).and_then(|conversations| {
            // A part of what a page of a list costs: the client asks for each once, when it comes back.
            let tokens = 1 + u32::try_from(conversations.len() / RESUMES_PER_TOKEN).unwrap_or(u32::MAX);
            self.chat.rate_limits.charge_read(self.caller.user_id, tokens).map(|()| conversations)
        });
        match conversations {
            Ok(conversations) => {
                let reference = reference.reference.as_deref();
                self.chat.subscriptions.resume_all(self.connection, conversations, reference).await;
                Ok(())
            }
            Err(error) => Err(Refused::new(error, reference)),
        }
    }

    fn check_resume(&self, frame: ClientFrame<'_>) -> Result<HashMap<ConversationId, ResumePoint>> {
        let conversations = frame.conversations.ok_or_else(|| Error::field("conversations", "is missing"))?;
        if conversations.len() > limits::RESUME_CONVERSATIONS_MAX {
            let detail = format!("takes at most {} conversations", limits::RESUME_CONVERSATIONS_MAX);
            return Err(Error::field("conversations", detail));
        }
        if conversations.values().any(|point| point.seq < 0) {
            return Err(Error::field("conversations", "takes whole numbers from 0"));
        }
        if let Some(path) = self.path_conversation()
            && conversations.keys().any(|id| *id != path)
        {
            let detail = "names a conversation other than that of this connection";
            return Err(Error::field("conversations", detail));
        }
        Ok(conversations)
    }

    /// Extends the connection's deadline by a fresh token of the same session.
    async fn authenticate(&self, frame: ClientFrame<'_>) -> Result<()> {
        let token = frame.token.ok_or_else(|| Error::field("token", "is missing"))?;
        let fresh = api::authenticate(self.chat, CallAuth::Token(Some(token))).await?;
        if fresh.user_id != self.caller.user_id || fresh.session_id != self.caller.session_id {
            return Err(Error::forbidden("This token belongs to another session."));
        }
        self.deadline.extend(fresh.expires_at);
        Ok(())
    }
}

/// Returns true if an error closes the connection instead of being sent to the client.
pub(super) fn ends_connection(error: &Error) -> bool {
    matches!(error.code, Code::SessionEnded | Code::TokenExpired | Code::Unauthorized)
}
