//! A connection: it does as little as it can and still checks everything.

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

use super::counters::{Tally, add};
use crate::bench::frames::{self, Heard, ID, Mark, PING, PONG, SENDER, TEXT, Template};

/// Bytes that may wait for a server that does not take them; far beyond what a closed loop ever has under way.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
const CLOSED: &str = "the server closed a connection";

/// What a connection hears and says in one conversation.
pub(super) struct Seat {
    pub(super) room: usize,
    /// The newest number that was heard; all before it were.
    pub(super) heard: i64,
    /// Whether latencies are taken here.
    pub(super) records: bool,
    /// One's own messages that have not come back, in the order of sending.
    pub(super) own: VecDeque<Mark>,
    /// How many more a closed loop may send.
    pub(super) quota: u64,
    pub(super) template: Option<Template>,
}

pub(super) struct Member {
    tally: Rc<Tally>,
    writer: OwnedWriteHalf,
    /// Its number as its messages' ids have it.
    digits: [u8; SENDER],
    pub(super) seats: RefCell<Vec<Seat>>,
    /// Which seat is whose, if there are several.
    by_room: HashMap<[u8; ID], usize>,
    /// Whether it is at `/ws/{id}`, whose sends do not name the conversation.
    pub(super) hears_one: bool,
    /// Messages sent, in all conversations.
    count: Cell<u64>,
    /// What is to be written.
    out: RefCell<Vec<u8>>,
    /// Whether a task of its own waits for the socket.
    flushing: Cell<bool>,
    /// Seats whose own message came back, once for each.
    earned: RefCell<Vec<usize>>,
}

impl Member {
    pub(super) fn new(
        tally: Rc<Tally>,
        number: usize,
        hears_one: bool,
        writer: OwnedWriteHalf,
        seats: Vec<Seat>,
    ) -> Self {
        let several = seats.len() > 1;
        let by_room = seats.iter().enumerate().filter(|_| several);
        let by_room = by_room.map(|(seat, of)| (tally.rooms[of.room].text, seat)).collect();
        let mut digits = [0; SENDER];
        digits.copy_from_slice(format!("{number:0SENDER$x}").as_bytes());
        Self {
            tally,
            writer,
            digits,
            seats: RefCell::new(seats),
            by_room,
            hears_one,
            count: Cell::new(0),
            out: RefCell::default(),
            flushing: Cell::new(false),
            earned: RefCell::default(),
        }
    }

    /// Puts so many sends of a seat into what is to be written, intended for this moment.
    pub(super) fn put_sends(&self, seat: usize, times: u64, intended: Instant) -> Result<(), String> {
        let (mut seats, mut out) = (self.seats.borrow_mut(), self.out.borrow_mut());
        let seat = &mut seats[seat];
        let nanos = self.tally.nanos(intended);
        let template = seat.template.as_mut().ok_or("somebody sends who was not to")?;
        for _ in 0..times {
            add(&self.count, 1);
            let (frame, mark) = template.fill(self.count.get(), self.tally.unix_ms(nanos), nanos);
            out.extend_from_slice(frame);
            seat.own.push_back(mark);
        }
        add(&self.tally.sent, times);
        add(&self.tally.expected, times * self.tally.rooms[seat.room].listeners);
        Ok(())
    }

    /// Writes what the kernel takes; a task of its own writes the rest.
    pub(super) fn flush(self: &Rc<Self>) -> Result<(), String> {
        if self.flushing.get() || self.wrote_all()? {
            return Ok(());
        }
        self.flushing.set(true);
        let member = Rc::clone(self);
        tokio::task::spawn_local(async move {
            loop {
                let ready = member.writer.writable().await.map_err(|error| error.to_string());
                match ready.and_then(|()| member.wrote_all()) {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err(reason) => break member.tally.fail(reason),
                }
            }
            member.flushing.set(false);
        });
        Ok(())
    }

