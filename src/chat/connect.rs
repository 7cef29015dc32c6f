//! Connecting: starts the connection of a WebSocket client.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::Chat;
use crate::domain::session::Caller;
use crate::domain::user::{ConnectSnapshot, ConversationSnapshot, User};
use crate::domain::{Error, Seq};
use crate::limits;
use crate::registry::{Connection, Registration, Scope, SendQueue};
use crate::sync::{ConversationPages, Departure, small_conversation_probe};
use crate::wire::close::Close;
use crate::wire::frames;

/// The reason why a connection is refused.
#[derive(Debug)]
pub enum ConnectError {
    /// The connection is closed with this close code.
    Close(Close),
    /// An operation failed.
    Error(Error),
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A started connection. Dropping it removes its registration and its subscriptions.
#[expect(missing_docs, reason = "the names of the fields say it")]
pub struct LiveConnection {
    chat: Arc<Chat>,
    pub connection: Arc<Connection>,
    registration: Option<Registration>,
    /// False while the connection can still be refused: a refused connection does not change its user's presence.
    is_established: bool,
    /// The newest number in `hello`, if the connection is on one conversation.
    pub head: Option<Seq>,
    /// The way in which the user leaves the connection when it ends.
    pub departure: Departure,
}

impl LiveConnection {
    /// Sends the state of the user's co-members, on a connection on all conversations. Finding them reads as many rows as the user has
    /// members in small groups. So it comes after `hello`, when the connection counts no more among those that are set up.
    pub async fn send_co_members(&self) -> Result<(), Error> {
        let (chat, connection) = (&self.chat, &self.connection);
        if let Scope::One(_) = connection.scope {
            return Ok(());
        }
        chat.presence.settled().await;
        let _permit = chat.store_permits.acquire_own(connection.user_id).await?;
        let co_members = chat.store.co_members(connection.user_id, limits::PRESENCE_CO_MEMBERS_MAX).await?;
        chat.presence.enqueue_co_members(connection, &co_members, chat.store.as_ref()).await
    }

    /// Sends a heartbeat with the numbers that are new since the last one.
    pub fn send_heartbeat(&self) {
        let heads = self.chat.registry.unannounced_heads(&self.connection, limits::HEARTBEAT_HEADS_MAX);
        self.connection.send_queue.push(frames::heartbeat(heads, self.connection.membership_version()));
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        drop(self.registration.take());
        if self.is_established {
            self.chat.presence.connection_ended(&self.connection, self.departure);
        }
    }
}

/// A connection that is not live yet, because it does not subscribe to all of its conversations. Dropping it removes what it has.
pub struct PendingConnection {
    live: LiveConnection,
    user: User,
    /// The user's membership version from before the subscriptions.
    version: i64,
    /// The conversations that are to be subscribed to. `None` if the connection is on one conversation.
    pages: Option<ConversationPages>,
}

impl Chat {
    /// Starts a connection for `caller`, whose token was checked. Checks that the session is live. The caller then calls
    /// [`PendingConnection::proceed`] until the connection is live.
    pub async fn connect(
        self: &Arc<Self>,
        caller: &Caller,
        scope: Scope,
        send_queue: Arc<SendQueue>,
    ) -> Result<PendingConnection, ConnectError> {
        let connection = Connection::new(caller, scope, send_queue);
        let registration = self.registry.register(&connection, self.settings.unlimited);
        let registration = registration.ok_or(ConnectError::Close(Close::TOO_MANY_CONNECTIONS))?;
        let mut live = LiveConnection {
            chat: Arc::clone(self),
            connection,
            registration: Some(registration),
            is_established: false,
            head: None,
            departure: Departure::Lost,
        };
        let connection = &live.connection;
        let conversation_id = if let Scope::One(id) = scope { Some(id) } else { None };
        if let Some(id) = conversation_id {
            // The connection subscribes before its membership is checked, so that a removal from now on ends the subscription. Frames for a
            // paused subscription wait in the queue, and are dropped if the connection is refused.
            self.registry.subscribe(connection, id);
        }
        let _permit = self.store_permits.acquire_own(caller.user_id).await?;
        // If the session ends from now on, the connection is found in the registry. If it ended before, this check finds it.
        let epoch = self.auth.cached(caller.session_id);
        let snapshot = self.store.connect_snapshot(caller, conversation_id, small_conversation_probe()).await?;
        let ConnectSnapshot {
            user,
            membership_version: version,
            blocks_version,
            sends_receipts,
            session,
            conversation,
        } = snapshot.ok_or_else(|| Error::not_found("user"))?;
        connection.init_sends_receipts(sends_receipts);
        connection.set_blocks_version(blocks_version);
        if let Err(epoch) = epoch {
            self.auth.check_loaded(caller, session, epoch)?;
        }
        let mut pages = None;
        match scope {
            Scope::One(id) => {
                let ConversationSnapshot { head, members } =
                    conversation.ok_or_else(|| Error::not_found("conversation"))?;
                live.head = Some(head);
                self.presence.enqueue_members(connection, id, &members, self.store.as_ref()).await?;
            }
            Scope::All | Scope::Held => pages = Some(ConversationPages::of(caller.user_id)),
        }
        Ok(PendingConnection { live, user, version, pages })
    }
}

impl PendingConnection {
    /// Subscribes to the next conversations of the user, and makes the connection live after the last ones. `hello` is the first frame that it
    /// sends when its queue is uncorked. A connection on all conversations receives events from then on, and its presence by a call of
    /// [`LiveConnection::send_co_members`]. A connection on one conversation receives them after a call of [`Subscriptions::catch_up`](crate::sync::Subscriptions::catch_up),
    /// and frames that may be lost before it.
    pub async fn proceed(mut self, heartbeat_ms: u64) -> Result<ControlFlow<LiveConnection, Self>, ConnectError> {
        if let Some(pages) = &mut self.pages {
            let (chat, connection) = (&self.live.chat, &self.live.connection);
            let permit = chat.store_permits.acquire_own(connection.user_id).await?;
            let has_more = chat.subscriptions.subscribe_next(connection, pages).await?;
            drop(permit);
            if has_more {
                return Ok(ControlFlow::Continue(self));
            }
        }
        if let Some(close) = self.live.connection.send_queue.closing() {
            return Err(ConnectError::Close(close));
        }
        Ok(ControlFlow::Break(self.establish(heartbeat_ms)))
    }

    fn establish(self, heartbeat_ms: u64) -> LiveConnection {
        let Self { mut live, user, version, .. } = self;
        let connection = &live.connection;
        // From here on the reconciler compares the connection's subscriptions with the store.
        if connection.set_membership_version(version) {
            live.chat.repair_queue.request_user(user.id);
        }
        let head = match connection.scope {
            Scope::One(id) => live.head.map(|head| (id, head)),
            Scope::All | Scope::Held => None,
        };
        connection.send_queue.push_front(frames::hello(connection.id, &user, heartbeat_ms, version, head));
        live.is_established = true;
        live.chat.presence.connection_began(user.id);
        live
    }
}
