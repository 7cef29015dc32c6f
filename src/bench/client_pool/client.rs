//! A client: one WebSocket connection. It does as little work as it can and still checks everything that it receives.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::counters::{Counters, add};
use crate::bench::frames::{
    FrameTemplate, ID_LENGTH, MessageTag, PING, PONG, ReceivedMessage, SENDER_LENGTH, TEXT, next_frame,
};

/// Most bytes that wait for a server that does not read. A closed loop has far fewer in flight.
const UNSENT_BYTES_MAX: usize = 16 * 1024 * 1024;
const CLOSED: &str = "the server closed a connection";

/// A client's place in one conversation.
pub(super) struct Subscription {
    pub(super) room: usize,
    /// The sequence number of the last message that was received.
    pub(super) last_seq: i64,
    pub(super) records_latency: bool,
    /// The client's own messages that have not come back, in the order of sending.
    pub(super) unacknowledged: VecDeque<MessageTag>,
    /// Messages that a closed loop may still send.
    pub(super) remaining: u64,
    /// Set when the client becomes a sender.
    pub(super) template: Option<FrameTemplate>,
}

pub(super) struct Client {
    counters: Rc<Counters>,
    writer: OwnedWriteHalf,
    /// The client's number, as it stands in the ids of its messages.
    sender_digits: [u8; SENDER_LENGTH],
    pub(super) subscriptions: RefCell<Vec<Subscription>>,
    /// The subscription of each conversation; empty when there is only one.
    by_room: HashMap<[u8; ID_LENGTH], usize>,
    /// The connection is to `/ws/{id}`, where a send does not name its conversation.
    pub(super) one_conversation: bool,
    /// Messages sent, in all conversations.
    sent: Cell<u64>,
    /// Bytes to be written.
    out: RefCell<Vec<u8>>,
    /// A task is waiting for the socket to become writable.
    flushing: Cell<bool>,
    /// The subscription of each own message that came back in this read.
    acknowledged: RefCell<Vec<usize>>,
}

impl Client {
    pub(super) fn new(
        counters: Rc<Counters>,
        number: usize,
        one_conversation: bool,
        writer: OwnedWriteHalf,
        subscriptions: Vec<Subscription>,
    ) -> Self {
        let several = subscriptions.len() > 1;
        let by_room = subscriptions.iter().enumerate().filter(|_| several);
        let by_room = by_room.map(|(index, subscription)| (counters.rooms[subscription.room].id_text, index)).collect();
        let mut sender_digits = [0; SENDER_LENGTH];
        sender_digits.copy_from_slice(format!("{number:0SENDER_LENGTH$x}").as_bytes());
        Self {
            counters,
            writer,
            sender_digits,
            subscriptions: RefCell::new(subscriptions),
            by_room,
            one_conversation,
            sent: Cell::new(0),
            out: RefCell::default(),
            flushing: Cell::new(false),
            acknowledged: RefCell::default(),
        }
    }

    /// Appends `count` messages to the bytes to be written. Their latency counts from `intended`.
    pub(super) fn queue_sends(&self, subscription: usize, count: u64, intended: Instant) -> Result<(), String> {
        let (mut subscriptions, mut out) = (self.subscriptions.borrow_mut(), self.out.borrow_mut());
        let subscription = &mut subscriptions[subscription];
        let nanos = self.counters.nanos(intended);
        let template = subscription.template.as_mut().ok_or("somebody sends who was not to")?;
        for _ in 0..count {
            add(&self.sent, 1);
            let (frame, tag) = template.render(self.sent.get(), self.counters.unix_ms(nanos), nanos);
            out.extend_from_slice(frame);
            subscription.unacknowledged.push_back(tag);
        }
        add(&self.counters.sent, count);
        add(&self.counters.expected, count * self.counters.rooms[subscription.room].subscribers);
        Ok(())
    }

    /// Writes as much as the kernel takes. A task of its own writes the rest.
    pub(super) fn flush(self: &Rc<Self>) -> Result<(), String> {
        if self.flushing.get() || self.try_flush()? {
            return Ok(());
        }
        self.flushing.set(true);
        let client = Rc::clone(self);
        tokio::task::spawn_local(async move {
            loop {
                let ready = client.writer.writable().await.map_err(|error| error.to_string());
                match ready.and_then(|()| client.try_flush()) {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err(reason) => break client.counters.fail(reason),
                }
            }
            client.flushing.set(false);
        });
        Ok(())
    }

