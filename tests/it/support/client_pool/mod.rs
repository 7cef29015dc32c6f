//! Simulated clients that follow the protocol. A client sends unacknowledged messages again with the same id, resumes after the last
//! number that it has, and obeys the server's retry hints. It logs all that it does and receives.

mod rest_client;
mod socket_client;

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::client::{Conversation, RequestError, TestUser, try_send_request};
use super::history::{Entry, FinalState, Log};
use super::rng::Rng;
use socket_client::SocketClient;

/// A client pings a server that sends nothing for this long, and closes the connection after as long again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// A client gives up a request after this long: twice the time in which the server promises an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a retry; see [`SimulatedClient::pause`].
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// The number of clients that may retry after one [`RETRY_PAUSE`] each. With more, each waits longer.
const CLIENTS_PER_PAUSE: usize = 20;
/// The pause between two messages of [`Behaviour::PostsSlowly`].
const SLOW_POST_PAUSE: Duration = Duration::from_millis(50);
/// The maximal length of long messages, in characters: close to the server's limit.
const LONG_MESSAGE: u64 = 15_000;
/// How long the clients may take to receive everything after the last message was sent, if they receive something all the while.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// The current task of all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Read, and send new messages.
    Send,
    /// Send nothing new, and retry until everything is acknowledged or refused.
    Drain,
    /// Read up to this number, then end.
    ReadUntil(i64),
}

/// The behaviour of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Reads and sends on a WebSocket.
    Sends,
    /// Reads and sends very long messages on a WebSocket.
    SendsLong,
    /// Reads on a WebSocket.
    Reads,
    /// Sends over REST, and retries requests that got no answer.
    Posts,
    /// Sends over REST, and never retries.
    PostsOnce,
    /// Sends over REST with pauses, and retries requests that got no answer.
    PostsSlowly,
}

/// Clients in one conversation, each a task.
pub(crate) struct ClientPool {
    room: Conversation,
    log: Log,
    phase: watch::Sender<Phase>,
    /// Closed when no client has a message in flight.
    settled: mpsc::Receiver<()>,
    tasks: JoinSet<()>,
}

impl ClientPool {
    /// Starts a client for each of these members of a conversation, on the server or proxy at the member's address.
    pub(crate) fn start(log: &Log, room: &Conversation, users: &[(&TestUser, Behaviour)], rng: &mut Rng) -> Self {
        let (phase, mut tasks) = (watch::Sender::new(Phase::Send), JoinSet::new());
        let (unsettled, settled) = mpsc::channel(1);
        for (test_user, behaviour) in users {
            let (conversation, user_id) = (room.id.parse().unwrap(), test_user.id.parse().unwrap());
            log.note(Entry::Member { conversation, user: user_id });
            let actor = SimulatedClient {
                user: (*test_user).clone(),
                user_id,
                room: room.clone(),
                conversation,
                log: log.clone(),
                phase: phase.subscribe(),
                unsettled: Some(unsettled.clone()),
                length_max: if *behaviour == Behaviour::SendsLong { LONG_MESSAGE } else { 80 },
                pause: RETRY_PAUSE * u32::try_from(1 + users.len() / CLIENTS_PER_PAUSE).unwrap(),
                rng: rng.fork(),
            };
            match behaviour {
                Behaviour::Sends | Behaviour::SendsLong => tasks.spawn(SocketClient::new(actor, true).run()),
                Behaviour::Reads => tasks.spawn(SocketClient::new(actor, false).run()),
                Behaviour::Posts => tasks.spawn(actor.post(true, Duration::ZERO)),
                Behaviour::PostsOnce => tasks.spawn(actor.post(false, Duration::ZERO)),
                Behaviour::PostsSlowly => tasks.spawn(actor.post(true, SLOW_POST_PAUSE)),
            };
        }
        Self { room: room.clone(), log: log.clone(), phase, settled, tasks }
    }

    /// Stops new messages. Waits until all are acknowledged or refused, reads the final state from `member`'s server, and waits until
    /// all clients have received it, [`CATCH_UP_TIMEOUT`] is over or the clients get nothing more.
    pub(crate) async fn end(mut self, member: &TestUser) -> FinalState {
        self.phase.send_replace(Phase::Drain);
        let settled = self.log.while_clients_act(CATCH_UP_TIMEOUT, self.settled.recv()).await;
        assert!(settled.is_some(), "messages are neither acknowledged nor refused");
        let final_state = FinalState::of(&self.room, member).await;
        self.phase.send_replace(Phase::ReadUntil(final_state.last_seq()));
        let ending = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.unwrap();
            }
        };
        // The checker reports a client that does not have everything by then.
        let _ = self.log.while_clients_act(CATCH_UP_TIMEOUT, ending).await;
        final_state
    }
}

/// One client.
struct SimulatedClient {
    user: TestUser,
    user_id: Uuid,
    room: Conversation,
    conversation: Uuid,
    log: Log,
    phase: watch::Receiver<Phase>,
    /// Held as long as a message may be in flight.
    unsettled: Option<mpsc::Sender<()>>,
    /// The maximal length of messages, in characters.
    length_max: u64,
    /// The pause before the next attempt to reach a server that does not respond. It grows with the number of clients, so that their
    /// attempts leave the server CPU time.
    pause: Duration,
    rng: Rng,
}

impl SimulatedClient {
    /// Returns a new message.
    fn draft(&mut self) -> (Uuid, String) {
        let id = Uuid::from_u64_pair(self.rng.next(), self.rng.next());
        let padding = usize::try_from(self.rng.in_range(0..self.length_max)).unwrap();
        (id, format!("{id} {}", ".".repeat(padding)))
    }

    fn sent(&self, id: Uuid, content: &str, on: Option<u32>) {
        let (conversation, sender, content) = (self.conversation, self.user_id, content.to_owned());
        self.log.note(Entry::Sent { id, conversation, sender, content, on });
    }

    /// Gets new tokens. Returns an error if the server cannot be reached.
    async fn refresh(&mut self) -> Result<(), RequestError> {
        let body = json!({"refresh_token": self.user.refresh_token}).to_string();
        let json = [("content-type", "application/json")];
        let request = try_send_request(self.user.address, Method::POST, "/v1/users/refresh", &json, body);
        let answer = timeout(RESPONSE_TIMEOUT, request).await??;
        if answer.status == 503 {
            return Err("unavailable".into());
        }
        let tokens = answer.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.user.token = text(&tokens["access_token"]);
        self.user.refresh_token = text(&tokens["refresh_token"]);
        Ok(())
    }
}
