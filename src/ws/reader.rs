//! The reading loop: frames in, verbs called, refusals told.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::close::{self, End};
use super::heartbeat::Pulse;
use super::socket::Half;
use crate::chat::{Chat, Draft, Live, revision};
use crate::domain::command::{Command, Outcome};
use crate::domain::event::Happening;
use crate::domain::session::Caller;
use crate::domain::{Code, ConversationId, Error, Result, Seq, Timestamp};
use crate::http::site::Site;
use crate::limits;
use crate::registry::{Connection, Scope};
use crate::wire::frames::{self, ClientFrame};
use crate::wire::parse;

/// Reads a connection's frames.
pub(super) struct Reader {
    stream: WebSocketStream<Half>,
    /// A place for each send that may be under way; with none left, nothing is read.
    under_way: Arc<Semaphore>,
}

impl Reader {
    pub(super) fn new(stream: WebSocketStream<Half>) -> Self {
        Self { stream, under_way: Arc::new(Semaphore::new(limits::UNDER_WAY)) }
    }

    /// The places of sends under way.
    pub(super) fn under_way(&self) -> Arc<Semaphore> {
        Arc::clone(&self.under_way)
    }

    /// The token of the first frame, which must be `auth`.
    pub(super) async fn first_token(&mut self) -> Result<String, End> {
        let text = self.text(None).await?;
        let frame: Option<ClientFrame> = parse(text.as_bytes()).ok();
        let token = frame.filter(|frame| frame.r#type == "auth").and_then(|frame| frame.token);
        token.ok_or_else(|| close::BAD_TOKEN.into())
    }

    /// The next text frame. Pings are answered by the library, through the outbox.
    async fn text(&mut self, pulse: Option<&Pulse>) -> Result<String, End> {
        loop {
            let message = self.stream.next().await.ok_or(End::Broken)?.map_err(|error| close::of_broken(&error))?;
            pulse.inspect(|pulse| pulse.beat());
            match message {
                // A copy, because the payload is a slice of the read buffer and would keep all of it.
                WsMessage::Text(text) => return Ok(text.as_str().to_owned()),
                WsMessage::Binary(_) => return Err(close::BINARY.into()),
                WsMessage::Close(_) => return Err(End::Closed),
                WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => {}
            }
        }
    }

    /// Lets the library put its answer to the peer's close into the outbox.
    pub(super) async fn answer_close(&mut self) {
        // It says that the connection is closed, which is what is wanted.
        let _ = self.stream.flush().await;
    }

    /// Reads until the connection ends.
    pub(super) async fn run(
        &mut self,
        site: &Site,
        live: &Live,
        caller: Caller,
        after_seq: Option<Seq>,
        pulse: &Pulse,
        renew: watch::Sender<Timestamp>,
    ) -> End {
        let visit = Visit { chat: &site.chat, connection: &live.connection, caller, renew };
        live.connection.outbox.uncork();
        pulse.set_busy(true);
        if let Err(error) = visit.open(live.head, after_seq).await {
            return close::of_refused(&error).into();
        }
        let mut refused_in_a_row = 0;
        loop {
            pulse.set_busy(false);
            let text = match self.text(Some(pulse)).await {
                Ok(text) => text,
                Err(end) => return end,
            };
            pulse.set_busy(true);
            match visit.handle(&text, &self.under_way).await {
                Ok(()) => refused_in_a_row = 0,
                Err(Refused { error, reference, conversation_id }) => {
                    if matches!(error.code, Code::SessionEnded | Code::TokenExpired | Code::Unauthorized) {
                        return close::of_refused(&error).into();
                    }
                    live.connection.outbox.push(frames::error(&error, reference.as_deref(), conversation_id));
                    refused_in_a_row += 1;
                    if refused_in_a_row >= limits::BAD_FRAMES {
                        return close::BAD_FRAMES.into();
                    }
                }
            }
        }
    }
}

/// A frame that was refused, and what its answer repeats.
struct Refused {
    error: Error,
    reference: Option<String>,
    conversation_id: Option<ConversationId>,
}

/// What one connection's frames need.
struct Visit<'a> {
    chat: &'a Arc<Chat>,
    connection: &'a Arc<Connection>,
    caller: Caller,
    renew: watch::Sender<Timestamp>,
}