    /// Writes as much as the kernel takes. Returns true when nothing is left.
    fn try_flush(&self) -> Result<bool, String> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.writer.try_write(&out) {
                Ok(count) => drop(out.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(describe(&error)),
            }
        }
        if out.len() > UNSENT_BYTES_MAX {
            return Err(format!("{} MiB wait to be sent: the rate is beyond the server", out.len() >> 20));
        }
        Ok(out.is_empty())
    }

    /// Receives frames until the connection ends. `unread` has the bytes that came with the handshake.
    pub(super) async fn read_to_end(self: Rc<Self>, mut reader: OwnedReadHalf, mut unread: Vec<u8>) {
        let reading = async {
            loop {
                poll_fn(|context| self.poll_read(context, &mut reader, &mut unread)).await?;
            }
        };
        let ended: Result<(), String> = reading.await;
        if let Err(reason) = ended {
            self.counters.fail(reason);
        }
    }

    /// Reads once, checks the frames and sends the next messages. An incomplete frame stays in `unread`.
    fn poll_read(
        self: &Rc<Self>,
        context: &mut Context<'_>,
        reader: &mut OwnedReadHalf,
        unread: &mut Vec<u8>,
    ) -> Poll<Result<(), String>> {
        let mut buffer = self.counters.buffer.borrow_mut();
        let Some((front, free)) = buffer.split_at_mut_checked(unread.len()).filter(|(_, free)| !free.is_empty()) else {
            return Poll::Ready(Err("a frame is longer than any of the protocol".to_owned()));
        };
        front.copy_from_slice(unread);
        let mut into = ReadBuf::new(free);
        ready!(Pin::new(reader).poll_read(context, &mut into)).map_err(|error| describe(&error))?;
        let count = into.filled().len();
        if count == 0 {
            return Poll::Ready(Err(CLOSED.to_owned()));
        }
        let end = unread.len() + count;
        let parsed = self.receive_frames(&buffer[..end])?;
        unread.clear();
        unread.extend_from_slice(&buffer[parsed..end]);
        self.send_next()?;
        if self.counters.received.get() >= self.counters.expected.get() {
            self.counters.changed.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    /// Checks all complete frames. Returns their length.
    fn receive_frames(&self, buffer: &[u8]) -> Result<usize, String> {
        let now = self.counters.nanos(Instant::now());
        let mut subscriptions = self.subscriptions.borrow_mut();
        let (mut parsed, mut received) = (0, 0);
        while let Some((kind, payload, length)) = next_frame(&buffer[parsed..]) {
            parsed += length;
            match kind {
                TEXT => match ReceivedMessage::parse(payload) {
                    Some(message) => {
                        self.receive_message(&mut subscriptions, &message, now)?;
                        received += 1;
                    }
                    None => check_other_frame(payload)?,
                },
                PING => self.out.borrow_mut().extend_from_slice(&PONG),
                other => return Err(format!("an unexpected frame: {other:#x} {}", String::from_utf8_lossy(payload))),
            }
        }
        add(&self.counters.received, received);
        Ok(parsed)
    }

    /// Checks that a message has the next sequence number, that all clients received the same one, and that the client's own
    /// messages come back in the order of sending.
    fn receive_message(
        &self,
        subscriptions: &mut [Subscription],
        message: &ReceivedMessage<'_>,
        now: u64,
    ) -> Result<(), String> {
        let index = if self.by_room.is_empty() { Some(0) } else { self.by_room.get(message.conversation_id).copied() };
        let index = index.ok_or("heard a conversation that one is not in")?;
        let subscription = &mut subscriptions[index];
        let room = &self.counters.rooms[subscription.room];
        if message.conversation_id != &room.id_text {
            return Err("heard a conversation that one is not in".to_owned());
        }
        if message.seq != subscription.last_seq + 1 {
            return Err(format!("heard number {} of {} after {}", message.seq, room.id, subscription.last_seq));
        }
        subscription.last_seq = message.seq;
        room.check_order(message)?;
        let is_own = message.tag[..SENDER_LENGTH] == self.sender_digits;
        if is_own {
            if subscription.unacknowledged.pop_front().as_ref() != Some(message.tag) {
                return Err(format!("number {} of {} is one's own, but not the next one", message.seq, room.id));
            }
            self.acknowledged.borrow_mut().push(index);
        }
        if subscription.records_latency {
            let intended = message
                .intended()
                .ok_or_else(|| format!("number {} of {} does not have the text that was sent", message.seq, room.id))?;
            let histogram = if is_own { &self.counters.acknowledgement } else { &self.counters.delivery };
            histogram.borrow_mut().saturating_record(now.saturating_sub(intended));
        }
        Ok(())
    }

    /// Sends pongs and, in a closed loop before its deadline, one message for each that came back.
    fn send_next(self: &Rc<Self>) -> Result<(), String> {
        let mut acknowledged = self.acknowledged.take();
        if self.counters.closed_loop.get() && !acknowledged.is_empty() {
            let now = Instant::now();
            if now < self.counters.deadline.get() {
                for &subscription in &acknowledged {
                    let remaining = self.subscriptions.borrow()[subscription].remaining;
                    if remaining > 0 {
                        self.subscriptions.borrow_mut()[subscription].remaining = remaining - 1;
                        self.queue_sends(subscription, 1, now)?;
                    }
                }
            }
        }
        acknowledged.clear();
        self.acknowledged.replace(acknowledged);
        if self.out.borrow().is_empty() { Ok(()) } else { self.flush() }
    }
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => CLOSED.to_owned(),
        _ => error.to_string(),
    }
}

/// Ignores the frames that the server sends unasked. Returns an error for every other frame.
fn check_other_frame(payload: &[u8]) -> Result<(), String> {
    let frame: Value = serde_json::from_slice(payload).map_err(|error| format!("a frame without JSON: {error}"))?;
    match frame["type"].as_str() {
        Some("presence.state" | "presence.diff" | "heartbeat" | "hello") => Ok(()),
        _ => Err(format!("the server said {frame}")),
    }
}
