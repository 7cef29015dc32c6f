//! Repairs that were requested and not made yet.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::domain::{ConversationId, Error, UserId};
use crate::limits;

/// Repairs that were requested and not made yet. Each kind has a worker of its own, so that none waits for another kind. Bounded by the numbers
/// of conversations and users with connections to this node.
#[derive(Default)]
pub struct RepairQueue {
    /// Conversations whose events are missing.
    pub(super) conversations: Requests<ConversationId>,
    /// Users whose subscriptions may differ from their memberships.
    pub users: Requests<UserId>,
    /// Wakes the comparison of all conversations, users and sessions with the store.
    everything: Notify,
}

impl RepairQueue {
    /// Requests a backfill of a conversation.
    pub fn request_conversation(&self, id: ConversationId) {
        self.conversations.add([id]);
    }

    /// Requests a backfill of conversations, which one question to the store answers.
    pub fn request_conversations(&self, ids: impl IntoIterator<Item = ConversationId>) {
        self.conversations.add(ids);
    }

    /// Requests a comparison of a user's subscriptions with their memberships.
    pub fn request_user(&self, id: UserId) {
        self.users.add([id]);
    }

    /// Requests a comparison of everything.
    pub fn request_everything(&self) {
        self.everything.notify_one();
    }

    /// Waits for a request to compare everything.
    pub async fn everything_requested(&self) {
        self.everything.notified().await;
    }
}

/// The conversations or users whose repairs failed, and the error of one. `None` if all were made.
pub type Failed<T> = Option<(HashSet<T>, Error)>;

/// Requests for repairs of one kind.
pub struct Requests<T> {
    waiting: Mutex<HashSet<T>>,
    not_empty: Notify,
}

impl<T> Default for Requests<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), not_empty: Notify::new() }
    }
}

impl<T: Copy + Eq + Hash> Requests<T> {
    fn add(&self, requests: impl IntoIterator<Item = T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(requests);
        if !waiting.is_empty() {
            self.not_empty.notify_one();
        }
    }

    /// Waits for requests, and takes all of them.
    async fn take(&self) -> HashSet<T> {
        self.not_empty.notified().await;
        mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes repairs with `repair` as they are requested: all that were requested while it made the last ones. Those that fail are made again
    /// after [`limits::RECONCILE_RETRY_PAUSE`], and meanwhile hold up no others.
    pub async fn serve<Fut>(&self, repair: impl Fn(HashSet<T>) -> Fut)
    where
        Fut: Future<Output = Failed<T>>,
    {
        let (mut failed, mut retry_at) = (HashSet::new(), Instant::now());
        loop {
            let mut requested = tokio::select! {
                requested = self.take() => requested,
                () = sleep_until(retry_at), if !failed.is_empty() => mem::take(&mut failed),
            };
            requested.retain(|request| !failed.contains(request));
            if requested.is_empty() {
                continue;
            }
            if let Some((again, error)) = repair(requested).await {
                tracing::warn!(%error, "some missed events could not be read from the store; the node tries again");
                if failed.is_empty() {
                    retry_at = Instant::now() + limits::RECONCILE_RETRY_PAUSE;
                }
                failed.extend(again);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::Requests;
    use crate::domain::Error;

    /// The fake clock advances when no task can go on, so the test waits for no time.
    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_and_holds_up_nothing() {
        let (requests, made) = (Requests::<u8>::default(), Mutex::new(Vec::new()));
        requests.add([1, 2, 2]);
        let (made_ref, requests_ref) = (&made, &requests);
        let serving = requests.serve(|requested| async move {
            let mut numbers: Vec<u8> = requested.into_iter().collect();
            numbers.sort_unstable();
            let mut made = made_ref.lock().expect("not poisoned");
            made.push(numbers.clone());
            match made.len() {
                // While the first repairs are made, one is requested again and two are new.
                1 => requests_ref.add([1, 3, 4]),
                3 => return None,
                _ => {}
            }
            numbers.contains(&1).then(|| ([1].into(), Error::unavailable("a test")))
        });
        assert!(tokio::time::timeout(crate::limits::RECONCILE_RETRY_PAUSE * 3, serving).await.is_err());
        assert_eq!(*made.lock().expect("not poisoned"), [vec![1, 2], vec![3, 4], vec![1]]);
    }
}
