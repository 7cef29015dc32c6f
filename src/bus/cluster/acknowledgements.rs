//! Acknowledgements: a node waits until the others have done what it asks for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::bus::RequestId;
use crate::domain::Incarnation;
use crate::limits;

/// The acknowledgements that this node waits for, of at most [`limits::REQUESTS_ACKNOWLEDGED_MAX`] requests.
#[derive(Default)]
pub(super) struct Acknowledgements(Mutex<HashMap<RequestId, Missing>>);

/// The nodes that have not acknowledged a request.
struct Missing {
    nodes: HashSet<Incarnation>,
    none_left: Arc<Notify>,
}

/// A request whose acknowledgements are awaited. Dropping it ends that.
pub(super) struct Request<'a> {
    all: &'a Acknowledgements,
    pub(super) id: RequestId,
    none_left: Arc<Notify>,
}

impl Acknowledgements {
    /// Returns a new request that each of these nodes acknowledges. `None` if too many requests are waiting, or if there are no nodes.
    pub(super) fn request(&self, nodes: &[Incarnation]) -> Option<Request<'_>> {
        let mut waiting = self.waiting();
        if nodes.is_empty() || waiting.len() >= limits::REQUESTS_ACKNOWLEDGED_MAX {
            return None;
        }
        let (id, none_left) = (RequestId(Uuid::now_v7()), Arc::<Notify>::default());
        waiting.insert(id, Missing { nodes: nodes.iter().copied().collect(), none_left: Arc::clone(&none_left) });
        Some(Request { all: self, id, none_left })
    }

    /// Records the acknowledgement of a node. Ignores one that no request waits for.
    pub(super) fn record(&self, id: RequestId, from: Incarnation) {
        if let Some(missing) = self.waiting().get_mut(&id)
            && missing.nodes.remove(&from)
            && missing.nodes.is_empty()
        {
            missing.none_left.notify_one();
        }
    }

    /// A panic under the lock leaves a valid map.
    fn waiting(&self) -> MutexGuard<'_, HashMap<RequestId, Missing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request<'_> {
    /// Waits until all nodes have acknowledged.
    pub(super) async fn acknowledged(&self) {
        self.none_left.notified().await;
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.all.waiting().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Acknowledgements;
    use crate::domain::Incarnation;
    use crate::limits::REQUESTS_ACKNOWLEDGED_MAX;

    #[test]
    fn a_request_is_over_when_every_node_has_acknowledged_it() {
        let (all, one, other) = (Acknowledgements::default(), Incarnation::new(), Incarnation::new());
        let request = all.request(&[one, other]).expect("two nodes");
        for from in [one, one, Incarnation::new()] {
            all.record(request.id, from);
            assert!(request.acknowledged().now_or_never().is_none());
        }
        all.record(request.id, other);
        assert!(request.acknowledged().now_or_never().is_some());
        assert!(all.request(&[]).is_none(), "a node that is alone waits for nobody");
    }

    #[test]
    fn the_requests_that_wait_are_bounded() {
        let (all, node) = (Acknowledgements::default(), Incarnation::new());
        let mut requests: Vec<_> = (0..REQUESTS_ACKNOWLEDGED_MAX).map(|_| all.request(&[node])).collect();
        assert!(requests.iter().all(Option::is_some));
        assert!(all.request(&[node]).is_none());
        requests.pop();
        assert!(all.request(&[node]).is_some());
    }
}
