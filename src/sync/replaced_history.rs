//! Ends what this node knows when the database turns out to be another one, as after a failover to a standby that lacked the newest events.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Envelope, Hints};
use crate::registry::Registry;
use crate::store::Store;
use crate::wire::close::Close;

/// Closes all connections whenever the store's history is replaced, until `stop`. Their clients come back and resume, and the ids of their last
/// events show which of them the database still has (see [`super::catch_up`]). All connections are closed, because the node knows no ids: it
/// cannot tell a conversation that has lost events from one that has not. The other nodes compare everything, because what waited for its way to
/// them is dropped.
pub async fn close_on_replaced_history(
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    bus: Arc<dyn Bus>,
    stop: CancellationToken,
) {
    let Some(gate) = store.history_gate() else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = gate.closed() => {}
        }
        let connections = registry.all();
        tracing::warn!(
            connections = connections.len(),
            "another database server has taken over, which may lack the newest events: all connections are closed, to resume"
        );
        for connection in connections {
            // At once, because the watermarks of the rooms are numbers of the history before.
            registry.unsubscribe_from_all(&connection);
            connection.send_queue.close(Close::OVERLOADED);
        }
        bus.publish(Envelope::Hints(Hints { everything: true, ..Hints::default() }));
        gate.open();
    }
}
