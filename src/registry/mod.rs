//! The registry: the connections of this node, by conversation, by user and by session.
//!
//! A connection that hears a conversation has a *seat* in its *room*. A seat is silent until it goes live at a number;
//! from then on it gets every event after that number, once and in order. The room's *watermark* is the number up to which
//! this node has delivered; going live compares it with what the connection has, under the lock that delivery takes, so
//! that nothing falls between catching up and live.
//!
//! Invariants: no lock is held over an await; while bytes are pushed none is but the conversation's [turn](Turn), which only those
//! take who deliver; a turn is taken before a connection's lock, and that before a room's; a connection leaves by `Drop`.

mod backlog;
mod connection;
mod outbox;
mod run;
mod sharded;
mod turn;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::user::Status;
use crate::domain::{ConversationId, Seq, SessionId, UserId};
use crate::limits;
pub use backlog::Backlog;
pub use connection::{Connection, Scope};
use connection::{Hearing, Seats};
pub use outbox::{Outbox, Put, Sink, Stir};
pub use run::Run;
use sharded::Sharded;
use turn::Turns;
pub use turn::{Place, Turn};

/// Who hears a conversation on this node.
#[derive(Default)]
struct Room {
    /// The number up to which this node has delivered, once it has delivered or somebody went live.
    watermark: Option<Seq>,
    /// Shared with the deliveries under way, and copied only if one is while it changes.
    seats: Arc<Vec<Seat>>,
    /// How many users have seats, and when they were counted.
    crowd: Option<(usize, Instant)>,
}

/// A connection in a room.
#[derive(Clone)]
pub struct Seat {
    /// Events after this number are for it.
    from: Seq,
    /// The connection.
    pub connection: Arc<Connection>,
    /// The connection's: with a thousand seats each pointer less to follow can be seen.
    outbox: Arc<Outbox>,
}

impl Seat {
    /// Returns true if events are delivered to it.
    pub fn is_live(&self) -> bool {
        self.from != SILENT
    }
}

/// A seat that is not live: no event comes after this number.
const SILENT: Seq = Seq::MAX;

/// The connections of this node.
pub struct Registry {
    rooms: Sharded<ConversationId, Room>,
    users: Sharded<UserId, Vec<Arc<Connection>>>,
    sessions: Sharded<SessionId, Vec<Arc<Connection>>>,
    turns: Turns,
    backlog: Arc<Backlog>,
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
        for (conversation_id, _) in seats.iter() {
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
        let (rooms, users, sessions) = (Sharded::new(), Sharded::new(), Sharded::new());
        Self { rooms, users, sessions, turns: Turns::default(), backlog: Arc::default() }
    }
}

impl Registry {
    /// An outbox for a connection of this node, corked.
    pub fn outbox<S: Sink>(&self, sink: S) -> Arc<Outbox<S>> {
        Arc::new(Outbox::new(sink, Arc::clone(&self.backlog)))
    }

    /// Registers a connection until the returned value is dropped; `None` if its user has too many (unless `unlimited`).
    pub fn register(self: &Arc<Self>, connection: &Arc<Connection>, unlimited: bool) -> Option<Registration> {
        let admitted = self.users.with(&connection.user_id, |shard| {
            let connections = shard.entry(connection.user_id).or_insert_with(|| Vec::with_capacity(1));
            let admitted = unlimited || connections.len() < limits::CONNECTIONS_PER_USER;
            if admitted {
                connections.push(Arc::clone(connection));
            }
            admitted
        });
        admitted.then(|| {
            self.sessions.with(&connection.session_id, |shard| {
                let connections = shard.entry(connection.session_id).or_insert_with(|| Vec::with_capacity(1));
                connections.push(Arc::clone(connection));
            });
            Registration { registry: Arc::clone(self), connection: Arc::clone(connection) }
        })
    }

