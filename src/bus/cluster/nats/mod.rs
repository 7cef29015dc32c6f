//! The carrier over NATS: publishes packets on subjects, and subscribes to those that this node needs.
//!
//! ```text
//! Outbound → route → pack → Cluster::packet → the client's queue → chinwag.<cluster>.<shard> or chinwag.<cluster>.all
//! Interest → Subscriptions → SelectAll → Intake → Deliverer → Cluster::receive
//! ```
//!
//! NATS delivers each packet at most once, so the store stays the truth. The client reconnects by itself, and does not need NATS at the start.

mod credentials;
mod failures;
mod inbound;
mod packets;
mod publisher;
mod receiver;
mod routes;
mod settings;
mod signals;
mod subjects;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Event;
use uuid::Uuid;

use super::Cluster;
use crate::limits;
use crate::registry::Interest;
pub use credentials::Credentials;
pub use inbound::Deliverer;
pub use publisher::Publisher;
pub use receiver::Receiver;
pub use settings::{Servers, TlsFiles};
use signals::Signals;
use subjects::Subjects;
use subscriptions::Subscriptions;

/// Returns the parts of a carrier, which are run as tasks. `interest` knows the shards of this node. Does not wait for NATS. An error is
/// one line that names the variable.
pub async fn connect(
    cluster: &Arc<Cluster>,
    cluster_id: Uuid,
    interest: Arc<Interest>,
    servers: &Servers,
    tls: &TlsFiles,
) -> Result<(Publisher, Receiver, Deliverer), String> {
    let signals = Arc::<Signals>::default();
    let (events, attempts, connected) = (Arc::clone(&signals), Arc::clone(&signals), Arc::clone(cluster));
    let options = servers
        .options(tls)?
        .name("chinwag")
        // A node has delivered its own packets. To read them once more would cost much of what the way to another node does: docs/scaling.md.
        .no_echo()
        .retry_on_initial_connect()
        .ping_interval(limits::NATS_PING_INTERVAL)
        .connection_timeout(limits::NATS_CONNECT_TIMEOUT)
        .reconnect_delay_callback(|attempt| if attempt <= 1 { Duration::ZERO } else { limits::NATS_RECONNECT_PAUSE })
        // It chooses no server, and says why the last attempt failed.
        .reconnect_to_server_callback(move |servers, _| {
            attempts.attempt(&servers);
            std::future::ready(None)
        })
        .client_capacity(limits::NATS_SENDING_PACKETS_MAX)
        .subscription_capacity(limits::NATS_WAITING_PACKETS_MAX)
        .event_callback(move |event| {
            match event {
                Event::Connected => connected.set_connected(true),
                Event::Disconnected => connected.set_connected(false),
                _ => {}
            }
            events.record(&event);
            std::future::ready(())
        });
    let client = options.connect(servers.addresses()).await.map_err(|error| format!("NATS_URL: {error}"))?;
    let (subjects, shards) = (Subjects::new(cluster_id), interest.all());
    let (subscriptions, packets) = Subscriptions::new(client.clone(), subjects.clone(), interest);
    let (cluster, (intake, deliverer)) = (Arc::clone(cluster), inbound::queue(Arc::clone(cluster)));
    let publisher =
        Publisher { client: client.clone(), cluster: Arc::clone(&cluster), subjects: subjects.clone(), shards };
    let receiver = Receiver { client, cluster, subjects, signals, subscriptions, packets, intake };
    Ok((publisher, receiver, deliverer))
}
