//! Budgets of a node's memory: one for the bytes that wait, for a peer to take them or for the rest of them to arrive, and one for subscriptions.
//!
//! Each byte is charged to a user and to a network. Whoever would hold more than their share gets no more, and so does whoever already holds
//! much while little of the budget is left. So clients that do not read, or hear very many conversations, cost others nothing.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sharded::Sharded;
use crate::domain::UserId;
use crate::limits::{self, MemoryBounds};

/// The user and the network that bytes are charged to.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// The user, once it is known.
    pub user_id: Option<UserId>,
    /// The network: an IPv4 address, or the first 64 bits of an IPv6 address.
    pub network: IpAddr,
}

impl Holder {
    /// A client without a user, in the network of this computer.
    pub const LOCAL: Self = Self { user_id: None, network: IpAddr::V4(Ipv4Addr::LOCALHOST) };
}

/// A budget of a node, see [`limits::WAITING`] and [`limits::SUBSCRIPTIONS`].
pub struct MemoryBudget {
    bounds: MemoryBounds,
    bytes: AtomicUsize,
    /// The part of them that no user is charged for.
    anonymous: AtomicUsize,
    /// The bytes of each user and each network that holds any. `None` if there are no shares.
    held: Option<(Sharded<UserId, usize>, Sharded<IpAddr, usize>)>,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(limits::WAITING, true)
    }
}

impl MemoryBudget {
    /// A budget of which nothing is used.
    pub fn new(bounds: MemoryBounds, has_shares: bool) -> Self {
        Self {
            bounds,
            bytes: AtomicUsize::new(0),
            anonymous: AtomicUsize::new(0),
            held: has_shares.then(|| (Sharded::new(), Sharded::new())),
        }
    }

    /// The number of bytes that are charged.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns true if only the reserve is left, a quarter of the budget.
    pub(super) fn is_scarce(&self) -> bool {
        self.bytes() > self.bounds.total / 4 * 3
    }

    /// Reserves bytes. Returns false, and reserves nothing, if the budget or the holder's share is used up.
    fn reserve(&self, holder: &Holder, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_reserved = before + bytes <= self.bounds.total && self.reserve_share(holder, bytes);
        if !is_reserved {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_reserved
    }

    fn reserve_share(&self, holder: &Holder, bytes: usize) -> bool {
        let Some((users, networks)) = &self.held else { return true };
        let (bounds, is_scarce) = (&self.bounds, self.is_scarce());
        let share = |most: usize| if is_scarce { bounds.modest } else { most };
        let Some(user_id) = holder.user_id else {
            let before = self.anonymous.fetch_add(bytes, Ordering::Relaxed);
            let is_added = before + bytes <= bounds.anonymous
                && add(networks, holder.network, bytes, share(bounds.per_network_anonymous));
            if !is_added {
                self.anonymous.fetch_sub(bytes, Ordering::Relaxed);
            }
            return is_added;
        };
        if !add(users, user_id, bytes, share(bounds.per_user)) {
            return false;
        }
        let is_added = add(networks, holder.network, bytes, bounds.per_network);
        if !is_added {
            subtract(users, user_id, bytes);
        }
        is_added
    }

    /// Returns true if a user's own share has no room for further bytes.
    fn exceeds_share(&self, user_id: Option<UserId>, bytes: usize) -> bool {
        let Some(((users, _), user_id)) = self.held.as_ref().zip(user_id) else { return false };
        users.with(&user_id, |shard| shard.get(&user_id).copied().unwrap_or(0)) + bytes > self.bounds.per_user
    }

    fn release(&self, holder: &Holder, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some((users, networks)) = &self.held {
            match holder.user_id {
                Some(user_id) => subtract(users, user_id, bytes),
                None => drop(self.anonymous.fetch_sub(bytes, Ordering::Relaxed)),
            }
            subtract(networks, holder.network, bytes);
        }
    }
}

fn add<K: Hash + Eq + Copy>(held: &Sharded<K, usize>, key: K, bytes: usize, most: usize) -> bool {
    held.with(&key, |shard| {
        let sum = shard.get(&key).copied().unwrap_or(0) + bytes;
        let fits = sum <= most;
        if fits {
            shard.insert(key, sum);
        }
        fits
    })
}

fn subtract<K: Hash + Eq>(held: &Sharded<K, usize>, key: K, bytes: usize) {
    held.with(&key, |shard| {
        if let Some(sum) = shard.get_mut(&key) {
            *sum = sum.saturating_sub(bytes);
            if *sum == 0 {
                shard.remove(&key);
            }
        }
    });
}

/// Bytes of a holder, charged until this is dropped. Charging nothing costs nothing.
pub struct Charge {
    budget: Arc<MemoryBudget>,
    holder: Holder,
    bytes: usize,
}

impl Charge {
    /// A charge of no bytes.
    pub fn new(budget: &Arc<MemoryBudget>, holder: Holder) -> Self {
        Self { budget: Arc::clone(budget), holder, bytes: 0 }
    }

