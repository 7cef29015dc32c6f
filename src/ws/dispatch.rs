//! What a connection's frames mean: verbs called, refusals told.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

use super::end::ConnectionEnd;
use super::reader::{ClientMessage, Reader};
use super::token_deadline::TokenDeadline;
use super::violations::ViolationCounter;
use crate::chat::{Chat, Draft, revision};
use crate::domain::command::{Action, Outcome, Write};
use crate::domain::event::{Event, EventKind};
use crate::domain::session::Caller;
use crate::domain::{Code, ConversationId, Error, Result, Seq};
use crate::limits;
use crate::registry::{Connection, Scope};
use crate::wire::close::Close;
use crate::wire::frames::{self, ClientFrame};
use crate::wire::parse;

/// The token of the first frame, which must be `auth`.
pub(super) async fn first_token(reader: &mut Reader) -> Result<String, ConnectionEnd> {
    let text = reader.next().await.and_then(text)?;
    let frame: Option<ClientFrame> = parse(text.as_bytes()).ok();
    let token = frame.filter(|frame| frame.r#type == "auth").and_then(|frame| frame.token);
    token.ok_or_else(|| Close::BAD_TOKEN.into())
}

/// The text of a frame; binary ones are not spoken here.
fn text(message: ClientMessage) -> Result<String, ConnectionEnd> {
    match message {
        ClientMessage::Text(text) => Ok(text),
        ClientMessage::Binary(_) => Err(Close::BINARY.into()),
    }
}

/// A frame that was refused, and what its answer repeats.
struct Refused {
    error: Error,
    reference: Option<String>,
    conversation_id: Option<ConversationId>,
}

/// What one connection's frames need.
pub(super) struct FrameDispatcher<'a> {
    chat: &'a Arc<Chat>,
    connection: &'a Arc<Connection>,
    caller: &'a Caller,
    /// Renewed by a fresh token.
    deadline: &'a TokenDeadline,
    /// A place for each send that may be under way; with none left, nothing is read. Most connections never send.
    under_way: OnceLock<Arc<Semaphore>>,
}

impl<'a> FrameDispatcher<'a> {
    pub(super) fn new(
        chat: &'a Arc<Chat>,
        connection: &'a Arc<Connection>,
        caller: &'a Caller,
        deadline: &'a TokenDeadline,
    ) -> Self {
        Self { chat, connection, caller, deadline, under_way: OnceLock::new() }
    }

    /// Reads until the connection ends, once it is [open](Self::open).
    ///
    /// What this does first, and for each frame, is boxed: a connection that says nothing keeps no memory for it.
    pub(super) async fn run(
        &self,
        reader: &mut Reader,
        opening: Pin<Box<impl Future<Output = Result<()>>>>,
    ) -> ConnectionEnd {
        let outbox = &self.connection.outbox;
        outbox.uncork();
        if let Err(error) = opening.await {
            return Close::for_error(&error).into();
        }
        let mut violations = ViolationCounter::none();
        loop {
            let text = match reader.next().await.and_then(text) {
                Ok(text) => text,
                Err(end) => return end,
            };
            let Err(Refused { error, reference, conversation_id }) = Box::pin(self.handle(text)).await else {
                violations.forget();
                continue;
            };
            if matches!(error.code, Code::SessionEnded | Code::TokenExpired | Code::Unauthorized) {
                return Close::for_error(&error).into();
            }
            outbox.push(frames::error(&error, reference.as_deref(), conversation_id));
            if let Some(why) = violations.count(&error) {
                return why.into();
            }
        }
    }

    /// Returns when nothing is under way any more.
    pub(super) async fn all_answered(&self) {
        let Some(under_way) = self.under_way.get() else { return };
        let all = u32::try_from(limits::UNDER_WAY).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = under_way.acquire_many(all).await;
    }

    /// `/ws/{id}` becomes live: after what `hello` named, or after everything behind `after_seq`.
    pub(super) async fn open(&self, head: Option<Seq>, after_seq: Option<Seq>) -> Result<()> {
        let (Scope::One(id), Some(head)) = (self.connection.scope, head) else { return Ok(()) };
        if let Some(after_seq) = after_seq {
            match self.chat.subscriptions.resume(self.connection, id, after_seq).await {
                Err(error) if error.code == Code::Resync => {
                    self.connection.outbox.push(frames::error(&error, None, Some(id)));
                }
                done => return done,
            }
        }
        self.chat.subscriptions.catch_up(self.connection, id, head).await.map(drop)
    }