impl Visit<'_> {
    /// `/ws/{id}` becomes live: after what `hello` named, or after everything behind `after_seq`.
    async fn open(&self, head: Option<Seq>, after_seq: Option<Seq>) -> Result<()> {
        let (Scope::One(id), Some(head)) = (self.connection.scope, head) else { return Ok(()) };
        if let Some(after_seq) = after_seq {
            match self.chat.resume(self.connection, id, after_seq, None).await {
                Err(error) if error.code == Code::Resync => {
                    self.connection.outbox.push(frames::error(&error, None, Some(id)));
                }
                done => return done,
            }
        }
        self.chat.catch_up(self.connection, id, head).await.map(drop)
    }

    async fn handle(&self, text: &str, under_way: &Arc<Semaphore>) -> Result<(), Refused> {
        let nameless = |error| Refused { error, reference: None, conversation_id: None };
        let mut frame: ClientFrame = parse(text.as_bytes()).map_err(nameless)?;
        let reference = frame.r#ref.take().map(|text| text.chars().take(limits::REF_CHARS).collect::<String>());
        let conversation_id = frame.conversation_id;
        let refused = |error, reference| Refused { error, reference, conversation_id };
        match frame.r#type.as_str() {
            "message.send" => {
                // A send is matched by its id, where the client gave no `ref`.
                let reference = reference.or_else(|| frame.id.map(|id| id.to_string()));
                self.send(frame, reference.clone(), under_way).await.map_err(|error| refused(error, reference))
            }
            "message.edit" | "message.delete" => {
                let reference = reference.or_else(|| frame.message_id.map(|id| id.to_string()));
                self.revise(frame, reference.clone(), under_way).await.map_err(|error| refused(error, reference))
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

    async fn send(&self, frame: ClientFrame, reference: Option<String>, under_way: &Arc<Semaphore>) -> Result<()> {
        let to = self.conversation(&frame)?;
        let content = frame.content.ok_or_else(|| Error::field("content", "is missing"))?;
        let draft = Draft { id: frame.id, content, kind: frame.message_type, reply_to: frame.reply_to };
        let command = draft.check(&self.caller, to, "message_type")?;
        self.submit(command, to, reference, under_way).await
    }

    async fn revise(&self, frame: ClientFrame, reference: Option<String>, under_way: &Arc<Semaphore>) -> Result<()> {
        let to = self.conversation(&frame)?;
        let message_id = frame.message_id.ok_or_else(|| Error::field("message_id", "is missing"))?;
        let content = match frame.r#type.as_str() {
            "message.edit" => Some(frame.content.ok_or_else(|| Error::field("content", "is missing"))?),
            _ => None,
        };
        let command = Command::Revise(revision(&self.caller, to, message_id, content)?);
        self.submit(command, to, reference, under_way).await
    }

    async fn submit(
        &self,
        command: Command,
        to: ConversationId,
        reference: Option<String>,
        under_way: &Arc<Semaphore>,
    ) -> Result<()> {
        let place = Arc::clone(under_way).acquire_owned().await.map_err(Error::internal)?;
        let connection = Arc::clone(self.connection);
        let wanted = happening_of(&command);
        let reply = move |outcome: Result<Outcome>| {
            match outcome {
                // Its event, which every listener gets, is the acknowledgement.
                Ok(Outcome::Fresh(_)) if connection.live_from(to).is_some() => {}
                Ok(Outcome::Fresh(event)) => connection.outbox.push(frames::event(&event)),
                Ok(Outcome::Repeated(message)) => {
                    connection.outbox.push(frames::repeated(wanted, &message));
                }
                Ok(Outcome::Unchanged) => {}
                Err(error) => connection.outbox.push(frames::error(&error, reference.as_deref(), Some(to))),
            }
            drop(place);
        };
        self.chat.submit(command, Box::new(reply)).await;
        Ok(())
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
        let mut unavailable = None;
        for (id, after_seq) in wanted {
            if matches!(self.connection.scope, Scope::One(own) if own != id) {
                return Err(Error::field(
                    "conversations",
                    "names another conversation than the one of this connection",
                ));
            }
            // A store that did not answer for one is not asked for the others: nobody waits for 500 time-outs.
            let resumed = match unavailable.take() {
                Some(error) => Err(error),
                None => self.chat.resume(self.connection, id, after_seq, reference).await,
            };
            if let Err(error) = resumed {
                self.connection.outbox.push(frames::error(&error, reference, Some(id)));
                unavailable = Some(error).filter(|error| error.code == Code::Unavailable);
            }
        }
        Ok(())
    }

    /// A fresh token of the same user and session lets the connection live on.
    async fn authenticate(&self, frame: ClientFrame) -> Result<()> {
        let token = frame.token.ok_or_else(|| Error::field("token", "is missing"))?;
        let fresh = self.chat.authenticate(&token).await?;
        if fresh.user_id != self.caller.user_id || fresh.session_id != self.caller.session_id {
            return Err(Error::forbidden("This token belongs to another session."));
        }
        // The loop that listens ends with this one.
        let _ = self.renew.send(fresh.expires_at);
        Ok(())
    }
}

/// What a command of a client makes happen.
fn happening_of(command: &Command) -> Happening {
    match command {
        Command::Revise(revision) if revision.content.is_some() => Happening::Updated,
        Command::Revise(_) => Happening::Deleted,
        Command::Send(_) | Command::Change(_) => Happening::Created,
    }
}
