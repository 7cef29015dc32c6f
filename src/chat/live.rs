//! Live connections: beginning one, and catching up.
//!
//! Catching up and live are one mechanism: a connection reads pages from the store until it has all that this node has
//! delivered, and goes live at that number under the lock that delivery takes (see [`crate::registry`]). No buffer to
//! bound, nothing twice, nothing missing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::timeout;

use super::subject::subject_of;
use super::{Chat, no_conversation};
use crate::domain::session::Caller;
use crate::domain::user::{Arrival, Company, Status};
use crate::domain::{Code, ConversationId, Error, Result, Seq, UserId};
use crate::limits;
use crate::registry::{Close, Connection, Outbox, Registration, Scope};
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

/// How often a beginning connection lists its user's conversations: twice if nothing changes meanwhile, more while they come
/// and go. Whoever has more than can be heard has others at the end of the list each time.
const LISTINGS: usize = 5;

const TOO_MANY_CONNECTIONS: Close = Close { code: 4505, reason: "too many connections" };

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
        let news = self.chat.registry.news(&self.connection, limits::HEADS_TOLD);
        self.connection.outbox.push(frames::heartbeat(news, self.connection.membership_version()));
    }
}

/// Where a connection has seats.
struct Seated {
    /// The newest numbers there, read with the seats.
    heads: HashMap<ConversationId, Seq>,
    /// Where it had none before.
    is_new: HashSet<ConversationId>,
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.registration.take());
        if self.has_begun {
            self.chat.presence.stir(self.connection.user_id);
        }
    }
}

/// Members asked for where it matters whether there are more than [`limits::INTIMATE_MEMBERS`].
fn beyond_intimate() -> usize {
    usize::try_from(limits::INTIMATE_MEMBERS).unwrap_or(0) + 1
}

/// Pushes once there is room. A peer that takes nothing for so long does not read.
async fn push_when_eased(connection: &Connection, bytes: Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    if timeout(limits::CATCH_UP_TIMEOUT, connection.outbox.eased()).await.is_err() {
        connection.outbox.close(Close::SLOW_CONSUMER);
    }
    connection.outbox.push(bytes.into());
}

impl Chat {
    /// Begins a connection of somebody whose token was read, but whose session may have ended. It says `hello` first once it is uncorked. On all conversations it hears what happens from
    /// then on; on one, once [`Chat::catch_up`] was called for it.
    pub async fn begin(
        self: &Arc<Self>,
        caller: &Caller,
        scope: Scope,
        outbox: Arc<Outbox>,
        heartbeat_ms: u64,
    ) -> Result<Live, Refusal> {
        let connection = Connection::new(caller, scope, outbox);
        let registration = self.registry.register(&connection, self.settings.unlimited);
        let registration = registration.ok_or(Refusal::Close(TOO_MANY_CONNECTIONS))?;
        let mut live =
            Live { chat: Arc::clone(self), connection, registration: Some(registration), has_begun: false, head: None };
        let connection = &live.connection;
        let to = if let Scope::One(id) = scope { Some(id) } else { None };
        if let Some(id) = to {
            // Before the question whether they may: whoever is removed from now on loses the seat. What is said to a silent one
            // waits, and is dropped if the answer is no.
            self.registry.sit(connection, id);
        }
        // Whoever ends the session from now on finds the connection; whoever did before is seen here.
        let mark = self.beliefs.is_live(caller.session_id);
        let arrival = self.store.arrival(caller, to, beyond_intimate()).await?;
        let Arrival { user, membership_version: version, session, company } =
            arrival.ok_or_else(|| Error::not_found("user"))?;
        if let Err(mark) = mark {
            self.judge(caller, session, mark)?;
        }
        match scope {
            Scope::One(id) => {
                let Company { head, members } = company.ok_or_else(no_conversation)?;
                live.head = Some(head);
                self.tell_presence_of(connection, id, &members);
            }
            Scope::All | Scope::Held => {
                self.take_seats(connection).await?;
                let contacts = self.store.contacts(caller.user_id, limits::CONTACTS).await?;
                connection.outbox.put(frames::presence_state(None, &self.online(contacts), None));
            }
        }
        // From here on the rounds compare it, with what it was told and has.
        connection.set_membership_version(version);
        let head = match scope {
            Scope::One(id) => live.head.map(|head| (id, head)),
            Scope::All | Scope::Held => None,
        };
        connection.outbox.lead(frames::hello(connection.id, &user, heartbeat_ms, version, head));
        live.has_begun = true;
        self.presence.stir(caller.user_id);
        Ok(live)
    }

