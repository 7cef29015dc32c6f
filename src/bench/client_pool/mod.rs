//! All WebSocket clients of a scenario. One thread runs them, so that the server has the other cores.
//!
//! Each client checks all that it receives: the sequence numbers of a conversation have no gap, all clients receive the same message
//! under a number, and a client's own messages come back in the order of sending. A run ends when the last client has received
//! the last message. Then the clock and the CPU times stop.

mod client;
mod counters;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, sleep_until, timeout};

use self::client::{Client, Subscription};
use self::counters::{Counters, RoomState};
use super::environment::Environment;
use super::frames::{FrameTemplate, SENDERS_MAX};
use super::precise_timer::PreciseTimer;
use super::progress::{self, Progress};
use super::run_result::{Count, Meter, RunResult, nanos};
use super::websocket::WebSocket;
use crate::domain::ConversationId;

/// Handshakes in flight at a time, while the pool connects.
const HANDSHAKES_CONCURRENT: usize = 32;
/// A run fails when deliveries are missing and none is received for this long.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the clients still read after the clock has stopped. A message that arrives then is one too many.
const SETTLE_TIME: Duration = Duration::from_millis(30);
/// Members of a room that record latencies, besides the senders. In a large room, recording for all of them would cost more than
/// reading.
const RECORDERS_MAX: usize = 32;

/// A sender that is late sends this many messages before it reads again.
const SENDS_BETWEEN_READS: u32 = 64;

/// The address to which clients connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/ws/{id}`: a connection receives one conversation.
    OneConversation,
    /// `/ws`: a connection receives all conversations of its user.
    AllConversations,
}

/// How a run's senders send.
#[derive(Clone, Copy)]
pub(super) enum LoadModel {
    /// Each sender keeps `window` messages in flight.
    ClosedLoop { window: u64, duration: Duration },
    /// All senders together send `rate` messages a second, however fast the server delivers them.
    OpenLoop { rate: u32, duration: Duration },
    /// Each sender sends `messages`, with `window` of them in flight.
    Burst { messages: u64, window: u64 },
}

/// A member of a room: the room's index in the environment, and the member's index in the room.
pub(super) type RoomMember = (usize, usize);

/// A subscription in the pool: the client's index, and the index among the client's subscriptions.
type SubscriptionIndex = (usize, usize);

pub(super) struct ClientPool {
    counters: Rc<Counters>,
    clients: Vec<Rc<Client>>,
    /// The subscription of each member of each room.
    subscriptions: Vec<Vec<SubscriptionIndex>>,
    pids: Vec<u32>,
    /// Aborts the clients' reading tasks when the pool is dropped.
    _readers: JoinSet<()>,
}

/// A connection that the pool will open.
struct PlannedConnection<'a> {
    token: &'a str,
    /// The member's number in the first of its rooms, which chooses the node.
    member: usize,
    /// None on `/ws`.
    conversation_id: Option<ConversationId>,
    subscriptions: Vec<PlannedSubscription>,
}

struct PlannedSubscription {
    room: usize,
    records_latency: bool,
}

impl ClientPool {
    /// Opens all connections of an environment.
    pub(super) async fn connect(environment: &Environment, endpoint: Endpoint) -> Result<Self, String> {
        let (planned, subscriptions) = plan(environment, endpoint);
        if planned.len() > SENDERS_MAX {
            return Err(format!("there can be {SENDERS_MAX} connections at the most"));
        }
        let rooms = environment.rooms.iter().zip(&subscriptions);
        let rooms = rooms.map(|(room, members)| RoomState::new(room.id, members.len() as u64)).collect();
        let counters = Rc::new(Counters::new(rooms));
        let mut progress = Progress::new("connections", planned.len());
        let mut connecting = stream::iter(&planned)
            .map(|planned| {
                let address = environment.address_for(planned.member);
                WebSocket::connect(address, planned.conversation_id, planned.token)
            })
            .buffered(HANDSHAKES_CONCURRENT);
        let (mut clients, mut readers) = (Vec::with_capacity(planned.len()), JoinSet::new());
        while let Some(websocket) = connecting.try_next().await? {
            let number = clients.len();
            let subscription = |planned: &PlannedSubscription| Subscription {
                room: planned.room,
                last_seq: websocket.last_seq.unwrap_or_default(),
                records_latency: planned.records_latency,
                unacknowledged: VecDeque::new(),
                remaining: 0,
                template: None,
            };
            let subscriptions = planned[number].subscriptions.iter().map(subscription).collect();
            let (reader, writer) = websocket.socket.into_split();
            let one_conversation = endpoint == Endpoint::OneConversation;
            let client = Rc::new(Client::new(Rc::clone(&counters), number, one_conversation, writer, subscriptions));
            readers.spawn_local(Rc::clone(&client).read_to_end(reader, websocket.unread));
            clients.push(client);
            progress.update(clients.len());
        }
        drop(connecting);
        drop(progress);
        Ok(Self { counters, clients, subscriptions, pids: environment.pids(), _readers: readers })
    }

