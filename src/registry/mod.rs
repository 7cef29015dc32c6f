//! The registry: the connections of this node, by conversation, by user and by session.
//!
//! A connection that hears a conversation has a *seat* in its *room*. A seat is silent until it goes live at a number;
//! from then on it gets every event after that number, once and in order. The room's *watermark* is the number up to which
//! this node has delivered; going live compares it with what the connection has, under the lock that delivery takes, so
//! that nothing falls between catching up and live.
//!
//! Invariants: no lock is held over an await or while bytes are pushed; a connection's lock is taken before a room's; a
//! connection leaves by `Drop`.

mod connection;
mod outbox;
mod run;
mod sharded;

use std::sync::Arc;

use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::limits;
pub use connection::{Connection, Scope};
pub use outbox::{Close, Outbox, Put, Sink, Stir};
pub use run::Run;
use sharded::Sharded;

/// Who hears a conversation on this node.
#[derive(Default)]
struct Room {
    /// The number up to which this node has delivered, once it has delivered or somebody went live.
    watermark: Option<Seq>,
    /// Shared with the deliveries under way, and copied only if one is while it changes.
    seats: Arc<Vec<Seat>>,
}

/// A connection in a room.
#[derive(Clone)]
pub struct Seat {
    /// Events after this number are for it.
    from: Seq,
    /// The connection.
    pub connection: Arc<Connection>,
}

/// A seat that is not live: no event comes after this number.
const SILENT: Seq = Seq::MAX;

/// The connections of this node.
pub struct Registry {
    rooms: Sharded<ConversationId, Room>,
    users: Sharded<UserId, Vec<Arc<Connection>>>,
    sessions: Sharded<SessionId, Vec<Arc<Connection>>>,
}

/// Keeps a connection registered; dropping it leaves everything.
pub struct Registration {
    registry: Arc<Registry>,
    connection: Arc<Connection>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let connection = &self.connection;
        let seats = connection.seats().take().unwrap_or_default();
        for conversation_id in seats.into_keys() {
            self.registry.vacate(connection, conversation_id);
        }
        remove(&self.registry.users, connection.user_id, connection);
        remove(&self.registry.sessions, connection.session_id, connection);
    }
}

fn remove<K: std::hash::Hash + Eq>(map: &Sharded<K, Vec<Arc<Connection>>>, key: K, connection: &Arc<Connection>) {
    map.with(&key, |shard| {
        if let Some(connections) = shard.get_mut(&key) {
            connections.retain(|other| !Arc::ptr_eq(other, connection));
            if connections.is_empty() {
                shard.remove(&key);
            }
        }
    });
}

impl Default for Registry {
    fn default() -> Self {
        Self { rooms: Sharded::new(), users: Sharded::new(), sessions: Sharded::new() }
    }
}

impl Registry {
    /// Registers a connection until the returned value is dropped; `None` if its user has too many (unless `unlimited`).
    pub fn register(self: &Arc<Self>, connection: &Arc<Connection>, unlimited: bool) -> Option<Registration> {
        let admitted = self.users.with(&connection.user_id, |shard| {
            let connections = shard.entry(connection.user_id).or_default();
            let admitted = unlimited || connections.len() < limits::CONNECTIONS_PER_USER;
            if admitted {
                connections.push(Arc::clone(connection));
            }
            admitted
        });
        admitted.then(|| {
            self.sessions.with(&connection.session_id, |shard| {
                shard.entry(connection.session_id).or_default().push(Arc::clone(connection));
            });
            Registration { registry: Arc::clone(self), connection: Arc::clone(connection) }
        })
    }

