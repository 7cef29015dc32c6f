//! All connections of a scenario, on one thread: so that the other cores are the server's.
//!
//! What was sent is known, so it is known what every connection must hear: each conversation's numbers without a hole, each number
//! the same message to everybody, and one's own messages in the order of sending. A run ends when the last connection has
//! heard the last message, and there the clock and the CPU time stop.

mod client;
mod counters;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, sleep_until, timeout};

use self::client::{Member, Seat};
use self::counters::{RoomTally, Tally};
use super::environment::Environment;
use super::frames::{SENDERS_MAX, Template};
use super::precise_timer::Alarm;
use super::progress::{self, Progress};
use super::run_result::{Count, Figures, Meter, nanos};
use super::websocket::Link;
use crate::domain::ConversationId;

/// Handshakes under way at a time, while a crowd gathers.
const HANDSHAKES: usize = 32;
/// Until something more of what was sent must have been heard.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a run's end is listened to, after the clock has stopped: nothing may come.
const SILENCE: Duration = Duration::from_millis(30);
/// Members of a room whose latencies are taken, besides the senders': all of a large room's would outweigh the reading.
pub(super) const RECORDERS: usize = 32;

/// Sends that are late which leave together, before what came is read.
const SENDS_BETWEEN_READS: u32 = 64;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hears {
    /// One conversation, at `/ws/{id}`.
    One,
    /// All of its user's, at `/ws`.
    All,
}

/// How a run's senders send.
#[derive(Clone, Copy)]
pub(super) enum Drive {
    /// Each has so many under way, for so long.
    Window(u64, Duration),
    /// So many a second in all, for so long.
    Rate(u32, Duration),
    /// Each sends so many, of which so many are under way.
    Each(u64, u64),
}

/// A member of a room: the room's place in the stage, the member's in the room.
pub(super) type Place = (usize, usize);

pub(super) struct Crowd {
    tally: Rc<Tally>,
    members: Vec<Rc<Member>>,
    /// Which member's which seat a place of a room is.
    places: Vec<Vec<(usize, usize)>>,
    pid: Option<u32>,
    /// Ends with the crowd.
    _listening: JoinSet<()>,
}

/// A connection that is to be made: its token and its places, the rooms' each with whether latencies are taken there.
struct Wanted<'a> {
    token: &'a str,
    room: Option<ConversationId>,
    seats: Vec<(usize, bool)>,
}