    /// The number of connections.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Returns the first failure of a client.
    pub(super) fn check(&self) -> Result<(), String> {
        self.counters.check()
    }

    /// Runs a load with these senders, and waits until all that they sent is delivered.
    pub(super) async fn run(&self, senders: &[RoomMember], load: LoadModel) -> Result<RunResult, String> {
        let senders = self.reset(senders, load)?;
        let meter = Meter::start(self.pids.clone())?;
        let started = meter.started;
        let display = RunProgress::show(&self.counters);
        match load {
            LoadModel::ClosedLoop { window, duration } => {
                self.start_loop(&senders, window, started + duration)?;
                self.sleep_until(started + duration).await?;
            }
            LoadModel::OpenLoop { rate, duration } => self.send_at_rate(&senders, rate, started, duration).await?,
            LoadModel::Burst { messages, window } => {
                self.start_loop(&senders, window.min(messages), started + 100 * DELIVERY_TIMEOUT)?;
            }
        }
        let sent_at_least =
            if let LoadModel::Burst { messages, .. } = load { messages * senders.len() as u64 } else { 0 };
        self.wait_for_deliveries(sent_at_least).await?;
        let result = meter.stop()?;
        drop(display);
        self.counters.closed_loop.set(false);
        sleep(SETTLE_TIME).await;
        self.check_complete()?;
        Ok(self.with_counts(result))
    }

    /// Makes senders edit the message that they sent last, instead of sending more. Needs `/ws/{id}`.
    pub(super) fn edit_last_messages(&self, senders: &[RoomMember]) -> Result<(), String> {
        for (client, subscription) in self.subscriptions_of(senders)? {
            let template = &mut self.clients[client].subscriptions.borrow_mut()[subscription].template;
            let edit = template.as_ref().and_then(FrameTemplate::edit);
            *template = Some(edit.ok_or("an editor has no message of its own")?);
        }
        Ok(())
    }

    /// Resets the counters, and prepares the senders' subscriptions. Returns the senders' subscriptions.
    fn reset(&self, senders: &[RoomMember], load: LoadModel) -> Result<Vec<SubscriptionIndex>, String> {
        let senders = self.subscriptions_of(senders)?;
        for &(client_number, index) in &senders {
            let client = &self.clients[client_number];
            let mut subscriptions = client.subscriptions.borrow_mut();
            let subscription = &mut subscriptions[index];
            let conversation_id = (!client.one_conversation).then(|| self.counters.rooms[subscription.room].id);
            subscription.template.get_or_insert_with(|| FrameTemplate::send(client_number, conversation_id));
            subscription.records_latency = true;
            subscription.remaining = match load {
                LoadModel::Burst { messages, window } => messages.saturating_sub(window),
                LoadModel::ClosedLoop { .. } | LoadModel::OpenLoop { .. } => u64::MAX,
            };
        }
        let mut newest = Vec::with_capacity(self.subscriptions.len());
        for (room, members) in self.subscriptions.iter().enumerate() {
            let mut seqs = members
                .iter()
                .map(|&(client, subscription)| self.clients[client].subscriptions.borrow()[subscription].last_seq);
            let first = seqs.next().unwrap_or_default();
            if seqs.any(|other| other != first) {
                return Err(format!("not all begin at the same number of {}", self.counters.rooms[room].id));
            }
            newest.push(first);
        }
        self.counters.reset(&newest);
        self.counters.check()?;
        Ok(senders)
    }

    fn subscriptions_of(&self, members: &[RoomMember]) -> Result<Vec<SubscriptionIndex>, String> {
        let subscription = |&(room, member): &RoomMember| self.subscriptions.get(room)?.get(member).copied();
        let subscriptions: Option<Vec<_>> = members.iter().map(subscription).collect();
        subscriptions.ok_or_else(|| "there are more senders than members".to_owned())
    }

    fn start_loop(&self, senders: &[SubscriptionIndex], window: u64, deadline: Instant) -> Result<(), String> {
        self.counters.deadline.set(deadline);
        self.counters.closed_loop.set(true);
        for &(client, subscription) in senders {
            self.clients[client].queue_sends(subscription, window, Instant::now())?;
        }
        // A second pass, so that all sends of a connection leave in one write.
        senders.iter().try_for_each(|&(client, _)| self.clients[client].flush())
    }

