//! Permits for work that a node does only little of at a time, shared fairly by users.
//!
//! The store does not know for whom it works. So whoever calls it for a user takes a permit first: the dispatcher for every call of an
//! operation, and a connection for its snapshot and for what it misses. Work of the node itself needs none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::{Error, Result, UserId};

/// A number of permits, of which each user has at most a part. A user who asks for more waits for their own, so nobody waits behind more than
/// that part of any other user's work.
pub struct UserPermits {
    all: Arc<Semaphore>,
    per_user: usize,
    /// The users who have or want a permit.
    users: Mutex<HashMap<UserId, Arc<Semaphore>>>,
}

/// A permit, until it is dropped.
pub struct UserPermit<'a> {
    permits: &'a UserPermits,
    user_id: UserId,
    /// Returned before the user is forgotten.
    own: Option<OwnedSemaphorePermit>,
    of_node: Option<OwnedSemaphorePermit>,
}

impl UserPermits {
    /// As many permits for a user as work can be under way.
    pub const UNBOUNDED: usize = Semaphore::MAX_PERMITS;

    /// Returns `all` permits, at most `per_user` for each user.
    pub fn new(all: usize, per_user: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_user, users: Mutex::default() }
    }

    /// Waits for a permit of the user and one of the node, in order of arrival. The future can be dropped.
    pub async fn acquire(&self, user_id: UserId) -> Result<UserPermit<'_>> {
        let mut permit = self.acquire_own(user_id).await?;
        // The semaphores are never closed.
        permit.of_node = Some(Arc::clone(&self.all).acquire_owned().await.map_err(Error::internal)?);
        Ok(permit)
    }

    /// Waits for a permit of the user, for work of which the node may do as much as all users ask for. The future can be dropped.
    pub async fn acquire_own(&self, user_id: UserId) -> Result<UserPermit<'_>> {
        let own = Arc::clone(self.lock().entry(user_id).or_insert_with(|| Arc::new(Semaphore::new(self.per_user))));
        // Made first, so that a future that is dropped while it waits forgets the user too.
        let mut permit = UserPermit { permits: self, user_id, own: None, of_node: None };
        permit.own = Some(own.acquire_owned().await.map_err(Error::internal)?);
        Ok(permit)
    }

    /// A panic under the lock leaves a valid map.
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UserPermit<'_> {
    fn drop(&mut self) {
        let mut users = self.permits.lock();
        (self.own, self.of_node) = (None, None);
        // Every permit, and every future that waits for one, has a reference of its own.
        if users.get(&self.user_id).is_some_and(|own| Arc::strong_count(own) == 1) {
            users.remove(&self.user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::UserPermits;
    use crate::domain::UserId;

    fn is_ready(future: impl Future) -> bool {
        matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
    }

    #[tokio::test]
    async fn a_user_waits_for_their_own_permits_and_leaves_others_room() {
        let (permits, [ada, grace, joan]) = (UserPermits::new(3, 2), [(); 3].map(|()| UserId::new()));
        let first = permits.acquire(ada).await.expect("free");
        let second = permits.acquire(ada).await.expect("free");
        assert!(!is_ready(permits.acquire(ada)), "the third of one user");
        let other = permits.acquire(grace).await.expect("free");
        assert!(!is_ready(permits.acquire(joan)), "the fourth of all");
        assert!(is_ready(permits.acquire_own(joan)), "work that the node has no bound for");
        assert!(!is_ready(permits.acquire_own(ada)), "but its user has");
        drop(first);
        assert!(is_ready(permits.acquire(joan)) && is_ready(permits.acquire(ada)));
        drop((second, other));
        assert!(permits.lock().is_empty(), "users without permits are forgotten");
    }

    #[tokio::test]
    async fn who_waits_gets_the_permit_that_is_returned() {
        let (permits, ada) = (UserPermits::new(1, 1), UserId::new());
        let first = permits.acquire(ada).await.expect("free");
        let waiting = async {
            permits.acquire(ada).await.expect("returned");
        };
        let returning = async { drop(first) };
        tokio::join!(waiting, returning);
        assert!(permits.lock().is_empty());
    }
}
