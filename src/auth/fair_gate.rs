//! A gate for expensive work of callers who are not known yet, shared fairly by their networks.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::network::network_of;

/// Lets a number of callers work at a time. Others wait: networks take turns, and the callers of one network wait in order of arrival. When too
/// many wait, the network with the most loses its newest, so that no network can keep another one out. An IPv6 network of 48 bits counts as
/// one, because that is what one customer gets.
pub(super) struct FairGate {
    state: Arc<Mutex<State>>,
}

struct State {
    /// Callers who may still begin to work.
    free: usize,
    waiting_max: usize,
    waiting: HashMap<IpAddr, VecDeque<oneshot::Sender<Pass>>>,
    /// The networks with waiting callers, the next one first.
    turns: VecDeque<IpAddr>,
}

/// The right to work, until it is dropped. Then the next caller has it.
pub(super) struct Pass(Option<Arc<Mutex<State>>>);

impl FairGate {
    /// A gate for `working_max` callers at a time, before which `waiting_max` wait.
    pub(super) fn new(working_max: usize, waiting_max: usize) -> Self {
        let state = State { free: working_max, waiting_max, waiting: HashMap::new(), turns: VecDeque::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a pass. Returns `None` if too many wait already. The future can be dropped.
    pub(super) async fn enter(&self, address: IpAddr) -> Option<Pass> {
        let passed = {
            let mut state = lock(&self.state);
            if state.free > 0 {
                state.free -= 1;
                return Some(Pass(Some(Arc::clone(&self.state))));
            }
            state.wait(customer(address))?
        };
        passed.await.ok()
    }
}

impl State {
    /// Adds a caller to those who wait. Returns `None` if there is no room, and no network has more waiting callers than theirs.
    fn wait(&mut self, network: IpAddr) -> Option<oneshot::Receiver<Pass>> {
        if self.count() >= self.waiting_max {
            // Callers who have gone make room first.
            self.waiting.values_mut().for_each(|queue| queue.retain(|caller| !caller.is_closed()));
        }
        if self.count() >= self.waiting_max {
            let own = self.waiting.get(&network).map_or(0, VecDeque::len);
            let most = self.waiting.values_mut().max_by_key(|queue| queue.len())?;
            if most.len() <= own + 1 {
                return None;
            }
            most.pop_back();
        }
        let (caller, passed) = oneshot::channel();
        let queue = self.waiting.entry(network).or_default();
        queue.push_back(caller);
        if !self.turns.contains(&network) {
            self.turns.push_back(network);
        }
        Some(passed)
    }

    fn count(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Returns the next caller who waits.
    fn next(&mut self) -> Option<oneshot::Sender<Pass>> {
        loop {
            let network = self.turns.pop_front()?;
            let queue = self.waiting.get_mut(&network);
            let next = queue.and_then(VecDeque::pop_front);
            if self.waiting.get(&network).is_some_and(|queue| !queue.is_empty()) {
                self.turns.push_back(network);
            } else {
                self.waiting.remove(&network);
            }
            if next.is_some() {
                return next;
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut state = lock(&shared);
        let mut pass = Self(Some(Arc::clone(&shared)));
        while let Some(caller) = state.next() {
            match caller.send(pass) {
                Ok(()) => return,
                // The caller has gone.
                Err(returned) => pass = returned,
            }
        }
        // Nobody waits, and nothing is left for this pass to do when it is dropped.
        pass.0 = None;
        state.free += 1;
    }
}

/// Returns the network of one customer: an IPv4 address, or the first 48 bits of an IPv6 address.
fn customer(address: IpAddr) -> IpAddr {
    network_of(address, 32, 48)
}

/// A panic under the lock leaves a valid state.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::{FairGate, Pass, lock};

    fn at(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Pass>> + 'a>>;

    fn poll(waiting: &mut Waiting<'_>) -> Poll<Option<Pass>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Begins to wait. The caller must not get a pass at once.
    fn wait(gate: &FairGate, address: IpAddr) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(gate.enter(address));
        assert!(poll(&mut waiting).is_pending());
        waiting
    }

    fn is_refused(gate: &FairGate, address: IpAddr) -> bool {
        matches!(pin!(gate.enter(address)).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(None))
    }

    #[tokio::test]
    async fn networks_take_turns() {
        let gate = FairGate::new(1, 10);
        let mut pass = gate.enter(at(1)).await;
        let mut waiting: Vec<Waiting<'_>> = [1, 1, 1, 2].map(|number| wait(&gate, at(number))).into();
        for expected in [0, 3, 1, 2] {
            drop(pass.take());
            let ready: Vec<usize> = (0..4)
                .filter(|index| match poll(&mut waiting[*index]) {
                    Poll::Ready(next) => {
                        pass = next;
                        waiting[*index] = Box::pin(std::future::pending());
                        true
                    }
                    Poll::Pending => false,
                })
                .collect();
            assert_eq!(ready, [expected]);
            assert!(pass.is_some());
        }
        drop(pass);
        assert_eq!(lock(&gate.state).free, 1);
    }

    #[tokio::test]
    async fn the_largest_network_makes_room() {
        let gate = FairGate::new(1, 4);
        let pass = gate.enter(at(1)).await;
        let mut first: Vec<Waiting<'_>> = (0..4).map(|_| wait(&gate, at(1))).collect();
        assert!(is_refused(&gate, at(1)), "it has the most itself");
        let mut second: Vec<Waiting<'_>> = (0..2).map(|_| wait(&gate, at(2))).collect();
        assert!(is_refused(&gate, at(2)), "it would have more than the other");
        let lost: Vec<bool> = first.iter_mut().map(|waiting| matches!(poll(waiting), Poll::Ready(None))).collect();
        assert_eq!(lost, [false, false, true, true], "the newest");
        drop(pass);
        assert!(matches!(poll(&mut first[0]), Poll::Ready(Some(_))));
        assert!(matches!(poll(&mut second[0]), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn callers_who_have_gone_are_passed_over() {
        let gate = FairGate::new(1, 2);
        let pass = gate.enter(at(1)).await;
        let gone = [wait(&gate, at(2)), wait(&gate, at(3))];
        drop(gone);
        let mut stays = wait(&gate, at(1));
        drop(pass);
        // The pass is on its way to a caller who goes before they have it.
        drop(std::mem::replace(&mut stays, Box::pin(std::future::pending())));
        assert_eq!(lock(&gate.state).free, 1);
        assert!(lock(&gate.state).waiting.is_empty() && lock(&gate.state).turns.is_empty());
        assert!(gate.enter(at(1)).await.is_some());
    }

    #[tokio::test]
    async fn an_ipv6_network_of_48_bits_is_one() {
        let gate = FairGate::new(1, 2);
        let _pass = gate.enter(at(1)).await;
        let v6 = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let mut own = [wait(&gate, v6("2001:db8:1:1::1")), wait(&gate, v6("2001:db8:1:2::1"))];
        assert!(is_refused(&gate, v6("2001:db8:1:3::1")));
        let _other = wait(&gate, v6("2001:db8:2::1"));
        assert!(matches!(poll(&mut own[1]), Poll::Ready(None)));
    }
}