    /// Sends by the clock, however fast the server delivers.
    async fn send_at_rate(
        &self,
        senders: &[SubscriptionIndex],
        rate: u32,
        started: Instant,
        duration: Duration,
    ) -> Result<(), String> {
        let timer = PreciseTimer::new()?;
        let interval = Duration::from_secs(1).div_f64(rate.into());
        let mut senders = senders.iter().cycle();
        let mut intended = started;
        let mut sent = 0_u32;
        while intended < started + duration {
            timer.sleep_until(intended).await?;
            self.counters.check()?;
            let now = Instant::now();
            self.counters.lateness.borrow_mut().saturating_record(nanos(now.saturating_duration_since(intended)));
            if let Some(&(client, subscription)) = senders.next() {
                self.clients[client].queue_sends(subscription, 1, intended)?;
                self.clients[client].flush()?;
            }
            sent += 1;
            intended = started + interval * sent;
            if sent.is_multiple_of(SENDS_BETWEEN_READS) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits until `moment`, or for the first failure of a client.
    async fn sleep_until(&self, moment: Instant) -> Result<(), String> {
        loop {
            tokio::select! {
                () = sleep_until(moment.into()) => break self.counters.check(),
                () = self.counters.changed.notified() => self.counters.check()?,
            }
        }
    }

    /// Waits until at least `sent_at_least` messages are sent and all sent messages are delivered.
    async fn wait_for_deliveries(&self, sent_at_least: u64) -> Result<(), String> {
        let counters = &self.counters;
        let is_over = || counters.sent.get() >= sent_at_least && counters.received.get() >= counters.expected.get();
        let mut received = counters.received.get();
        while !is_over() {
            counters.check()?;
            let waited = timeout(DELIVERY_TIMEOUT, counters.changed.notified()).await;
            if waited.is_err() && received == counters.received.get() {
                return Err(self.missing());
            }
            received = counters.received.get();
        }
        counters.check()
    }

    fn missing(&self) -> String {
        let (expected, received) = (self.counters.expected.get(), self.counters.received.get());
        format!("{} of {expected} deliveries are missing after {DELIVERY_TIMEOUT:?} without one", expected - received)
    }

    /// Returns an error when a message came after the end, or when one did not come back to its sender.
    fn check_complete(&self) -> Result<(), String> {
        self.counters.check()?;
        if self.counters.received.get() != self.counters.expected.get() {
            return Err("more was heard than was sent".to_owned());
        }
        let waits = |client: &Rc<Client>| {
            client.subscriptions.borrow().iter().any(|subscription| !subscription.unacknowledged.is_empty())
        };
        if self.clients.iter().any(waits) {
            return Err("something that was sent did not come back to its sender".to_owned());
        }
        Ok(())
    }

    fn with_counts(&self, result: RunResult) -> RunResult {
        let counters = &self.counters;
        let counts = vec![
            Count { plural: "messages", singular: "message", count: counters.sent.get() },
            Count { plural: "deliveries", singular: "delivery", count: counters.received.get() },
        ];
        let latencies = [
            ("acknowledgement", &counters.acknowledgement),
            ("delivery", &counters.delivery),
            ("lateness", &counters.lateness),
        ];
        let latencies = latencies.map(|(name, histogram)| (name, histogram.borrow().clone()));
        let latencies = latencies.into_iter().filter(|(_, histogram)| !histogram.is_empty()).collect();
        RunResult { counts, latencies, ..result }
    }
}

/// Plans the connections of an environment. The second list has the subscription of each member of each room.
fn plan(environment: &Environment, endpoint: Endpoint) -> (Vec<PlannedConnection<'_>>, Vec<Vec<SubscriptionIndex>>) {
    let mut planned: Vec<PlannedConnection<'_>> = Vec::new();
    let mut by_token: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::with_capacity(environment.rooms.len());
    for (number, room) in environment.rooms.iter().enumerate() {
        let mut members = Vec::with_capacity(room.tokens.len());
        for (member, token) in room.tokens.iter().enumerate() {
            let known = by_token.get(token.as_str()).filter(|_| endpoint == Endpoint::AllConversations);
            let client = known.copied().unwrap_or(planned.len());
            if client == planned.len() {
                by_token.insert(token, client);
                let conversation_id = (endpoint == Endpoint::OneConversation).then_some(room.id);
                planned.push(PlannedConnection { token, member, conversation_id, subscriptions: Vec::new() });
            }
            let subscriptions = &mut planned[client].subscriptions;
            members.push((client, subscriptions.len()));
            subscriptions.push(PlannedSubscription { room: number, records_latency: member < RECORDERS_MAX });
        }
        all.push(members);
    }
    (planned, all)
}

/// Shows the progress of a run until it is dropped.
struct RunProgress(JoinHandle<()>);

impl RunProgress {
    fn show(counters: &Rc<Counters>) -> Self {
        let counters = Rc::clone(counters);
        Self(tokio::task::spawn_local(async move {
            let (mut sent, mut received) = (0, 0);
            loop {
                sleep(progress::INTERVAL).await;
                let (sent_before, received_before) = (sent, received);
                (sent, received) = (counters.sent.get(), counters.received.get());
                let (more_sent, more_received) = (sent - sent_before, received - received_before);
                progress::show(&format!(
                    "{more_sent} messages/s, {more_received} deliveries/s; {received} heard so far"
                ));
            }
        }))
    }
}

impl Drop for RunProgress {
    fn drop(&mut self) {
        self.0.abort();
        progress::show("");
    }
}
