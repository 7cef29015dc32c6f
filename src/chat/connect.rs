//! Connecting: the beginning of a live connection.

use std::sync::Arc;

use super::Chat;
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot};
use crate::domain::{Error, Seq};
use crate::limits;
use crate::registry::{Connection, Registration, Scope, SendQueue};
use crate::sync::beyond_small;
use crate::wire::close::Close;
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

/// A connection that has begun; dropping it leaves everything.
pub struct Live {
    chat: Arc<Chat>,
    /// The connection.
    pub connection: Arc<Connection>,
    registration: Option<Registration>,
    /// Nobody hears of a connection that was refused.
    has_begun: bool,
    /// The newest number that `hello` named, on one conversation.
    pub head: Option<Seq>,
}

impl Live {
    /// Tells the connection what is new since the last time.
    pub fn tell_news(&self) {
        let news = self.chat.registry.unannounced_heads(&self.connection, limits::HEARTBEAT_HEADS_MAX);
        self.connection.send_queue.push(frames::heartbeat(news, self.connection.membership_version()));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.registration.take());
        if self.has_begun {
            self.chat.presence.connections_changed(self.connection.user_id);
        }
    }
}

impl Chat {
    /// Begins a connection of somebody whose token was read, but whose session may have ended. It says `hello` first once it is uncorked. On all conversations it hears what happens from
    /// then on; on one, once [`Subscriptions::catch_up`] was called for it.
    pub async fn connect(
        self: &Arc<Self>,
        caller: &Caller,
        scope: Scope,
        send_queue: Arc<SendQueue>,
        heartbeat_ms: u64,
    ) -> Result<Live, Refusal> {
        let connection = Connection::new(caller, scope, send_queue);
        let registration = self.registry.register(&connection, self.settings.unlimited);
        let registration = registration.ok_or(Refusal::Close(Close::TOO_MANY_CONNECTIONS))?;
        let mut live =
            Live { chat: Arc::clone(self), connection, registration: Some(registration), has_begun: false, head: None };
        let connection = &live.connection;
        let to = if let Scope::One(id) = scope { Some(id) } else { None };
        if let Some(id) = to {
            // Before the question whether they may: whoever is removed from now on loses the seat. What is said to a silent one
            // waits, and is dropped if the answer is no.
            self.registry.subscribe(connection, id);
        }
        // Whoever ends the session from now on finds the connection; whoever did before is seen here.
        let epoch = self.auth.cached(caller.session_id);
        let arrival = self.store.connect_snapshot(caller, to, beyond_small()).await?;
        let ConnectSnapshot { user, membership_version: version, session, conversation } =
            arrival.ok_or_else(|| Error::not_found("user"))?;
        if let Err(epoch) = epoch {
            self.auth.check_loaded(caller, session, epoch)?;
        }
        match scope {
            Scope::One(id) => {
                let ConversationSnapshot { head, members } =
                    conversation.ok_or_else(|| Error::not_found("conversation"))?;
                live.head = Some(head);
                self.presence.put_state_of(connection, id, &members);
            }
            Scope::All | Scope::Held => {
                self.subscriptions.subscribe_all(connection).await?;
                let contacts = self.store.contacts(caller.user_id, limits::PRESENCE_CONTACTS_MAX).await?;
                self.presence.put_state(connection, &contacts);
            }
        }
        // From here on the rounds compare it, with what it was told and has.
        connection.set_membership_version(version);
        let head = match scope {
            Scope::One(id) => live.head.map(|head| (id, head)),
            Scope::All | Scope::Held => None,
        };
        connection.send_queue.push_front(frames::hello(connection.id, &user, heartbeat_ms, version, head));
        live.has_begun = true;
        self.presence.connections_changed(caller.user_id);
        Ok(live)
    }
}
