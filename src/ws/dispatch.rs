//! What a connection's frames do: writes, operations, resumes; and how refusals are answered.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::end::ConnectionEnd;
use super::reader::{ClientMessage, Reader};
use super::token_deadline::TokenDeadline;
use super::violations::ViolationCounter;
use crate::api;
use crate::chat::Chat;
use crate::domain::session::Caller;
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Scope};
use crate::wire::close::Close;
use crate::wire::frames::{self, ClientFrame, Reference};
use crate::wire::parse;

/// The token of the first frame, which must be `auth`.
pub(super) async fn first_token(reader: &mut Reader) -> Result<String, ConnectionEnd> {
    let text = reader.next().await.and_then(text)?;
    let frame: Option<ClientFrame<'_>> = parse(text.as_bytes()).ok();
    let token = frame.filter(|frame| frame.r#type == "auth").and_then(|frame| frame.token);
    token.ok_or_else(|| Close::BAD_TOKEN.into())
}

/// The text of a frame. Binary frames are not supported.
fn text(message: ClientMessage) -> Result<String, ConnectionEnd> {
    match message {
        ClientMessage::Text(text) => Ok(text),
        ClientMessage::Binary(_) => Err(Close::BINARY.into()),
    }
}

/// A frame that was refused, and the `error` frame that says so.
pub(super) struct Refused {
    pub(super) error: Error,
    /// Sent to the client, unless that is done already.
    pub(super) frame: Option<Bytes>,
}

impl Refused {
    fn new(error: Error, Reference { reference, conversation_id }: Reference) -> Self {
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
    /// Prolonged by a fresh token.
    deadline: &'a TokenDeadline,
    /// A permit for each write or operation in flight; with none left, nothing is read. Most connections never send.
    in_flight: OnceLock<Arc<Semaphore>>,
}

impl<'a> FrameDispatcher<'a> {
    pub(super) fn new(
        chat: &'a Arc<Chat>,
        connection: &'a Arc<Connection>,
        caller: &'a Caller,
        network: IpAddr,
        deadline: &'a TokenDeadline,
    ) -> Self {
        Self { chat, connection, caller, network, deadline, in_flight: OnceLock::new() }
    }

    /// Reads until the connection ends, once it is [open](Self::open).
    ///
    /// What this does first, and for each frame, is boxed: a connection that says nothing keeps no memory for it.
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
        let mut violations = ViolationCounter::none();
        loop {
            let text = match reader.next().await.and_then(text) {
                Ok(text) => text,
                Err(end) => return end,
            };
            let Err(Refused { error, frame }) = Box::pin(self.handle(text)).await else {
                violations.forget();
                continue;
            };
            if ends_connection(&error) {
                return Close::for_error(&error).into();
            }
            if let Some(frame) = frame {
                send_queue.push(frame);
            }
            if let Some(why) = violations.count(&error) {
                return why.into();
            }
        }
    }

    /// Returns when nothing is in flight any more.
    pub(super) async fn all_answered(&self) {
        let Some(in_flight) = self.in_flight.get() else { return };
        let all = u32::try_from(limits::SENDS_IN_FLIGHT_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = in_flight.acquire_many(all).await;
    }

    /// Waits for a permit for a write or an operation.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let in_flight = self.in_flight.get_or_init(|| Arc::new(Semaphore::new(limits::SENDS_IN_FLIGHT_MAX)));
        Arc::clone(in_flight).acquire_owned().await.map_err(Error::internal)
    }

    /// `/ws/{id}` becomes live: after what `hello` named, or after everything behind `after_seq`.
    pub(super) async fn open(&self, head: Option<Seq>, after_seq: Option<Seq>) -> Result<()> {
        let (Scope::One(id), Some(head)) = (self.connection.scope, head) else { return Ok(()) };
        let subscriptions = &self.chat.subscriptions;
        if let Some(after_seq) = after_seq {
            match subscriptions.resume(self.connection, id, after_seq).await {
                Err(error) if error.code == Code::Resync => {
                    self.connection.send_queue.push(frames::error(&error, None, Some(id)));
                }
                done => return done,
            }
        }
        subscriptions.catch_up(self.connection, id, head).await.map(drop)
    }

    async fn handle(&self, text: String) -> Result<(), Refused> {
        let mut frame: ClientFrame<'_> = match parse(text.as_bytes()) {
            Ok(frame) => frame,
            Err(error) => {
                let skimmed = Reference::skim(&text);
                let conversation_id = self.own_conversation().or(skimmed.conversation_id);
                return Err(Refused::new(error, Reference { conversation_id, ..skimmed }));
            }
        };
        let reference = Reference {
            reference: frame.r#ref.take().map(Reference::shorten),
            conversation_id: self.own_conversation().or(frame.conversation_id),
        };
        match (frame.r#type.as_str(), frame.input) {
            ("message.send", None) => self.send(frame, reference).await,
            ("message.edit" | "message.delete", None) => self.change_message(frame, reference).await,
            ("resume", _) => self.resume(frame, reference).await,
            ("auth", _) => self.authenticate(frame).await.map_err(|error| Refused::new(error, reference)),
            ("ping", _) => {
                self.connection.send_queue.push(frames::pong(reference.reference.as_deref()));
                Ok(())
            }
            (name, _) => {
                let Some(operation) = api::operation(name) else {
                    let error = Error::new(Code::Malformed, format!("There is no frame of the type {name:?}."));
                    return Err(Refused::new(error, reference));
                };
                self.operation(operation, &frame, reference).await
            }
        }
    }

    /// The conversation of `/ws/{conversation_id}`.
    fn own_conversation(&self) -> Option<ConversationId> {
        if let Scope::One(id) = self.connection.scope { Some(id) } else { None }
    }

    /// The conversation of a frame: the address gives it on `/ws/{conversation_id}`, the frame on `/ws`.
    pub(super) fn conversation(&self, frame: &ClientFrame<'_>) -> Result<ConversationId> {
        match (self.own_conversation(), frame.conversation_id) {
            (Some(own), Some(given)) if given != own => {
                Err(Error::field("conversation_id", "is not the one of this connection"))
            }
            (Some(id), _) | (None, Some(id)) => Ok(id),
            (None, None) => Err(Error::field("conversation_id", "is missing")),
        }
    }

    async fn resume(&self, frame: ClientFrame<'_>, reference: Reference) -> Result<(), Refused> {
        match self.check_resume(frame) {
            Ok(conversations) => {
                let reference = reference.reference.as_deref();
                self.chat.subscriptions.resume_all(self.connection, conversations, reference).await;
                Ok(())
            }
            Err(error) => Err(Refused::new(error, reference)),
        }
    }

    fn check_resume(&self, frame: ClientFrame<'_>) -> Result<std::collections::HashMap<ConversationId, Seq>> {
        let conversations = frame.conversations.ok_or_else(|| Error::field("conversations", "is missing"))?;
        if conversations.len() > limits::RESUME_CONVERSATIONS_MAX {
            let detail = format!("takes at most {} conversations", limits::RESUME_CONVERSATIONS_MAX);
            return Err(Error::field("conversations", detail));
        }
        if conversations.values().any(|seq| *seq < 0) {
            return Err(Error::field("conversations", "takes whole numbers from 0"));
        }
        if let Some(own) = self.own_conversation()
            && conversations.keys().any(|id| *id != own)
        {
            let detail = "names another conversation than the one of this connection";
            return Err(Error::field("conversations", detail));
        }
        Ok(conversations)
    }

    /// A fresh token of the same user and session lets the connection live on.
    async fn authenticate(&self, frame: ClientFrame<'_>) -> Result<()> {
        let token = frame.token.ok_or_else(|| Error::field("token", "is missing"))?;
        let fresh = self.chat.auth.authenticate(&token).await?;
        if fresh.user_id != self.caller.user_id || fresh.session_id != self.caller.session_id {
            return Err(Error::forbidden("This token belongs to another session."));
        }
        self.deadline.renew(fresh.expires_at);
        Ok(())
    }
}

/// Returns true if an error ends the connection instead of being answered.
pub(super) fn ends_connection(error: &Error) -> bool {
    matches!(error.code, Code::SessionEnded | Code::TokenExpired | Code::Unauthorized)
}

pub(super) fn refuse(error: Error, reference: Reference) -> Refused {
    Refused::new(error, reference)
}
