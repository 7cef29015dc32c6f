//! The scenario `reactions`: all members of a room react to one message at once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::environment::{Environment, Room};
use super::frames::{PING, PONG, TEXT, next_frame};
use super::http_client::HttpClient;
use super::message_scenarios::repeat;
use super::options::{Reactions, RunSettings};
use super::population::Population;
use super::progress::Progress;
use super::run_result::{Count, Meter, RunResult, histogram, nanos};
use super::websocket::{WebSocket, read_available, write_all};

/// Handshakes in flight at a time, while the members connect.
const HANDSHAKES_CONCURRENT: usize = 32;
/// Longest wait for the end of a storm.
const STORM_TIMEOUT: Duration = Duration::from_secs(60);
const EMOJI: &str = "\u{1F44D}";

impl Reactions {
    /// The users and the room that the scenario needs.
    pub(super) fn population(&self) -> Population {
        let members = self.members.get();
        Population::new(members, vec![(0..members).collect()])
    }
}

/// Measures storms of reactions, one in each run, and each to a message of its own. Returns the result of each run, which counts the `reactions`, the
/// `events` that they became, and the `frames` of all members.
pub(super) async fn reactions(environment: &Environment, settings: &RunSettings) -> Result<Vec<RunResult>, String> {
    let room = environment.rooms.first().ok_or("there is no conversation")?;
    // The accounts of a server that runs already are fewer than the members.
    let reactions = room.tokens.iter().collect::<HashSet<_>>().len() as u64;
    let mut members = connect(environment, room).await?;
    let mut http = HttpClient::connect(environment.address).await?;
    repeat(settings, async |_| {
        let message_id = send(&mut http, room).await?;
        let meter = Meter::start(environment.pids())?;
        let started = meter.started;
        let storm = try_join_all(members.iter_mut().map(|member| member.react(&message_id, reactions, started)));
        let received = timeout(STORM_TIMEOUT, storm).await;
        let received = received.map_err(|_| format!("reactions are missing after {STORM_TIMEOUT:?}"))??;
        let mut result = meter.stop()?;
        let events = received.first().map_or(0, |first| first.events);
        if received.iter().any(|other| other.events != events) {
            return Err("the members received different events".to_owned());
        }
        let frames = events * received.len() as u64;
        result.counts = vec![
            Count { plural: "reactions", singular: "reaction", count: reactions },
            Count { plural: "events", singular: "event", count: events },
            Count { plural: "frames", singular: "frame", count: frames },
        ];
        let mut answers = histogram();
        received.iter().for_each(|received| answers.saturating_record(nanos(received.answered)));
        result.latencies = vec![("reaction", answers)];
        Ok(result)
    })
    .await
}

async fn connect(environment: &Environment, room: &Room) -> Result<Vec<Member>, String> {
    let mut progress = Progress::new("connections", room.tokens.len());
    let mut connecting = stream::iter(room.tokens.iter().enumerate())
        .map(|(member, token)| WebSocket::connect(environment.address_for(member), Some(room.id), token))
        .buffered(HANDSHAKES_CONCURRENT);
    let mut members = Vec::with_capacity(room.tokens.len());
    while let Some(WebSocket { socket, last_seq, unread }) = connecting.try_next().await? {
        members.push(Member { socket, unread, last_seq: last_seq.unwrap_or_default() });
        progress.update(members.len());
    }
    Ok(members)
}

/// Sends the message of a storm. Returns its id.
async fn send(http: &mut HttpClient, room: &Room) -> Result<String, String> {
    let path = format!("/v1/conversations/{}/messages", room.id);
    let sent = http.post(&path, room.tokens.first().map(String::as_str), &json!({"content": "Who is in?"})).await?;
    sent["id"].as_str().map(str::to_owned).ok_or_else(|| format!("a message without an id: {sent}"))
}

/// A member's connection.
struct Member {
    socket: tokio::net::TcpStream,
    /// Bytes that were read and are no whole frame yet.
    unread: Vec<u8>,
    last_seq: i64,
}

/// Numbers of one member and storm.
struct Received {
    events: u64,
    /// From the beginning of the storm to the answer to the member's own reaction.
    answered: Duration,
}

/// The fields of a frame that the scenario checks.
#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    seq: Option<i64>,
    message_id: Option<&'a str>,
    status: Option<u16>,
    #[serde(default)]
    reactions: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    count: u64,
}

impl Member {
    /// Reacts to a message. Reads until the reaction is answered and an event shows all reactions.
    async fn react(&mut self, message_id: &str, reactions: u64, started: Instant) -> Result<Received, String> {
        let input = json!({"message_id": message_id, "emoji": EMOJI});
        let frame = json!({"type": "reaction.add", "ref": "storm", "input": input}).to_string();
        write_all(&self.socket, &masked(&frame)).await?;
        let (mut events, mut answered, mut is_whole) = (0, None, false);
        loop {
            while let Some((kind, payload, length)) = next_frame(&self.unread) {
                match kind {
                    TEXT => {
                        let frame = self.checked(payload)?;
                        match frame.r#type {
                            "reactions.changed" if frame.message_id == Some(message_id) => {
                                events += 1;
                                is_whole |= frame.reactions.iter().any(|kind| kind.count == reactions);
                            }
                            "reply" if frame.status.is_some_and(|status| (200..300).contains(&status)) => {
                                answered = Some(started.elapsed());
                            }
                            "message.new" | "heartbeat" | "presence.state" | "presence.diff" | "conversation.state" => {
                            }
                            _ => return Err(format!("the server said {}", String::from_utf8_lossy(payload))),
                        }
                        self.last_seq = frame.seq.unwrap_or(self.last_seq);
                    }
                    PING => write_all(&self.socket, &PONG).await?,
                    other => return Err(format!("an unexpected frame: {other:#x}")),
                }
                self.unread.drain(..length);
            }
            if let Some(answered) = answered.filter(|_| is_whole) {
                return Ok(Received { events, answered });
            }
            read_available(&self.socket, &mut self.unread).await?;
        }
    }

    /// Returns a frame, whose number is the next one if it has one.
    fn checked<'a>(&self, payload: &'a [u8]) -> Result<Frame<'a>, String> {
        let text = || String::from_utf8_lossy(payload);
        let frame: Frame<'_> = serde_json::from_slice(payload).map_err(|error| format!("{error} in {}", text()))?;
        match frame.seq {
            Some(seq) if seq != self.last_seq + 1 => Err(format!("heard number {seq} after {}", self.last_seq)),
            _ => Ok(frame),
        }
    }
}

/// Returns a text frame of some 150 bytes, masked with zeros.
fn masked(payload: &str) -> Vec<u8> {
    let mut frame = vec![TEXT, 0xFE];
    frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload.as_bytes());
    frame
}