impl Crowd {
    /// Opens all connections of a stage.
    pub(super) async fn gather(environment: &Environment, hears: Hears) -> Result<Self, String> {
        let (wanted, places) = wanted(environment, hears);
        if wanted.len() > SENDERS_MAX {
            return Err(format!("there can be {SENDERS_MAX} connections at the most"));
        }
        let rooms = environment.rooms.iter().zip(&places);
        let rooms = rooms.map(|(room, places)| RoomTally::new(room.id, places.len() as u64)).collect();
        let tally = Rc::new(Tally::new(rooms));
        let mut progress = Progress::new("connections", wanted.len());
        let mut opening = stream::iter(&wanted)
            .map(|wanted| Link::open(environment.address, wanted.room, wanted.token))
            .buffered(HANDSHAKES);
        let (mut members, mut listening) = (Vec::with_capacity(wanted.len()), JoinSet::new());
        while let Some(link) = opening.try_next().await? {
            let number = members.len();
            let seat = |&(room, records): &(usize, bool)| Seat {
                room,
                heard: link.last_seq.unwrap_or_default(),
                records,
                own: VecDeque::new(),
                quota: 0,
                template: None,
            };
            let seats = wanted[number].seats.iter().map(seat).collect();
            let (reader, writer) = link.socket.into_split();
            let member = Rc::new(Member::new(Rc::clone(&tally), number, hears == Hears::One, writer, seats));
            listening.spawn_local(Rc::clone(&member).listen(reader, link.rest));
            members.push(member);
            progress.done(members.len());
        }
        drop(opening);
        drop(progress);
        Ok(Self { tally, members, places, pid: environment.pid, _listening: listening })
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether all went well so far.
    pub(super) fn check(&self) -> Result<(), String> {
        self.tally.check()
    }

    /// One run: these send, and all that they sent is waited for.
    pub(super) async fn run(&self, senders: &[Place], drive: Drive) -> Result<Figures, String> {
        let senders = self.begin(senders, drive)?;
        let meter = Meter::start(self.pid)?;
        let started = meter.started;
        let watched = Watched::begin(&self.tally);
        match drive {
            Drive::Window(window, length) => {
                self.start_loop(&senders, window, started + length)?;
                self.until(started + length).await?;
            }
            Drive::Rate(rate, length) => self.keep_pace(&senders, rate, started, length).await?,
            Drive::Each(count, window) => self.start_loop(&senders, window.min(count), started + 100 * PATIENCE)?,
        }
        let due = if let Drive::Each(count, _) = drive { count * senders.len() as u64 } else { 0 };
        self.heard_all(due).await?;
        let figures = meter.stop()?;
        drop(watched);
        self.tally.looping.set(false);
        sleep(SILENCE).await;
        self.settle()?;
        Ok(self.counted(figures))
    }

    /// Forgets the last run; the senders become which member's which seat they are.
    fn begin(&self, senders: &[Place], drive: Drive) -> Result<Vec<(usize, usize)>, String> {
        let seats: Option<Vec<_>> =
            senders.iter().map(|&(room, place)| self.places.get(room)?.get(place).copied()).collect();
        let senders = seats.ok_or("there are more senders than members")?;
        for &(member, seat) in &senders {
            let member_number = member;
            let member = &self.members[member];
            let (mut seats, one) = (member.seats.borrow_mut(), member.hears_one);
            let seat = &mut seats[seat];
            let place = (!one).then(|| self.tally.rooms[seat.room].id);
            seat.template.get_or_insert_with(|| Template::new(member_number, place));
            seat.records = true;
            seat.quota = match drive {
                Drive::Each(count, window) => count.saturating_sub(window),
                Drive::Window(..) | Drive::Rate(..) => u64::MAX,
            };
        }
        let mut before = Vec::with_capacity(self.places.len());
        for (room, places) in self.places.iter().enumerate() {
            let mut heard = places.iter().map(|&(member, seat)| self.members[member].seats.borrow()[seat].heard);
            let first = heard.next().unwrap_or_default();
            if heard.any(|other| other != first) {
                return Err(format!("not all begin at the same number of {}", self.tally.rooms[room].id));
            }
            before.push(first);
        }
        self.tally.begin(&before);
        self.tally.check()?;
        Ok(senders)
    }

    fn start_loop(&self, senders: &[(usize, usize)], window: u64, deadline: Instant) -> Result<(), String> {
        self.tally.deadline.set(deadline);
        self.tally.looping.set(true);
        for &(member, seat) in senders {
            self.members[member].put_sends(seat, window, Instant::now())?;
        }
        // Those of one connection leave together.
        senders.iter().try_for_each(|&(member, _)| self.members[member].flush())
    }

    /// Sends by the clock, whatever comes back.
    async fn keep_pace(
        &self,
        senders: &[(usize, usize)],
        rate: u32,
        started: Instant,
        length: Duration,
    ) -> Result<(), String> {
        let alarm = Alarm::new()?;
        let between = Duration::from_secs(1).div_f64(rate.into());
        let mut turns = senders.iter().cycle();
        let mut intended = started;
        let mut number = 0_u32;
        while intended < started + length {
            alarm.until(intended).await?;
            self.tally.check()?;
            let now = Instant::now();
            self.tally.lateness.borrow_mut().saturating_record(nanos(now.saturating_duration_since(intended)));
            if let Some(&(member, seat)) = turns.next() {
                self.members[member].put_sends(seat, 1, intended)?;
                self.members[member].flush()?;
            }
            number += 1;
            intended = started + between * number;
            if number.is_multiple_of(SENDS_BETWEEN_READS) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits for a moment, or for a failure.
    async fn until(&self, moment: Instant) -> Result<(), String> {
        loop {
            tokio::select! {
                () = sleep_until(moment.into()) => break self.tally.check(),
                () = self.tally.changed.notified() => self.tally.check()?,
            }
        }
    }

    /// Waits until all connections have heard all that was sent, and at least `due` was.
    async fn heard_all(&self, due: u64) -> Result<(), String> {
        let tally = &self.tally;
        let is_over = || tally.sent.get() >= due && tally.heard.get() >= tally.expected.get();
        let mut heard = tally.heard.get();
        while !is_over() {
            tally.check()?;
            if timeout(PATIENCE, tally.changed.notified()).await.is_err() && heard == tally.heard.get() {
                return Err(self.missing());
            }
            heard = tally.heard.get();
        }
        tally.check()
    }

    fn missing(&self) -> String {
        let (expected, heard) = (self.tally.expected.get(), self.tally.heard.get());
        format!("{} of {expected} deliveries are missing after {PATIENCE:?} without one", expected - heard)
    }

    /// Nothing came behind the end, and all that was sent came back.
    fn settle(&self) -> Result<(), String> {
        self.tally.check()?;
        if self.tally.heard.get() != self.tally.expected.get() {
            return Err("more was heard than was sent".to_owned());
        }
        let waits = |member: &Rc<Member>| member.seats.borrow().iter().any(|seat| !seat.own.is_empty());
        if self.members.iter().any(waits) {
            return Err("something that was sent did not come back to its sender".to_owned());
        }
        Ok(())
    }

    fn counted(&self, figures: Figures) -> Figures {
        let tally = &self.tally;
        let counts = vec![
            Count { many: "messages", one: "message", count: tally.sent.get() },
            Count { many: "deliveries", one: "delivery", count: tally.heard.get() },
        ];
        let latencies =
            [("acknowledgement", &tally.acknowledgement), ("delivery", &tally.delivery), ("lateness", &tally.lateness)];
        let latencies = latencies.map(|(name, histogram)| (name, histogram.borrow().clone()));
        let latencies = latencies.into_iter().filter(|(_, histogram)| !histogram.is_empty()).collect();
        Figures { counts, latencies, ..figures }
    }
}

/// Which connections a stage needs, and where each member of a room then sits.
fn wanted(environment: &Environment, hears: Hears) -> (Vec<Wanted<'_>>, Vec<Vec<(usize, usize)>>) {
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    let mut users: HashMap<&str, usize> = HashMap::new();
    let mut places = Vec::with_capacity(environment.rooms.len());
    for (number, room) in environment.rooms.iter().enumerate() {
        let mut seats = Vec::with_capacity(room.tokens.len());
        for (place, token) in room.tokens.iter().enumerate() {
            let known = users.get(token.as_str()).filter(|_| hears == Hears::All);
            let member = known.copied().unwrap_or(wanted.len());
            if member == wanted.len() {
                users.insert(token, member);
                let room = (hears == Hears::One).then_some(room.id);
                wanted.push(Wanted { token, room, seats: Vec::new() });
            }
            seats.push((member, wanted[member].seats.len()));
            wanted[member].seats.push((number, place < RECORDERS));
        }
        places.push(seats);
    }
    (wanted, places)
}

/// Shows a run while it lasts.
struct Watched(JoinHandle<()>);

impl Watched {
    fn begin(tally: &Rc<Tally>) -> Self {
        let tally = Rc::clone(tally);
        Self(tokio::task::spawn_local(async move {
            let (mut sent, mut heard) = (0, 0);
            loop {
                sleep(progress::EVERY).await;
                let (sent_before, heard_before) = (sent, heard);
                (sent, heard) = (tally.sent.get(), tally.heard.get());
                let (more_sent, more_heard) = (sent - sent_before, heard - heard_before);
                progress::line(&format!("{more_sent} messages/s, {more_heard} deliveries/s; {heard} heard so far"));
            }
        }))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.abort();
        progress::line("");
    }
}