    /// Gives a connection a silent seat. Says whether it is new: it may have one already, or have left.
    pub fn sit(&self, connection: &Arc<Connection>, conversation_id: ConversationId) -> bool {
        let mut seats = connection.seats();
        let Some(seats) = seats.as_mut() else { return false };
        if !seats.insert(conversation_id) {
            return false;
        }
        self.rooms.with(&conversation_id, |shard| {
            let room = shard.entry(conversation_id).or_default();
            Arc::make_mut(&mut room.seats).push(Seat {
                from: SILENT,
                connection: Arc::clone(connection),
                outbox: Arc::clone(&connection.outbox),
            });
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
        let Some(hearing) = seats.as_mut().and_then(|seats| seats.get_mut(conversation_id)) else { return Ok(()) };
        if hearing.live_from.is_some() {
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
            *hearing = Hearing { live_from: Some(cursor), told: cursor };
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
        if seats.as_mut().and_then(|seats| seats.remove(conversation_id)).is_some() {
            self.vacate(connection, conversation_id);
        }
    }

    /// Takes a connection's seat away, unless it has become live.
    pub fn leave_if_silent(&self, connection: &Arc<Connection>, conversation_id: ConversationId) {
        let mut seats = connection.seats();
        let Some(seats) = seats.as_mut() else { return };
        if seats.get(conversation_id).is_some_and(|hearing| hearing.live_from.is_none()) {
            seats.remove(conversation_id);
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

    /// Delivers runs: each recipient gets all that is theirs, once, in one write. Returns where a hole is in the way.
    pub fn deliver(&self, runs: &[Run]) -> Vec<ConversationId> {
        let (mut due, mut holes) = (Vec::new(), Vec::new());
        for run in runs {
            let turn = self.turn(run.conversation_id);
            let place = if runs.len() == 1 { turn.deliver(run) } else { turn.put(run, &mut due) };
            if place == Place::BehindHole {
                holes.push(run.conversation_id);
            }
        }
        for outbox in due {
            outbox.flush();
        }
        holes
    }

    /// The number up to which this node has delivered a conversation, if anybody here listens to it.
    pub fn watermark(&self, conversation_id: ConversationId) -> Option<Seq> {
        self.rooms.with(&conversation_id, |shard| shard.get(&conversation_id)?.watermark)
    }

    /// The conversations that somebody here hears, and the number up to which this node has delivered each.
    pub fn watermarks(&self) -> Vec<(ConversationId, Seq)> {
        self.rooms.entries(|id, room| Some((*id, room.watermark?)))
    }

    /// Everybody who is connected here.
    pub fn users(&self) -> Vec<UserId> {
        self.users.entries(|id, _| Some(*id))
    }

    /// The sessions that are connected here.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.sessions.entries(|id, _| Some(*id))
    }

    /// The conversations in which a connection is live and something was delivered since the last call, up to a bound, each with
    /// the newest number. All up to there is in its outbox.
    pub fn news(&self, connection: &Connection, limit: usize) -> Vec<(ConversationId, Seq)> {
        let live: Vec<(ConversationId, Seq)> = {
            let seats = connection.seats();
            let live = seats.iter().flat_map(Seats::iter).filter(|(_, hearing)| hearing.live_from.is_some());
            live.map(|(id, hearing)| (id, hearing.told)).collect()
        };
        // Where somebody is delivering at this moment the watermark may be ahead of the outbox: that is told the next time.
        let newest = |id| self.free_turn(id)?.watermark();
        let news = live.into_iter().filter_map(|(id, told)| Some((id, newest(id).filter(|newest| *newest > told)?)));
        let news: Vec<(ConversationId, Seq)> = news.take(limit).collect();
        if let Some(seats) = connection.seats().as_mut() {
            for (id, newest) in &news {
                if let Some(hearing) = seats.get_mut(*id) {
                    hearing.told = *newest;
                }
            }
        }
        news
    }

    /// Who has a seat in a conversation.
    pub fn seats(&self, conversation_id: ConversationId) -> Arc<Vec<Seat>> {
        self.rooms.with(&conversation_id, |shard| {
            shard.get(&conversation_id).map(|room| Arc::clone(&room.seats)).unwrap_or_default()
        })
    }

    /// How many users have seats in a conversation: now, or [`limits::PRESENCE_DEBOUNCE`] ago, since counting them each time
    /// that one of them comes would be more work with each of them.
    pub fn crowd(&self, conversation_id: ConversationId) -> usize {
        self.rooms.with(&conversation_id, |shard| {
            let Some(room) = shard.get_mut(&conversation_id) else { return 0 };
            match room.crowd {
                Some((crowd, counted_at)) if counted_at.elapsed() < limits::PRESENCE_DEBOUNCE => crowd,
                _ => {
                    let users: HashSet<UserId> = room.seats.iter().map(|seat| seat.connection.user_id).collect();
                    room.crowd = Some((users.len(), Instant::now()));
                    users.len()
                }
            }
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
