//! Live connections: beginning one, and catching up.
//!
//! Catching up and live are one mechanism: a connection reads pages from the store until it has all that this node has
//! delivered, and goes live at that number under the lock that delivery takes (see [`crate::registry`]). No buffer to
//! bound, nothing twice, nothing missing.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Chat, no_conversation};
use crate::domain::session::Caller;
use crate::domain::user::Status;
use crate::domain::{Code, ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::registry::{Close, Connection, Outbox, Registration, Scope};
use crate::store::Range;
use crate::wire::frames;

/// Why a connection does not begin.
#[derive(Debug)]
pub enum Refusal {
    /// It closes with this code.
    Close(Close),
    /// Something failed.
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

const TOO_MANY_CONNECTIONS: Close = Close { code: 4505, reason: "too many connections" };

/// A connection that has begun; dropping it leaves everything.
pub struct Live {
    chat: Arc<Chat>,
    /// The connection.
    pub connection: Arc<Connection>,
    registration: Option<Registration>,
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.registration.take());
        self.chat.presence.stir(self.connection.user_id);
    }
}

impl Chat {
    /// Begins a connection: it says `hello`, and hears what happens from then on, or (`/ws/{id}?after_seq=`) from
    /// `after_seq` on, once [`Chat::catch_up`] was called for it.
    pub async fn begin(
        self: &Arc<Self>,
        caller: &Caller,
        scope: Scope,
        outbox: Arc<Outbox>,
        heartbeat_ms: u64,
    ) -> Result<Live, Refusal> {
        let user = self.me(caller).await?;
        let version = self.store.membership_version(caller.user_id).await?;
        let connection = Connection::new(caller, scope, outbox);
        let registration = self.registry.register(&connection, self.settings.unlimited);
        let registration = registration.ok_or(Refusal::Close(TOO_MANY_CONNECTIONS))?;
        let live = Live { chat: Arc::clone(self), connection, registration: Some(registration) };
        let connection = &live.connection;
        // Whoever ends the session from now on finds the connection; whoever did before is seen here.
        if self.verify(caller).await.is_err() {
            return Err(Refusal::Close(Close::SESSION_ENDED));
        }
        let hello = |head| frames::hello(connection.id, &user, heartbeat_ms, version, head);
        match scope {
            Scope::One(id) => {
                // Seated before its membership is read: a removal that comes later finds the seat.
                self.registry.sit(connection, id);
                let member = self.store.member(id, caller.user_id).await?;
                let head = self.store.head(id).await?.filter(|_| member.is_some());
                let head = head.ok_or(Refusal::Close(Close::NOT_A_MEMBER))?;
                connection.outbox.put(hello(Some((id, head))));
                self.tell_presence_of(connection, id).await?;
            }
            Scope::All | Scope::Held => {
                connection.outbox.put(hello(None));
                self.take_seats(connection, version).await?;
                let contacts = self.store.contacts(caller.user_id, limits::CONTACTS).await?;
                connection.outbox.put(frames::presence_state(None, &self.online(contacts), None));
            }
        }
        self.presence.stir(caller.user_id);
        Ok(live)
    }

    /// Seats a connection in all of its user's conversations. A removal between the listing and the seat would not find the
    /// seat; but it raises the membership version, and then the listing is made again.
    async fn take_seats(&self, connection: &Arc<Connection>, mut version: i64) -> Result<()> {
        loop {
            let heads = self.store.heads(connection.user_id, limits::CONVERSATIONS_HEARD).await?;
            for &(id, head) in &heads {
                self.registry.sit(connection, id);
                if connection.scope == Scope::All {
                    self.registry.go_live_now(connection, id, head);
                }
            }
            let listed: HashSet<ConversationId> = heads.into_iter().map(|(id, _)| id).collect();
            for id in connection.seated().into_iter().filter(|id| !listed.contains(id)) {
                self.registry.leave(connection, id);
            }
            match self.store.membership_version(connection.user_id).await? {
                newer if newer != version => version = newer,
                _ => return Ok(()),
            }
        }
    }

    /// Sends everything after `after_seq` (or, without one, after the newest number) up to where live begins, and makes
    /// the connection live there. Returns the number up to which all has been sent. `resync` if the number does not exist
    /// yet, `not_found` if the user is not in the conversation.
    pub async fn catch_up(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        after_seq: Option<Seq>,
    ) -> Result<Seq> {
        self.registry.sit(connection, conversation_id);
        let member = self.store.member(conversation_id, connection.user_id).await?;
        let Some(head) = self.store.head(conversation_id).await?.filter(|_| member.is_some()) else {
            self.registry.leave(connection, conversation_id);
            return Err(no_conversation());
        };
        let mut cursor = after_seq.unwrap_or(head);
        if cursor > head {
            return Err(Error::new(Code::Resync, format!("The newest number is {head}: start over from history.")));
        }
        if let Some(began) = connection.live_from(conversation_id) {
            return self.send_up_to(connection, conversation_id, cursor, began.max(cursor)).await;
        }
        let mut target = head;
        loop {
            cursor = self.send_up_to(connection, conversation_id, cursor, target).await?;
            match self.registry.go_live(connection, conversation_id, cursor) {
                Ok(()) => return Ok(cursor),
                Err(watermark) => target = watermark,
            }
        }
    }

    /// Sends pages of events after `cursor` until `target` is reached; returns up to where.
    async fn send_up_to(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        mut cursor: Seq,
        target: Seq,
    ) -> Result<Seq> {
        while cursor < target && !connection.outbox.is_closing() {
            connection.outbox.eased().await;
            let limit = usize::try_from(target - cursor).unwrap_or(usize::MAX).min(limits::CATCH_UP_PAGE);
            let page = self.store.messages(conversation_id, Range::After(cursor), limit).await?;
            let Some(newest) = page.last().map(|message| message.seq) else { return Ok(target) };
            let mut bytes = Vec::new();
            for message in &page {
                let subject = self.subject(message).await?;
                frames::put_event(&mut bytes, message, &subject);
            }
            connection.outbox.push(bytes.into());
            cursor = newest;
        }
        Ok(cursor)
    }

    /// Answers a `resume` of one conversation.
    pub async fn resume(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        after_seq: Option<Seq>,
        reference: Option<&str>,
    ) -> Result<()> {
        let reached = self.catch_up(connection, conversation_id, after_seq).await?;
        let count = usize::try_from(limits::INTIMATE_MEMBERS).unwrap_or(0);
        let mut members = self.store.members(conversation_id, None, count + 1).await?;
        if members.len() > count {
            members.clear();
        }
        let receipts: Vec<_> = members.iter().map(|m| (m.user.id, m.delivered_seq, m.read_seq)).collect();
        connection.outbox.push(frames::resumed(conversation_id, reached, &receipts, reference));
        Ok(())
    }

    async fn tell_presence_of(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> Result<()> {
        let count = usize::try_from(limits::INTIMATE_MEMBERS).unwrap_or(0);
        let members = self.store.members(conversation_id, None, count + 1).await?;
        let frame = if members.len() > count {
            let seats = self.registry.seats(conversation_id);
            let here: HashSet<UserId> = seats.iter().map(|seat| seat.connection.user_id).collect();
            frames::presence_state(Some(conversation_id), &[], Some(here.len()))
        } else {
            let others = members.into_iter().map(|member| member.user.id).filter(|id| *id != connection.user_id);
            frames::presence_state(Some(conversation_id), &self.online(others), None)
        };
        connection.outbox.put(frame);
        Ok(())
    }

    fn online(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        users.into_iter().filter(|id| self.status(*id) == Status::Online).collect()
    }
}