    /// Seats a connection in all of its user's conversations, and makes the seats live at the newest numbers.
    ///
    /// The numbers that count are those read while the seats are there: what is delivered between a reading and a seat, or a
    /// removal, would be missed. So the conversations are read until nothing is new.
    async fn take_seats(&self, connection: &Arc<Connection>) -> Result<()> {
        let mut seated = HashSet::new();
        for _ in 0..LISTINGS {
            let mut heads = self.store.heads(connection.user_id, limits::CONVERSATIONS_HEARD).await?;
            // A connection keeps its seats in this order: each new one is then the last.
            heads.sort_unstable_by_key(|(id, _)| *id);
            let listed: HashSet<ConversationId> = heads.iter().map(|(id, _)| *id).collect();
            let gone: Vec<ConversationId> = seated.difference(&listed).copied().collect();
            let mut anything_new = !gone.is_empty();
            for id in gone {
                seated.remove(&id);
                self.registry.leave(connection, id);
            }
            for (id, head) in heads {
                if seated.insert(id) {
                    anything_new = true;
                    self.registry.sit(connection, id);
                } else if connection.scope == Scope::All {
                    self.registry.go_live_now(connection, id, head);
                }
            }
            if !anything_new {
                break;
            }
        }
        if connection.scope == Scope::All {
            // What is new in the last listing, too, is heard from now on.
            let silent: Vec<_> = seated.into_iter().filter(|id| connection.live_from(*id).is_none()).collect();
            for page in silent.chunks(limits::ROUND_PAGE) {
                for (id, head) in self.store.heads_of(page).await? {
                    self.registry.go_live_now(connection, id, head);
                }
            }
        }
        Ok(())
    }

    /// Sends everything after `after_seq` up to where live begins, and makes the connection live there. If it is live
    /// already, sends everything after `after_seq` again. Returns the number up to which all has been sent. `resync` if
    /// `after_seq` does not exist yet, `not_found` if the user is not in the conversation.
    pub async fn catch_up(&self, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) -> Result<Seq> {
        let seated = self.seat(connection, &[id]).await?;
        self.catch_up_from(connection, &seated, id, after_seq).await
    }

    /// Seats a connection in those of these conversations that its user is in, silently where it has no seat yet. The newest
    /// numbers are read with the seats: whoever is removed from then on loses the seat.
    async fn seat(&self, connection: &Arc<Connection>, ids: &[ConversationId]) -> Result<Seated> {
        let mut is_new = HashSet::new();
        let without: Vec<ConversationId> = ids.iter().copied().filter(|id| !connection.has_seat(*id)).collect();
        if !without.is_empty() {
            // Asked before a seat is taken, since even a silent one hears presence.
            for (id, _) in self.store.heads_for(connection.user_id, &without).await? {
                if self.registry.sit(connection, id) {
                    is_new.insert(id);
                }
            }
        }
        match self.store.heads_for(connection.user_id, ids).await {
            Ok(heads) => Ok(Seated { heads: heads.into_iter().collect(), is_new }),
            Err(error) => {
                for id in is_new {
                    self.registry.leave_if_silent(connection, id);
                }
                Err(error)
            }
        }
    }

    async fn catch_up_from(
        &self,
        connection: &Arc<Connection>,
        seated: &Seated,
        id: ConversationId,
        after_seq: Seq,
    ) -> Result<Seq> {
        // Without a seat they were removed since the number was read, or the connection has ended.
        let head = seated.heads.get(&id).filter(|_| connection.has_seat(id)).ok_or_else(no_conversation);
        let caught_up = match head {
            Ok(head) => self.go_on_from(connection, id, after_seq, *head).await,
            Err(error) => Err(error),
        };
        if caught_up.is_err() && seated.is_new.contains(&id) {
            self.registry.leave_if_silent(connection, id);
        }
        caught_up
    }

    /// Like [`Chat::catch_up`], in a task of its own, since the peer may read slowly. Whom it fails for comes back.
    pub(super) fn catch_up_aside(self: &Arc<Self>, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) {
        let (chat, connection) = (Arc::clone(self), Arc::clone(connection));
        self.tasks.spawn(async move {
            match chat.catch_up(&connection, id, after_seq).await {
                Err(error) if error.code == Code::NotFound => chat.registry.leave_if_silent(&connection, id),
                Err(_) => connection.outbox.close(Close::OVERLOADED),
                Ok(_) => {}
            }
        });
    }

