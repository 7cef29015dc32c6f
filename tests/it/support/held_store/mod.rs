//! A store whose answers a test can hold or lose, call by call, to put other events before the answer.

mod forwarded;

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::{Arc, Mutex};

use chinwag::domain::command::NewMessage;
use chinwag::domain::message::Content;
use chinwag::domain::{ConversationId, Error, MessageId, Result, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::Store;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::client::{Conversation as Room, TestUser};
use super::socket::TEST_TIMEOUT;

/// Forwards every call to a store.
pub(crate) struct HeldStore {
    store: Arc<dyn Store>,
    plans: Mutex<Vec<Plan>>,
    stalled: Mutex<HashSet<&'static str>>,
    calls: Mutex<HashMap<&'static str, usize>>,
}

/// The plan for one call.
struct Plan {
    method: &'static str,
    /// The number of calls of the method before this one.
    calls_before: usize,
    fate: Fate,
}

enum Fate {
    /// The store does its work. The answer waits for the test, which releases or loses it.
    Held { reached: oneshot::Sender<()>, released: oneshot::Receiver<bool> },
    /// The store does its work, and the caller gets an error.
    Lost,
    /// The caller gets no answer.
    Stalled,
}

/// A call whose answer is held.
pub(crate) struct Hold {
    method: &'static str,
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<bool>,
}

impl HeldStore {
    pub(crate) fn wrapping(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, plans: Mutex::default(), stalled: Mutex::default(), calls: Mutex::default() })
    }

    /// Holds the answer to a call. The first call of this method from now on is number 1.
    pub(crate) fn hold(&self, method: &'static str, number: usize) -> Hold {
        let ((reached, is_reached), (release, released)) = (oneshot::channel(), oneshot::channel());
        self.plan(method, number, Fate::Held { reached, released });
        Hold { method, reached: is_reached, release }
    }

    /// Loses the answer to a call, counted in the same way: the caller gets `unavailable`, and the store's work is done.
    pub(crate) fn lose(&self, method: &'static str, number: usize) {
        self.plan(method, number, Fate::Lost);
    }

    /// Returns how often this method was called.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or(0)
    }

    /// Answers no call of this method any more.
    pub(crate) fn stall(&self, method: &'static str) {
        self.stalled.lock().unwrap().insert(method);
    }

    /// Commits short messages of a user, as another node does of which this one hears nothing.
    pub(crate) async fn commit_elsewhere(&self, room: &Room, sender: &TestUser, count: usize) {
        let (conversation_id, sender_id) =
            (ConversationId::parse(&room.id).unwrap(), UserId::parse(&sender.id).unwrap());
        let message = |number: usize| NewMessage {
            conversation_id,
            id: MessageId::new(),
            sender_id,
            content: Content::parse(format!("one of many {number}")).unwrap(),
            reply_to: None,
            timestamp: Timestamp::now(),
        };
        let messages: Vec<NewMessage> = (0..count).map(message).collect();
        for batch in messages.chunks(limits::BATCH_ROWS_MAX) {
            self.store.commit(0, batch.into()).await.unwrap();
        }
    }

    fn plan(&self, method: &'static str, number: usize, fate: Fate) {
        self.plans.lock().unwrap().push(Plan { method, calls_before: number - 1, fate });
    }

    /// Counts a call, and returns the plan for it.
    fn fate(&self, method: &'static str) -> Option<Fate> {
        *self.calls.lock().unwrap().entry(method).or_default() += 1;
        if self.stalled.lock().unwrap().contains(method) {
            return Some(Fate::Stalled);
        }
        let mut plans = self.plans.lock().unwrap();
        let due = plans.iter().position(|plan| plan.method == method && plan.calls_before == 0);
        let due = due.map(|index| plans.remove(index).fate);
        for plan in plans.iter_mut().filter(|plan| plan.method == method) {
            plan.calls_before = plan.calls_before.saturating_sub(1);
        }
        due
    }
}

impl Fate {
    async fn apply<T>(self, answer: Result<T>) -> Result<T> {
        let is_released = match self {
            Self::Held { reached, released } => {
                let _ = reached.send(());
                // A test that has ended releases its holds.
                released.await.unwrap_or(true)
            }
            Self::Lost => false,
            Self::Stalled => pending().await,
        };
        if is_released { answer } else { Err(Error::unavailable("the test lost the answer")) }
    }
}

impl Hold {
    /// Waits until the store has done the work of the call.
    pub(crate) async fn reached(&mut self) {
        let reached = timeout(TEST_TIMEOUT, &mut self.reached).await;
        reached.unwrap_or_else(|_| panic!("{} was not called", self.method)).unwrap();
    }

    /// Releases the answer. The caller may have given up.
    pub(crate) fn release(self) {
        let _ = self.release.send(true);
    }

    /// Loses the answer.
    pub(crate) fn lose(self) {
        let _ = self.release.send(false);
    }
}
