//! Permits for work that a node does only little of at a time, shared fairly by users.

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
    /// The two permits, of the user and of the node. They are returned before the user is forgotten.
    held: Option<[OwnedSemaphorePermit; 2]>,
}

impl UserPermits {
    /// Returns `all` permits, at most `per_user` for each user.
    pub fn new(all: usize, per_user: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_user, users: Mutex::default() }
    }

    /// Waits for a permit, in order of arrival. The future can be dropped.
    pub async fn acquire(&self, user_id: UserId) -> Result<UserPermit<'_>> {
        let own = Arc::clone(self.lock().entry(user_id).or_insert_with(|| Arc::new(Semaphore::new(self.per_user))));
        // Made first, so that a future that is dropped while it waits forgets the user too.
        let mut permit = UserPermit { permits: self, user_id, held: None };
        // The semaphores are never closed.
        let own = own.acquire_owned().await.map_err(Error::internal)?;
        let all = Arc::clone(&self.all).acquire_owned().await.map_err(Error::internal)?;
        permit.held = Some([own, all]);
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
        self.held = None;
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
