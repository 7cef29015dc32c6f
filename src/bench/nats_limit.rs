//! The limit that messages between nodes are compared with: what one publish and one receive take of the client of NATS alone.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::timeout;
use uuid::Uuid;

use super::process::CpuTime;
use crate::bus::cluster::nats::{Servers, TlsFiles};

/// How many messages are measured, after as many that are not: some seconds.
const MESSAGES: usize = 200_000;
/// How many are under way at once: the client writes them together, as it does with the packets of many conversations.
const BURST: usize = 100;
/// The size of a packet with one message of 64 bytes.
const BYTES: usize = 512;
/// How long the bench waits for one of the messages that show that the way is open, and how many it sends at the most: five seconds in all.
const TRY_PAUSE: Duration = Duration::from_millis(50);
const TRIES_MAX: usize = 100;
/// Longest wait for a message that is measured.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(5);
const SILENT: &str = "NATS does not bring what was published";

/// Publishes on one connection and receives on another. Returns the CPU time that this process took for a message, in microseconds.
pub(super) async fn nats_limit(url: &str) -> Result<f64, String> {
    let servers = Servers::parse(url).map_err(|error| format!("--nats-url {error}"))?;
    let (publisher, subscriber) = (connect(&servers).await?, connect(&servers).await?);
    let subject = format!("chinwag-bench.{}", Uuid::now_v7().simple());
    let mut received = subscriber.subscribe(subject.clone()).await.map_err(failed)?;
    // The subscription is there once a message comes through; a flush waits for the socket alone.
    let mut is_open = false;
    for _ in 0..TRIES_MAX {
        publisher.publish(subject.clone(), Bytes::new()).await.map_err(failed)?;
        is_open = matches!(timeout(TRY_PAUSE, received.next()).await, Ok(Some(_)));
        if is_open {
            break;
        }
    }
    if !is_open {
        return Err(SILENT.to_owned());
    }
    // Those that came late are not measured.
    while let Ok(Some(_)) = timeout(TRY_PAUSE, received.next()).await {}
    let mut started = CpuTime::default();
    for is_measured in [false, true] {
        if is_measured {
            started = CpuTime::of_this_process()?;
        }
        for _ in 0..MESSAGES / BURST {
            for _ in 0..BURST {
                publisher.publish(subject.clone(), vec![b'x'; BYTES].into()).await.map_err(failed)?;
            }
            for _ in 0..BURST {
                let message = timeout(RECEIVE_TIMEOUT, received.next()).await;
                message.ok().flatten().ok_or(SILENT)?;
            }
        }
    }
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    let messages = MESSAGES as f64;
    Ok((CpuTime::of_this_process()? - started).total().as_secs_f64() * 1e6 / messages)
}

async fn connect(servers: &Servers) -> Result<Client, String> {
    let options: ConnectOptions = servers.options(&TlsFiles::default())?;
    options.connect(servers.addresses()).await.map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("NATS: {error}")
}
