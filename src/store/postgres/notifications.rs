//! Notifications: LISTEN and NOTIFY on a connection of their own.
//!
//! A transaction that notifies takes one lock of the whole server from before its commit until after its flush. So nothing else is written on this
//! connection, and it does not wait for the flush: notifications are not durable anyway.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Error as Failure, Statement};
use uuid::Uuid;

use super::connect::{Connector, Purpose, Undriven, settings};
use super::errors::described;
use super::nodes::CLUSTER;
use super::timeline::timeline;
use crate::domain::Result;
use crate::limits;
use crate::store::{History, HistoryGate};

/// channel, payloads
const NOTIFY: &str = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload";

/// Opens connections for the notifications of one cluster.
pub struct Notifications {
    connector: Connector,
    cluster_id: Uuid,
    channel: String,
}

/// The half of a connection that sends notifications. Its statements are answered only while [`Listener::next`] is polled.
pub struct Notifier {
    client: Client,
    notify: Statement,
    channel: String,
    generation: u64,
}

/// The findings about a server that this node is to listen to.
struct Found {
    /// The id of the cluster whose database it is, if it is one's.
    cluster_id: Option<Uuid>,
    history: Option<History>,
    notify: Statement,
}

/// The half of a connection that receives notifications, and drives the connection.
pub struct Listener(Undriven);

impl Notifications {
    /// Reads a `postgres://…` URL. Nothing is received of a history that `gate` has not let pass.
    pub fn new(url: &str, cluster_id: Uuid, gate: Arc<HistoryGate>) -> Result<Self> {
        let channel = format!("chinwag_{}", cluster_id.simple());
        Ok(Self { connector: Connector::new(url, gate)?, cluster_id, channel })
    }

    /// Opens a connection and listens. Fails if the database is not the cluster's, or if the server has not the history that this node knows, as a
    /// primary of before that still runs. The error's text is for the log or the operator.
    pub async fn connect(&self) -> Result<(Notifier, Listener), String> {
        let refused = |cause: String| format!("the database at {} cannot be used: {cause}", self.connector.address());
        let (client, mut driver) = self.connector.connect_undriven().await.map_err(refused)?;
        let ready = timeout(limits::CONNECT_TIMEOUT, drive_while(&mut driver, self.set_up(&client))).await;
        let found = ready.map_err(|_| refused("it does not answer".to_owned()))?.map_err(refused)?;
        if found.cluster_id != Some(self.cluster_id) {
            return Err(format!("the database at {} is not the one of DATABASE_URL", self.connector.address()));
        }
        let generation = self.connector.gate.admit(found.history).map_err(refused)?;
        let (notify, channel) = (found.notify, self.channel.clone());
        Ok((Notifier { client, notify, channel, generation }, Listener(driver)))
    }

    /// Waits until the history of a connection is replaced. It brings nothing that this node may deliver from then on.
    pub async fn replaced(&self, generation: u64) {
        self.connector.gate.replaced(generation).await;
    }

    /// Listens, and looks at the server.
    async fn set_up(&self, client: &Client) -> Result<Found, Failure> {
        client.batch_execute(&format!("{} LISTEN {}", settings(Purpose::Notifications, false), self.channel)).await?;
        let table = client.query_one("SELECT to_regclass('cluster') IS NOT NULL", &[]).await?;
        let found = if table.try_get(0)? { client.query_opt(CLUSTER, &[]).await? } else { None };
        let cluster_id = found.map(|row| row.try_get(0)).transpose()?;
        Ok(Found { cluster_id, history: timeline(client).await?, notify: client.prepare(NOTIFY).await? })
    }
}

impl Notifier {
    /// Returns the generation of the database's history to which the connection belongs.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Sends payloads, in order and all or none, within `time`. Each is shorter than 8,000 bytes. After a failure it is unknown if they were sent.
    pub async fn notify(&self, payloads: &[String], time: Duration) -> Result<(), String> {
        let sent = timeout(time, self.client.execute(&self.notify, &[&self.channel, &payloads])).await;
        let sent = sent.map_err(|_| format!("PostgreSQL does not answer within {time:?}"))?;
        sent.map(drop).map_err(|failure| described(&failure))
    }
}

impl Listener {
    /// Waits for the next notification, and returns its payload. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<String, String> {
        loop {
            if let AsyncMessage::Notification(notification) = next_message(&mut self.0).await? {
                return Ok(notification.payload().to_owned());
            }
        }
    }
}

async fn next_message(driver: &mut Undriven) -> Result<AsyncMessage, String> {
    match poll_fn(|context| driver.poll_message(context)).await {
        Some(Ok(message)) => Ok(message),
        Some(Err(failure)) => Err(described(&failure)),
        None => Err("PostgreSQL closed the connection".to_owned()),
    }
}

/// Drives a connection while `work` waits for its answers. Drops the notifications that come meanwhile.
async fn drive_while<T>(driver: &mut Undriven, work: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    let failure = async {
        loop {
            if let Err(failure) = next_message(driver).await {
                return failure;
            }
        }
    };
    tokio::select! {
        result = work => result.map_err(|failure| described(&failure)),
        failure = failure => Err(failure),
    }
}