    /// Writes what the kernel takes; says whether that was all.
    fn wrote_all(&self) -> Result<bool, String> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.writer.try_write(&out) {
                Ok(count) => drop(out.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(broken(&error)),
            }
        }
        if out.len() > WAITING_BYTES {
            return Err(format!("{} MiB wait to be sent: the rate is beyond the server", out.len() >> 20));
        }
        Ok(out.is_empty())
    }

    /// Listens until the end; `rest` came before.
    pub(super) async fn listen(self: Rc<Self>, mut reader: OwnedReadHalf, mut rest: Vec<u8>) {
        let listening = async {
            loop {
                poll_fn(|context| self.poll_read(context, &mut reader, &mut rest)).await?;
            }
        };
        let ended: Result<(), String> = listening.await;
        if let Err(reason) = ended {
            self.tally.fail(reason);
        }
    }

    /// Reads once, hears what came, and sends what that allows. A frame that is not all there stays in `rest`.
    fn poll_read(
        self: &Rc<Self>,
        context: &mut Context<'_>,
        reader: &mut OwnedReadHalf,
        rest: &mut Vec<u8>,
    ) -> Poll<Result<(), String>> {
        let mut buffer = self.tally.buffer.borrow_mut();
        let Some((front, free)) = buffer.split_at_mut_checked(rest.len()).filter(|(_, free)| !free.is_empty()) else {
            return Poll::Ready(Err("a frame is longer than any of the protocol".to_owned()));
        };
        front.copy_from_slice(rest);
        let mut into = ReadBuf::new(free);
        ready!(Pin::new(reader).poll_read(context, &mut into)).map_err(|error| broken(&error))?;
        let count = into.filled().len();
        if count == 0 {
            return Poll::Ready(Err(CLOSED.to_owned()));
        }
        let end = rest.len() + count;
        let taken = self.hear_all(&buffer[..end])?;
        rest.clear();
        rest.extend_from_slice(&buffer[taken..end]);
        self.answer()?;
        if self.tally.heard.get() >= self.tally.expected.get() {
            self.tally.changed.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    /// Hears all whole frames; returns their length.
    fn hear_all(&self, buffer: &[u8]) -> Result<usize, String> {
        let now = self.tally.nanos(Instant::now());
        let mut seats = self.seats.borrow_mut();
        let (mut taken, mut heard) = (0, 0);
        while let Some((kind, payload, length)) = frames::first(&buffer[taken..]) {
            taken += length;
            match kind {
                TEXT => match Heard::read(payload) {
                    Some(message) => {
                        self.hear(&mut seats, &message, now)?;
                        heard += 1;
                    }
                    None => tolerate(payload)?,
                },
                PING => self.out.borrow_mut().extend_from_slice(&PONG),
                other => return Err(format!("an unexpected frame: {other:#x} {}", String::from_utf8_lossy(payload))),
            }
        }
        add(&self.tally.heard, heard);
        Ok(taken)
    }

    /// Checks a message's number, whether it is the same to all and, where it is one's own, its place among one's own.
    fn hear(&self, seats: &mut [Seat], message: &Heard<'_>, now: u64) -> Result<(), String> {
        let number = if self.by_room.is_empty() { Some(0) } else { self.by_room.get(message.conversation_id).copied() };
        let number = number.ok_or("heard a conversation that one is not in")?;
        let seat = &mut seats[number];
        let room = &self.tally.rooms[seat.room];
        if message.conversation_id != &room.text {
            return Err("heard a conversation that one is not in".to_owned());
        }
        if message.seq != seat.heard + 1 {
            return Err(format!("heard number {} of {} after {}", message.seq, room.id, seat.heard));
        }
        seat.heard = message.seq;
        room.agrees(message)?;
        let own = message.mark[..SENDER] == self.digits;
        if own {
            if seat.own.pop_front().as_ref() != Some(message.mark) {
                return Err(format!("number {} of {} is one's own, but not the next one", message.seq, room.id));
            }
            self.earned.borrow_mut().push(number);
        }
        if seat.records {
            let intended = message
                .intended()
                .ok_or_else(|| format!("number {} of {} does not have the text that was sent", message.seq, room.id))?;
            let histogram = if own { &self.tally.acknowledgement } else { &self.tally.delivery };
            histogram.borrow_mut().saturating_record(now.saturating_sub(intended));
        }
        Ok(())
    }

    /// Sends the next ones for those that came back, as long as there is time, and pongs.
    fn answer(self: &Rc<Self>) -> Result<(), String> {
        let mut earned = self.earned.take();
        if self.tally.looping.get() && !earned.is_empty() {
            let now = Instant::now();
            if now < self.tally.deadline.get() {
                for &seat in &earned {
                    let left = self.seats.borrow()[seat].quota;
                    if left > 0 {
                        self.seats.borrow_mut()[seat].quota = left - 1;
                        self.put_sends(seat, 1, now)?;
                    }
                }
            }
        }
        earned.clear();
        self.earned.replace(earned);
        if self.out.borrow().is_empty() { Ok(()) } else { self.flush() }
    }
}

/// How a connection ended.
fn broken(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => CLOSED.to_owned(),
        _ => error.to_string(),
    }
}

/// Passes over what the server tells by itself; all else is a failure.
fn tolerate(payload: &[u8]) -> Result<(), String> {
    let frame: Value = serde_json::from_slice(payload).map_err(|error| format!("a frame without JSON: {error}"))?;
    match frame["type"].as_str() {
        Some("presence.state" | "presence.diff" | "heartbeat" | "hello") => Ok(()),
        _ => Err(format!("the server said {frame}")),
    }
}