    /// Gives a connection a silent seat. Says whether it is new: it may have one already, or have left.
    pub fn sit(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut seats = connection.seats();
        let Some(seats) = seats.as_mut() else { return false };
        if seats.contains_key(&conversation_id) {
            return false;
        }
        seats.insert(conversation_id, None);
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            Arc::make_mut(&mut room.seats).push(Seat { from: SILENT, connection: Arc::clone(connection) });
        });
        true
    }

    /// Makes a seat live for the events after `cursor`, if this node has delivered none of them yet; otherwise says up to
    /// where it has, which is to be read from the store first. Without a seat there is nothing to do.
    pub fn go_live(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        cursor: Seq,
    ) -> Result<(), Seq> {
        let mut seats = connection.seats();
        let Some(began) = seats.as_mut().and_then(|seats| seats.get_mut(&conversation_id)) else { return Ok(()) };
        if began.is_some() {
            return Ok(());
        }
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            match room.watermark {
                Some(watermark) if watermark > cursor => return Err(watermark),
                Some(_) => {}
                None => room.watermark = Some(cursor),
            }
            let seats: &mut Vec<Seat> = Arc::make_mut(&mut room.seats);
            if let Some(seat) = seats.iter_mut().find(|seat| Arc::ptr_eq(&seat.connection, connection)) {
                seat.from = cursor;
            }
            *began = Some(cursor);
            Ok(())
        })
    }

    /// Makes a seat live from now on: after `head`, which the store had a moment ago, or what was delivered since.
    pub fn go_live_now(&self, connection: &Arc<Connection>, conversation_id: ConversationId, head: Seq) {
        if let Err(watermark) = self.go_live(connection, conversation_id, head) {
            // Only a delivery between the two calls could make this fail too, and then the next one succeeds.
            let mut cursor = watermark;
            while let Err(newer) = self.go_live(connection, conversation_id, cursor) {
                cursor = newer;
            }
        }
    }

    /// Takes a connection's seat away.
    pub fn leave(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut seats = connection.seats();
        if seats.as_mut().and_then(|seats| seats.remove(&conversation_id)).is_some() {
            self.vacate(connection, conversation_id);
        }
    }

    /// Takes a connection's seat away, unless it has become live.
    pub fn leave_if_silent(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut seats = connection.seats();
        let Some(seats) = seats.as_mut() else { return };
        if seats.get(&conversation_id) == Some(&None) {
            seats.remove(&conversation_id);
            self.vacate(connection, conversation_id);
        }
    }

    fn vacate(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return };
            let seats: &mut Vec<Seat> = Arc::make_mut(&mut room.seats);
            if let Some(index) = seats.iter().position(|seat| Arc::ptr_eq(&seat.connection, connection)) {
                seats.swap_remove(index);
            }
            if seats.is_empty() {
                shard.remove(&conversation_id);
            }
        });
    }

    /// Delivers runs: each recipient gets all that is theirs, once, in one write. Calls for one conversation must not overlap.
    pub fn deliver(&self, runs: &[Run]) {
        let mut due = Vec::new();
        for run in runs {
            let Some((seats, delivered)) = self.advance(run) else { continue };
            for seat in seats.iter() {
                let Some(frames) = run.after(seat.from.max(delivered)) else { continue };
                if let [_] = runs {
                    seat.connection.outbox.push(frames);
                } else if seat.connection.outbox.put(frames) == Put::First {
                    due.push(Arc::clone(&seat.connection));
                }
            }
        }
        for connection in due {
            connection.outbox.flush();
        }
    }

    /// Raises the watermark; returns who is there at that moment, and the watermark before, up to which all who are live
    /// have everything.
    fn advance(&self, run: &Run) -> Option<(Arc<Vec<Seat>>, Seq)> {
        self.rooms.with(&run.conversation_id, |shard| {
            let room = shard.get_mut(&run.conversation_id)?;
            let delivered = room.watermark.unwrap_or(0);
            room.watermark = Some(delivered.max(run.last_seq()));
            Some((Arc::clone(&room.seats), delivered))
        })
    }

    /// The number up to which this node has delivered a conversation, if anybody here listens to it.
    pub fn watermark(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.rooms.with(&conversation_id, |shard| shard.get(&conversation_id)?.watermark)
    }

    /// Who has a seat in a conversation.
    pub fn seats(&self, conversation_id: ConversationId) -> Arc<Vec<Seat>> {
        self.rooms.with(&conversation_id, |shard| {
            shard.get(&conversation_id).map(|room| Arc::clone(&room.seats)).unwrap_or_default()
        })
    }

    /// A user's connections.
    pub fn of_user(&self, user_id: UserId) -> Vec<Arc<Connection>> {
        self.users.with(&user_id, |shard| shard.get(&user_id).cloned().unwrap_or_default())
    }

    /// A session's connections.
    pub fn of_session(&self, session_id: SessionId) -> Vec<Arc<Connection>> {
        self.sessions.with(&session_id, |shard| shard.get(&session_id).cloned().unwrap_or_default())
    }

    /// Every connection.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.users.collect(Vec::clone)
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.users.sum(Vec::len)
    }

    /// Whether a user has a connection.
    pub fn status(&self, user_id: UserId) -> Status {
        let online = self.users.with(&user_id, |shard| shard.contains_key(&user_id));
        if online { Status::Online } else { Status::Offline }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "property_tests.rs"]
mod properties;
