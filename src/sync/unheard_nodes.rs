//! Unheard nodes: nodes that hold a lease in this node's database, and of which its bus brings nothing.
//!
//! Nodes whose settings name different buses work, and each reads the events of the other with the next heartbeat. No error tells the operator, so
//! this node does.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use crate::domain::Incarnation;
use crate::limits;

/// How long the nodes that hold a lease have been silent. Bounded by the leases.
#[derive(Default)]
pub(super) struct UnheardNodes(HashMap<Incarnation, Silence>);

struct Silence {
    since: Instant,
    is_said: bool,
}

/// A finding that the log says once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Unheard(Incarnation),
    HeardAgain(Incarnation),
}

impl UnheardNodes {
    /// Looks at the nodes that hold a lease. Packets of those in `heard` came since the last look. While this node cannot hear anybody, no silence
    /// counts: its carrier says that it is cut off.
    pub(super) fn look(
        &mut self,
        leased: &[Incarnation],
        heard: &HashSet<Incarnation>,
        can_hear: bool,
        now: Instant,
    ) -> Vec<Finding> {
        let mut before = std::mem::take(&mut self.0);
        let mut findings = Vec::new();
        for &node in leased {
            let mut silence = before.remove(&node).unwrap_or(Silence { since: now, is_said: false });
            if heard.contains(&node) {
                if silence.is_said {
                    findings.push(Finding::HeardAgain(node));
                }
                silence = Silence { since: now, is_said: false };
            } else if !can_hear {
                silence.since = now;
            } else if !silence.is_said && now - silence.since >= limits::PEER_SILENCE_MAX {
                silence.is_said = true;
                findings.push(Finding::Unheard(node));
            }
            self.0.insert(node, silence);
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tokio::time::Instant;

    use super::{Finding, UnheardNodes};
    use crate::domain::Incarnation;
    use crate::limits::{LEASE_RENEWAL, PEER_SILENCE_MAX};

    /// Looks once each renewal for as long as a node may be silent, and twice more. Returns what was said.
    fn looks(
        nodes: &mut UnheardNodes,
        leased: &[Incarnation],
        heard: &[Incarnation],
        can_hear: bool,
        now: &mut Instant,
    ) -> Vec<Finding> {
        let heard: HashSet<Incarnation> = heard.iter().copied().collect();
        let mut all = Vec::new();
        for _ in 0..PEER_SILENCE_MAX.as_secs() / LEASE_RENEWAL.as_secs() + 2 {
            all.extend(nodes.look(leased, &heard, can_hear, *now));
            *now += LEASE_RENEWAL;
        }
        all
    }

    #[test]
    fn a_silent_node_is_named_once_until_it_is_heard() {
        let (mut nodes, mut now) = (UnheardNodes::default(), Instant::now());
        let (silent, other) = (Incarnation::new(), Incarnation::new());
        let leased = [silent, other];
        assert_eq!(looks(&mut nodes, &leased, &[other], true, &mut now), [Finding::Unheard(silent)]);
        assert_eq!(looks(&mut nodes, &leased, &[other], true, &mut now), []);
        assert_eq!(looks(&mut nodes, &leased, &leased, true, &mut now), [Finding::HeardAgain(silent)]);
        assert_eq!(looks(&mut nodes, &leased, &[other], true, &mut now), [Finding::Unheard(silent)]);
    }

    #[test]
    fn no_silence_counts_while_this_node_hears_nobody() {
        let (mut nodes, mut now) = (UnheardNodes::default(), Instant::now());
        let leased = [Incarnation::new()];
        assert_eq!(looks(&mut nodes, &leased, &[], false, &mut now), []);
        assert_eq!(nodes.look(&leased, &HashSet::new(), true, now), [], "it begins when the bus is back");
        now += PEER_SILENCE_MAX.saturating_sub(2 * LEASE_RENEWAL);
        assert_eq!(nodes.look(&leased, &HashSet::new(), true, now), []);
        now += LEASE_RENEWAL;
        assert_eq!(nodes.look(&leased, &HashSet::new(), true, now), [Finding::Unheard(leased[0])]);
    }

    #[test]
    fn nodes_that_replace_each_other_are_not_named() {
        let (mut nodes, mut now) = (UnheardNodes::default(), Instant::now());
        for _ in 0..20 {
            let leased = [Incarnation::new()];
            for _ in 0..4 {
                assert_eq!(nodes.look(&leased, &HashSet::new(), true, now), []);
                now += LEASE_RENEWAL;
            }
        }
        assert_eq!(nodes.0.len(), 1, "nodes without a lease are forgotten");
    }
}