    /// Returns true if the holder may hold more bytes. Costs nothing while nothing is charged on the node.
    pub fn has_room(&self) -> bool {
        self.budget.bytes() == 0 || {
            let is_reserved = self.budget.reserve(&self.holder, 1);
            self.budget.release(&self.holder, usize::from(is_reserved));
            is_reserved
        }
    }

    /// Returns true if the share of the holder's user has no room for further bytes.
    pub(super) fn exceeds_share(&self, further: usize) -> bool {
        self.budget.exceeds_share(self.holder.user_id, further)
    }

    /// Changes the number of bytes. Returns false, and changes nothing, if the budget or the holder's share is used up.
    pub fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes {
            if !self.budget.reserve(&self.holder, bytes - self.bytes) {
                return false;
            }
        } else {
            self.budget.release(&self.holder, self.bytes - bytes);
        }
        self.bytes = bytes;
        true
    }

    /// Like [`Charge::resize`], for bytes that something else bounds as well. Charges none if there are at most
    /// [`limits::UNCHARGED_BYTES_MAX`].
    pub fn resize_if_large(&mut self, bytes: usize) -> bool {
        self.resize(if bytes > limits::UNCHARGED_BYTES_MAX { bytes } else { 0 })
    }

    /// Charges a user as well from now on. Bytes that wait already are charged with the next change if the user's share has no room for them.
    pub fn set_user(&mut self, user_id: UserId) {
        let bytes = std::mem::take(&mut self.bytes);
        self.budget.release(&self.holder, bytes);
        self.holder.user_id = Some(user_id);
        self.resize(bytes);
    }

    pub(super) fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    pub(super) fn holder(&self) -> Holder {
        self.holder
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.release(&self.holder, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use std::sync::atomic::Ordering;

    use super::{Charge, Holder, MemoryBudget};
    use crate::domain::UserId;
    use crate::limits::{
        MemoryBounds, UNCHARGED_BYTES_MAX, WAITING, WAITING_BYTES_ANONYMOUS_MAX, WAITING_BYTES_MODEST,
        WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX, WAITING_BYTES_PER_NETWORK_MAX, WAITING_BYTES_PER_USER_MAX,
    };

    fn budget(total: usize, has_shares: bool) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget::new(MemoryBounds { total, ..WAITING }, has_shares))
    }

