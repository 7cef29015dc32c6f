//! Simulated clients that behave as the protocol asks: what is not acknowledged is sent again with the same id, whoever comes back
//! goes on after the last number that they have, and a hint when to come back is obeyed. They log all that they do and see.

mod poster;
mod talker;

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::chance::Chance;
use super::client::{Conversation, Lost, Person, try_ask};
use super::history::{Entry, Log, Truth};
use talker::Talker;

/// A peer that says nothing for so long is asked; after as long again it is given up. A client's own time-out.
const SILENCE: Duration = Duration::from_secs(2);
/// An answer that takes so long is given up: twice as long as the server promises to take at most.
const ANSWER: Duration = Duration::from_secs(10);
/// Before somebody tries again; see [`Actor::pause`].
const PAUSE: Duration = Duration::from_millis(10);
/// So many may try that often.
const AT_ONCE: usize = 20;
/// Between two remarks of somebody who seldom talks.
const BETWEEN_REMARKS: Duration = Duration::from_millis(50);
/// Characters of what is shouted: close to what a message may have.
const SHOUT: u64 = 15_000;
/// How long everybody may take to have everything, once no more is said, if something happens all the while.
const CATCHING_UP: Duration = Duration::from_secs(60);

/// What everybody does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// Listen and say new things.
    Talk,
    /// Say nothing new; what was said is to be acknowledged.
    Settle,
    /// Listen until this number, then leave.
    Until(i64),
}

/// How somebody takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Listens and talks on a WebSocket.
    Talks,
    /// Talks there in very long messages.
    Shouts,
    /// Listens on a WebSocket.
    Listens,
    /// Talks over REST, and tries again what got no answer.
    Posts,
    /// Talks over REST, and never tries again.
    PostsOnce,
    /// Talks over REST now and then, and tries again what got no answer.
    Remarks,
}

/// People in one conversation, each a task.
pub(crate) struct Crowd {
    room: Conversation,
    log: Log,
    goal: watch::Sender<Goal>,
    /// Closed when everybody is settled.
    settled: mpsc::Receiver<()>,
    people: JoinSet<()>,
}

impl Crowd {
    /// These members of a conversation begin, each on the server (or the proxy) at their address.
    pub(crate) fn begin(log: &Log, room: &Conversation, people: &[(&Person, Manner)], chance: &mut Chance) -> Self {
        let (goal, mut tasks) = (watch::Sender::new(Goal::Talk), JoinSet::new());
        let (unsettled, settled) = mpsc::channel(1);
        for (person, manner) in people {
            let (conversation, user) = (room.id.parse().unwrap(), person.id.parse().unwrap());
            log.note(Entry::Member { conversation, user });
            let actor = Actor {
                person: (*person).clone(),
                user,
                room: room.clone(),
                conversation,
                log: log.clone(),
                goal: goal.subscribe(),
                unsettled: Some(unsettled.clone()),
                longest: if *manner == Manner::Shouts { SHOUT } else { 80 },
                pause: PAUSE * u32::try_from(1 + people.len() / AT_ONCE).unwrap(),
                chance: chance.fork(),
            };
            match manner {
                Manner::Talks | Manner::Shouts => tasks.spawn(Talker::new(actor, true).live()),
                Manner::Listens => tasks.spawn(Talker::new(actor, false).live()),
                Manner::Posts => tasks.spawn(actor.post(true, Duration::ZERO)),
                Manner::PostsOnce => tasks.spawn(actor.post(false, Duration::ZERO)),
                Manner::Remarks => tasks.spawn(actor.post(true, BETWEEN_REMARKS)),
            };
        }
        Self { room: room.clone(), log: log.clone(), goal, settled, people: tasks }
    }

    /// Nobody says anything new. Waits until all that was said is acknowledged or refused, takes the truth from `member`'s server, and
    /// waits until everybody has all of it or nothing more can be expected.
    pub(crate) async fn end(mut self, member: &Person) -> Truth {
        self.goal.send_replace(Goal::Settle);
        let calm = self.log.while_something_happens(CATCHING_UP, self.settled.recv()).await;
        assert!(calm.is_some(), "something that was said is neither acknowledged nor refused");
        let truth = Truth::of(&self.room, member).await;
        self.goal.send_replace(Goal::Until(truth.last_seq()));
        let leaving = async {
            while let Some(left) = self.people.join_next().await {
                left.unwrap();
            }
        };
        // Whoever does not have everything by then is found by the checker.
        let _ = self.log.while_something_happens(CATCHING_UP, leaving).await;
        truth
    }
}

/// Somebody who takes part.
struct Actor {
    person: Person,
    user: Uuid,
    room: Conversation,
    conversation: Uuid,
    log: Log,
    goal: watch::Receiver<Goal>,
    /// Held as long as something may be under way.
    unsettled: Option<mpsc::Sender<()>>,
    /// Characters of what they say.
    longest: u64,
    /// Before the next try to reach a server that is away; the longer, the more there are, so that they leave room for it.
    pause: Duration,
    chance: Chance,
}

impl Actor {
    /// A message that nobody has sent before.
    fn draft(&mut self) -> (Uuid, String) {
        let id = Uuid::from_u64_pair(self.chance.next(), self.chance.next());
        let padding = usize::try_from(self.chance.within(0..self.longest)).unwrap();
        (id, format!("{id} {}", ".".repeat(padding)))
    }

    fn sent(&self, id: Uuid, content: &str, on: Option<u32>) {
        let (conversation, sender, content) = (self.conversation, self.user, content.to_owned());
        self.log.note(Entry::Sent { id, conversation, sender, content, on });
    }

    /// Gets new tokens, as far as the server can be reached.
    async fn refresh(&mut self) -> Result<(), Lost> {
        let body = json!({"refresh_token": self.person.refresh_token}).to_string();
        let json = [("content-type", "application/json")];
        let asking = try_ask(self.person.address, Method::POST, "/v1/users/refresh", &json, body);
        let answer = timeout(ANSWER, asking).await??;
        if answer.status == 503 {
            return Err("unavailable".into());
        }
        let tokens = answer.expect(200).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.person.token = text(&tokens["access_token"]);
        self.person.refresh_token = text(&tokens["refresh_token"]);
        Ok(())
    }
}
