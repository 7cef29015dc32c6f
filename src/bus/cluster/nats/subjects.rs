//! Subjects: the names on NATS under which the nodes of a cluster exchange packets.

use uuid::Uuid;

use super::routes::Route;

/// The subjects of a cluster, which contain its id: several clusters can share a NATS server.
#[derive(Clone)]
pub(super) struct Subjects {
    cluster_id: Uuid,
}

impl Subjects {
    pub(super) fn new(cluster_id: Uuid) -> Self {
        Self { cluster_id }
    }

    /// Returns the subject of a route.
    pub(super) fn of(&self, route: Route) -> String {
        match route {
            Route::All => format!("chinwag.{}.all", self.cluster_id),
            Route::Shard(shard) => format!("chinwag.{}.{shard}", self.cluster_id),
        }
    }

    /// Returns the subject of all routes.
    pub(super) fn every(&self) -> String {
        format!("chinwag.{}.*", self.cluster_id)
    }

    /// Returns the subject of a node's questions to NATS, and the start of those of the answers. It has one part more, so that [`Subjects::every`]
    /// does not match it.
    pub(super) fn questions(&self, node: Uuid) -> String {
        format!("chinwag.{}.question.{node}", self.cluster_id)
    }
}