    fn network(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn charge(budget: &Arc<MemoryBudget>, user_id: Option<UserId>, number: u8) -> Charge {
        Charge::new(budget, Holder { user_id, network: network(number) })
    }

    #[test]
    fn a_user_and_a_network_hold_no_more_than_their_shares() {
        let budget = budget(usize::MAX, true);
        let user_id = Some(UserId::new());
        let (mut first, mut second) = (charge(&budget, user_id, 1), charge(&budget, user_id, 2));
        assert!(first.resize(WAITING_BYTES_PER_USER_MAX - 10));
        assert!(!second.resize(11), "the share of the user, whatever the network");
        assert!(second.resize(10) && !first.resize(WAITING_BYTES_PER_USER_MAX));
        assert_eq!(budget.bytes(), WAITING_BYTES_PER_USER_MAX, "a refusal charges nothing");
        let mut others: Vec<Charge> = (0..8).map(|_| charge(&budget, Some(UserId::new()), 3)).collect();
        assert_eq!(8 * WAITING_BYTES_PER_USER_MAX, WAITING_BYTES_PER_NETWORK_MAX);
        assert!(others.iter_mut().all(|other| other.resize(WAITING_BYTES_PER_USER_MAX)));
        assert!(!charge(&budget, Some(UserId::new()), 3).resize(1), "the share of the network");
        assert!(!charge(&budget, None, 3).resize(1), "which clients without a user share");
        others.truncate(1);
        assert!(others[0].resize(5) && charge(&budget, None, 3).resize(1));
        drop((first, second, others));
        assert_eq!(budget.bytes(), 0);
        assert!(charge(&budget, user_id, 3).resize(WAITING_BYTES_PER_USER_MAX), "shares are free again");
    }

    #[test]
    fn the_reserve_is_for_those_who_hold_little() {
        let budget = budget(16 * WAITING_BYTES_MODEST, true);
        let mut greedy = charge(&budget, Some(UserId::new()), 1);
        assert!(greedy.resize(12 * WAITING_BYTES_MODEST));
        assert!(
            !greedy.resize(12 * WAITING_BYTES_MODEST + 1)
                && budget.is_scarce() == (budget.bytes() > 12 * WAITING_BYTES_MODEST)
        );
        let mut modest: Vec<Charge> = (2..6).map(|number| charge(&budget, Some(UserId::new()), number)).collect();
        assert!(modest.iter_mut().all(|modest| modest.resize(WAITING_BYTES_MODEST)));
        assert!(!charge(&budget, Some(UserId::new()), 9).resize(1), "the budget is used up");
        assert!(greedy.resize(0) && charge(&budget, Some(UserId::new()), 9).resize(1));
    }

    #[test]
    fn without_shares_only_the_budget_counts() {
        let budget = budget(2 * WAITING_BYTES_PER_NETWORK_MAX, false);
        let mut only = charge(&budget, Some(UserId::new()), 1);
        assert!(only.resize(2 * WAITING_BYTES_PER_NETWORK_MAX));
        assert!(!only.resize(2 * WAITING_BYTES_PER_NETWORK_MAX + 1));
    }

    #[test]
    fn a_user_is_charged_from_when_they_are_known() {
        let budget = budget(usize::MAX, true);
        let user_id = UserId::new();
        let mut before = charge(&budget, None, 1);
        assert!(before.resize(WAITING_BYTES_PER_USER_MAX));
        assert_eq!(budget.anonymous.load(Ordering::Relaxed), WAITING_BYTES_PER_USER_MAX);
        before.set_user(user_id);
        assert!(!charge(&budget, Some(user_id), 2).resize(1));
        drop(before);
        assert_eq!((budget.bytes(), budget.anonymous.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn clients_without_a_user_leave_room_for_users() {
        let budget = budget(usize::MAX, true);
        let network_max = WAITING_BYTES_PER_NETWORK_ANONYMOUS_MAX;
        let networks = WAITING_BYTES_ANONYMOUS_MAX / network_max;
        let mut all: Vec<Charge> = (0u8..).take(networks).map(|number| charge(&budget, None, number)).collect();
        assert!(!all[0].resize(network_max + 1) && all.iter_mut().all(|charge| charge.resize(network_max)));
        assert!(!charge(&budget, None, 99).resize(1), "all of them together");
        assert!(charge(&budget, Some(UserId::new()), 0).resize(WAITING_BYTES_PER_USER_MAX));
    }

    #[test]
    fn few_bytes_are_not_charged() {
        let budget = Arc::new(MemoryBudget::default());
        let mut charge = charge(&budget, None, 1);
        assert!(charge.resize_if_large(UNCHARGED_BYTES_MAX) && budget.bytes() == 0);
        assert!(charge.resize_if_large(UNCHARGED_BYTES_MAX + 1) && budget.bytes() == UNCHARGED_BYTES_MAX + 1);
        assert!(charge.resize_if_large(1) && budget.bytes() == 0);
    }
}