    async fn handle(&self, text: String) -> Result<(), Refused> {
        let nameless = |error| Refused { error, reference: None, conversation_id: None };
        let mut frame: ClientFrame = parse(text.as_bytes()).map_err(nameless)?;
        let reference = frame.r#ref.take().map(|text| text.chars().take(limits::REF_CHARS).collect::<String>());
        let conversation_id = match self.connection.scope {
            Scope::One(id) => Some(id),
            Scope::All | Scope::Held => frame.conversation_id,
        };
        let refused = |error, reference| Refused { error, reference, conversation_id };
        match frame.r#type.as_str() {
            "message.send" => {
                // A send is matched by its id, where the client gave no `ref`.
                let reference = reference.or_else(|| frame.id.map(|id| id.to_string()));
                self.send(frame, reference.clone()).await.map_err(|error| refused(error, reference))
            }
            "message.edit" | "message.delete" => {
                let reference = reference.or_else(|| frame.message_id.map(|id| id.to_string()));
                self.revise(frame, reference.clone()).await.map_err(|error| refused(error, reference))
            }
            "resume" => self.resume(frame, reference.as_deref()).await.map_err(|error| refused(error, reference)),
            "auth" => self.authenticate(frame).await.map_err(|error| refused(error, reference)),
            "ping" => {
                self.connection.outbox.push(frames::pong(reference.as_deref()));
                Ok(())
            }
            unknown => {
                let error = Error::new(Code::Malformed, format!("There is no frame of the type {unknown:?}."));
                Err(refused(error, reference))
            }
        }
    }

    /// Where a frame belongs: the address says on `/ws/{conversation_id}`, the frame on `/ws`.
    fn conversation(&self, frame: &ClientFrame) -> Result<ConversationId> {
        match (self.connection.scope, frame.conversation_id) {
            (Scope::One(id), None) => Ok(id),
            (Scope::One(id), Some(given)) if given != id => {
                Err(Error::field("conversation_id", "is not the one of this connection"))
            }
            (_, Some(given)) => Ok(given),
            (_, None) => Err(Error::field("conversation_id", "is missing")),
        }
    }

    async fn send(&self, frame: ClientFrame, reference: Option<String>) -> Result<()> {
        let to = self.conversation(&frame)?;
        let content = frame.content.ok_or_else(|| Error::field("content", "is missing"))?;
        let draft = Draft { id: frame.id, content, kind: frame.message_type, reply_to: frame.reply_to };
        let command = draft.check(self.caller, to, "message_type")?;
        self.submit(command, to, reference).await
    }

    async fn revise(&self, frame: ClientFrame, reference: Option<String>) -> Result<()> {
        let to = self.conversation(&frame)?;
        let message_id = frame.message_id.ok_or_else(|| Error::field("message_id", "is missing"))?;
        let content = match frame.r#type.as_str() {
            "message.edit" => Some(frame.content.ok_or_else(|| Error::field("content", "is missing"))?),
            _ => None,
        };
        let command = Write::Apply(revision(self.caller, to, message_id, content)?);
        self.submit(command, to, reference).await
    }

    async fn submit(&self, write: Write, to: ConversationId, reference: Option<String>) -> Result<()> {
        let under_way = self.under_way.get_or_init(|| Arc::new(Semaphore::new(limits::UNDER_WAY)));
        let place = Arc::clone(under_way).acquire_owned().await.map_err(Error::internal)?;
        // What was read but not begun when the connection was closed is not begun any more: its session may have ended.
        if self.connection.outbox.is_closing() {
            return Ok(());
        }
        let connection = Arc::clone(self.connection);
        let change = change_of(&write);
        let reply = move |outcome: Result<Outcome>| {
            let hears = connection.hears(to);
            match outcome {
                // Once it has left, what was delivered before this may have missed it: a hole that it would never ask about.
                Ok(_) if hears.is_none() => {}
                // Its event, which every listener gets, is the acknowledgement.
                Ok(Outcome::Committed(_)) if hears == Some(true) => {}
                Ok(Outcome::Committed(event)) => connection.outbox.push(frames::event(&event)),
                Ok(Outcome::Duplicate(message)) => {
                    let kind = change.unwrap_or_else(|| Event::kind_of(Some(&message)));
                    connection.outbox.push(frames::duplicate(&kind, &message));
                }
                Ok(Outcome::NoChange) => {}
                Err(error) => connection.outbox.push(frames::error(&error, reference.as_deref(), Some(to))),
            }
            drop(place);
        };
        self.chat.submit(write, Box::new(reply)).await
    }

    async fn resume(&self, frame: ClientFrame, reference: Option<&str>) -> Result<()> {
        let wanted = frame.conversations.ok_or_else(|| Error::field("conversations", "is missing"))?;
        if wanted.len() > limits::RESUME_CONVERSATIONS {
            let detail = format!("takes at most {} conversations", limits::RESUME_CONVERSATIONS);
            return Err(Error::field("conversations", detail));
        }
        if wanted.values().any(|seq| *seq < 0) {
            return Err(Error::field("conversations", "takes whole numbers from 0"));
        }
        if let Scope::One(own) = self.connection.scope
            && wanted.keys().any(|id| *id != own)
        {
            let detail = "names another conversation than the one of this connection";
            return Err(Error::field("conversations", detail));
        }
        self.chat.subscriptions.resume_all(self.connection, wanted, reference).await;
        Ok(())
    }

    /// A fresh token of the same user and session lets the connection live on.
    async fn authenticate(&self, frame: ClientFrame) -> Result<()> {
        let token = frame.token.ok_or_else(|| Error::field("token", "is missing"))?;
        let fresh = self.chat.auth.authenticate(&token).await?;
        if fresh.user_id != self.caller.user_id || fresh.session_id != self.caller.session_id {
            return Err(Error::forbidden("This token belongs to another session."));
        }
        self.deadline.renew(fresh.expires_at);
        Ok(())
    }
}

/// The kind of the event that a change of a message causes.
fn change_of(write: &Write) -> Option<EventKind> {
    match write {
        Write::Apply(command) => match command.action {
            Action::EditMessage { .. } => Some(EventKind::MessageUpdated),
            Action::DeleteMessage { .. } => Some(EventKind::MessageDeleted),
            _ => None,
        },
        Write::Send(_) => None,
    }
}