    /// The newest number, for members: all up to there is theirs to hear, since both are true at one moment.
    async fn head_for(&self, user_id: UserId, id: ConversationId) -> Result<Seq> {
        let head = self.store.heads_for(user_id, &[id]).await?.pop();
        head.map(|(_, head)| head).ok_or_else(no_conversation)
    }

    async fn go_on_from(
        &self,
        connection: &Arc<Connection>,
        id: ConversationId,
        after_seq: Seq,
        head: Seq,
    ) -> Result<Seq> {
        if after_seq > head {
            return Err(Error::new(Code::Resync, format!("The newest number is {head}: start over from history.")));
        }
        let (mut cursor, mut target) = (after_seq, head);
        let is_live = connection.live_from(id).is_some();
        loop {
            cursor = self.send_up_to(connection, id, cursor, target).await?;
            if is_live || connection.outbox.is_closing() {
                return Ok(cursor);
            }
            match self.registry.go_live(connection, id, cursor) {
                // Without a seat it did not: its user was removed meanwhile.
                Ok(()) if connection.live_from(id).is_none() => return Err(no_conversation()),
                Ok(()) => return Ok(cursor),
                // What came meanwhile is theirs only if they are still in it.
                Err(_) => target = self.head_for(connection.user_id, id).await?,
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
            let limit = usize::try_from(target - cursor).unwrap_or(usize::MAX).min(limits::CATCH_UP_PAGE);
            let page = self.store.events(conversation_id, cursor, limit).await?;
            if page.is_empty() {
                return Ok(target);
            }
            let mut bytes = Vec::new();
            for event in &page {
                let subject = subject_of(event, self.store.as_ref(), &self.registry).await?;
                frames::put_event(&mut bytes, event, &subject);
                cursor = event.seq;
                if bytes.len() >= limits::CATCH_UP_BYTES || cursor == target {
                    push_when_eased(connection, std::mem::take(&mut bytes)).await;
                }
            }
            push_when_eased(connection, bytes).await;
        }
        Ok(cursor)
    }

    /// Answers a `resume` of one conversation.
    pub async fn resume(&self, connection: &Arc<Connection>, id: ConversationId, after_seq: Seq) -> Result<()> {
        let reached = self.catch_up(connection, id, after_seq).await?;
        self.tell_resumed(connection, id, reached, None).await
    }

    /// Answers a `resume` of many conversations: each by what was missed there and then `resumed`, or by an error.
    pub async fn resume_all(
        &self,
        connection: &Arc<Connection>,
        wanted: HashMap<ConversationId, Seq>,
        reference: Option<&str>,
    ) {
        let ids: Vec<ConversationId> = wanted.keys().copied().collect();
        let mut seated = self.seat(connection, &ids).await;
        for (id, after_seq) in wanted {
            let resumed = async {
                let seated = seated.as_ref().map_err(Error::clone)?;
                let reached = self.catch_up_from(connection, seated, id, after_seq).await?;
                self.tell_resumed(connection, id, reached, reference).await
            };
            if let Err(error) = resumed.await {
                connection.outbox.push(frames::error(&error, reference, Some(id)));
                // A store that did not answer for one is not asked for the others: nobody waits for 500 time-outs.
                if error.code == Code::Unavailable {
                    seated = Err(error);
                }
            }
        }
    }

    async fn tell_resumed(
        &self,
        connection: &Arc<Connection>,
        conversation_id: ConversationId,
        reached: Seq,
        reference: Option<&str>,
    ) -> Result<()> {
        let mut members = self.store.members(conversation_id, None, beyond_intimate()).await?;
        if members.len() == beyond_intimate() {
            members.clear();
        }
        let receipts: Vec<_> = members.iter().map(|m| (m.user.id, m.delivered_seq, m.read_seq)).collect();
        connection.outbox.push(frames::resumed(conversation_id, reached, &receipts, reference));
        Ok(())
    }

    fn tell_presence_of(&self, connection: &Arc<Connection>, conversation_id: ConversationId, members: &[UserId]) {
        let frame = if members.len() == beyond_intimate() {
            frames::presence_state(Some(conversation_id), &[], Some(self.registry.crowd(conversation_id)))
        } else {
            let others = members.iter().copied().filter(|id| *id != connection.user_id);
            frames::presence_state(Some(conversation_id), &self.online(others), None)
        };
        connection.outbox.put(frame);
    }

    fn online(&self, users: impl IntoIterator<Item = UserId>) -> Vec<UserId> {
        users.into_iter().filter(|id| self.status(*id) == Status::Online).collect()
    }
}
