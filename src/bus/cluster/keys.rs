//! The keys of the bus: one for each incarnation of a node, derived from the server's secret.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hmac;
use uuid::Uuid;

use crate::domain::Incarnation;
use crate::limits;

/// Separates the keys of the bus from the server's other keys. Its number counts the forms of a packet.
const PURPOSE: &[u8] = b"chinwag bus 2";

/// Derives keys. HMAC-SHA-256 is the pseudorandom function, as in NIST SP 800-108r1.
pub(super) struct KeyDerivation(hmac::Key);

impl KeyDerivation {
    /// Derives from the server's secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Returns the key by which an incarnation seals, and all others open what it sealed.
    pub(super) fn derive(&self, cluster_id: Uuid, incarnation: Incarnation) -> LessSafeKey {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(cluster_id.as_bytes());
        context.update(incarnation.0.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, context.sign().as_ref());
        LessSafeKey::new(key.expect("SHA-256 and a key of AES-256 have 32 bytes"))
    }
}

/// The keys of other incarnations of this node's cluster. Only an incarnation of which a packet was authentic has one here. Bounded by
/// [`limits::BUS_KEYS_MAX`].
#[derive(Default)]
pub(super) struct KnownKeys(Mutex<HashMap<Incarnation, Arc<LessSafeKey>>>);

impl KnownKeys {
    /// Returns the key of an incarnation, if it is known.
    pub(super) fn get(&self, of: Incarnation) -> Option<Arc<LessSafeKey>> {
        self.keys().get(&of).map(Arc::clone)
    }

    /// Keeps a key. Drops all others if there are too many: they are derived again when they are needed.
    pub(super) fn insert(&self, of: Incarnation, key: LessSafeKey) {
        let mut keys = self.keys();
        if keys.len() >= limits::BUS_KEYS_MAX {
            keys.clear();
        }
        keys.insert(of, Arc::new(key));
    }

    /// Drops the keys of all incarnations but these.
    pub(super) fn retain(&self, incarnations: &HashSet<Incarnation>) {
        self.keys().retain(|incarnation, _| incarnations.contains(incarnation));
    }

    /// Returns the number of keys.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys().len()
    }

    /// A panic under the lock leaves a valid map.
    fn keys(&self) -> MutexGuard<'_, HashMap<Incarnation, Arc<LessSafeKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
