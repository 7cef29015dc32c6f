//! Tests of the gate: connections and packets of several histories.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{Generation, History, HistoryGate, Mismatch};

fn history(cluster: i64, timeline: u32) -> History {
    History { cluster, timeline }
}

/// Returns the answer of the gate to a packet, and checks that it is delivered if it should be.
fn deliver(gate: &HistoryGate, seen: Option<History>) -> Result<(), Mismatch> {
    let mut is_delivered = false;
    let result = gate.deliver_of(seen, || is_delivered = true);
    assert_eq!(result.is_ok(), is_delivered);
    result
}

#[test]
fn another_timeline_closes_the_gate_until_it_is_opened() {
    let gate = HistoryGate::default();
    let admit = |cluster, timeline| gate.admit(Some(history(cluster, timeline)));
    assert_eq!(admit(1, 9), Ok(0));
    assert_eq!(admit(1, 9), Ok(0));
    assert_eq!(gate.admit(None), Ok(0), "a server that does not say");
    assert!(gate.replaced(0).now_or_never().is_none());
    assert!(admit(1, 10).is_err());
    assert!(gate.replaced(0).now_or_never().is_some());
    assert!(admit(1, 10).is_err(), "closed");
    gate.open();
    assert!(
        gate.replaced(0).now_or_never().is_some(),
        "the gate is open again, and the generation is over all the same"
    );
    assert_eq!(admit(1, 10), Ok(1));
    assert!(admit(1, 9).is_err(), "the primary of before");
    assert_eq!(admit(1, 10), Ok(1), "which closes nothing");
    assert!(admit(2, 1).is_err(), "another cluster");
    gate.open();
    assert_eq!(admit(2, 1), Ok(2));
    assert_eq!(gate.current(), (2, Some(history(2, 1))));
}

#[test]
fn a_packet_of_another_history_is_not_delivered() {
    let gate = HistoryGate::default();
    assert_eq!(deliver(&gate, Some(history(1, 9))), Ok(()), "this node does not know its own");
    assert_eq!(gate.admit(Some(history(1, 9))), Ok(0));
    assert_eq!(deliver(&gate, Some(history(1, 9))), Ok(()));
    assert_eq!(deliver(&gate, None), Ok(()), "a node that does not say");
    assert_eq!(deliver(&gate, Some(history(1, 8))), Err(Mismatch::Other));
    assert_eq!(deliver(&gate, Some(history(2, 99))), Err(Mismatch::Other), "another cluster has other timelines");
    assert_eq!(gate.admit(Some(history(1, 9))), Ok(0), "neither closes anything");
}

#[test]
fn a_packet_of_a_newer_history_closes_the_gate_until_this_node_has_reached_it() {
    let gate = HistoryGate::default();
    assert_eq!(gate.admit(Some(history(1, 9))), Ok(0));
    assert_eq!(deliver(&gate, Some(history(1, 10))), Err(Mismatch::Unconfirmed));
    assert!(gate.closed().now_or_never().is_some());
    assert_eq!(gate.generation(), 1, "no connection of before is used again");
    gate.open();
    for server in [Some(history(1, 9)), None] {
        assert!(gate.admit(server).is_err(), "this server may be the primary of before");
        assert_eq!(deliver(&gate, Some(history(1, 10))), Err(Mismatch::Unconfirmed));
    }
    assert_eq!(gate.admit(Some(history(1, 10))), Ok(1));
    assert_eq!(deliver(&gate, Some(history(1, 10))), Ok(()));
    assert_eq!(deliver(&gate, Some(history(1, 9))), Err(Mismatch::Other));
}

#[test]
fn nothing_is_delivered_before_the_connections_have_ended() {
    let gate = HistoryGate::default();
    assert_eq!(gate.admit(Some(history(1, 9))), Ok(0));
    assert!(gate.admit(Some(history(1, 10))).is_err());
    assert_eq!(deliver(&gate, Some(history(1, 10))), Err(Mismatch::Unconfirmed));
    gate.open();
    assert_eq!(deliver(&gate, Some(history(1, 10))), Ok(()));
}

#[test]
fn events_of_a_history_that_was_replaced_are_not_delivered() {
    let gate = Arc::<HistoryGate>::default();
    assert_eq!(gate.admit(Some(history(1, 9))), Ok(0));
    let (generation, mut delivered) = (Generation { gate: Some(Arc::clone(&gate)), number: 0 }, 0);
    generation.deliver(|| delivered += 1);
    assert!(gate.admit(Some(history(1, 10))).is_err());
    gate.open();
    generation.deliver(|| delivered += 1);
    assert_eq!((delivered, generation.is_current()), (1, false));
    Generation { gate: None, number: 0 }.deliver(|| delivered += 1);
    assert_eq!(delivered, 2, "a store that is not replicated");
}
