//! The relay: the least that a server can do that passes each message on to all who are connected.
//!
//! One thread, one epoll, no accounts, nothing checked: a send becomes a frame, made once from a template, and each socket of its
//! conversation gets it by a `send` call of the kernel's. What a chat server costs above this is its own; what this costs no chat
//! server can save, unless it writes less often. With `--join` it does: what was read in one turn of the loop goes out together. With
//! `--commit` what was read in one turn is first committed, by a bare transaction.

use std::net::TcpListener;

use chinwag::app;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read};
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{SocketFlags, accept_with};

use crate::Arguments;
use crate::committer::Commit;
use crate::frames::{self, Template};
use crate::peer::Peer;
use crate::protocol;
use crate::room::{self, Rooms};

/// Bytes that are read at a time, from whichever socket.
const BUFFER_BYTES: usize = 256 * 1024;
/// Sockets that one turn of the loop hears of.
const EVENTS: usize = 1_024;
/// The listener's mark; the sockets' marks are their places.
const LISTENER: u64 = u64::MAX;

/// How messages are passed on.
struct Manner {
    /// What one turn read goes out together.
    join: bool,
    commit: Option<Commit>,
}

struct Relay {
    epoll: OwnedFd,
    listener: TcpListener,
    template: Template,
    manner: Manner,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    rooms: Rooms,
    /// Sockets in several conversations, that have something to be written in this turn.
    due: Vec<usize>,
}

/// Serves until it is killed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    app::raise_open_files();
    let commit = arguments.value("--commit").map(Commit::open).transpose()?;
    let manner = Manner { join: arguments.has("--join"), commit };
    let listener = arguments.listen()?;
    let relay = Relay::new(listener, manner).map_err(|error| error.to_string())?;
    relay.run().map_err(|error| error.to_string())
}

impl Relay {
    fn new(listener: TcpListener, manner: Manner) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let template = Template::of_chinwag();
        let (peers, free, rooms, due) = (Vec::new(), Vec::new(), Rooms::default(), Vec::new());
        Ok(Self { epoll, listener, template, manner, peers, free, rooms, due })
    }

    fn run(mut self) -> std::io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match (event.data.u64(), event.flags) {
                    (LISTENER, _) => self.accept()?,
                    (mark, flags) => self.hear(usize::try_from(mark).unwrap_or(usize::MAX), flags, &mut buffer),
                }
            }
            self.deliver();
        }
    }

    /// Sockets are heard at their edges, both of them, so that nothing is ever asked of epoll again.
    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            let socket = match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            set_tcp_nodelay(&socket, true)?;
            let place = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(place as u64), edges)?;
            self.peers[place] = Some(Peer::new(socket));
        }
    }

    /// Something is new about a socket.
    fn hear(&mut self, place: usize, flags: EventFlags, buffer: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        if flags.contains(EventFlags::OUT) {
            peer.flush();
        }
        let said_all = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if !flags.contains(EventFlags::IN) && !said_all {
            return;
        }
        if let Err(reason) = self.read(place, said_all, buffer) {
            if let Some(reason) = reason {
                eprintln!("relay: {reason}");
            }
            self.leave(place);
        }
    }

    /// Reads what is there. A read that does not fill the buffer has read all, unless the peer has also said that it goes.
    fn read(&mut self, place: usize, said_all: bool, buffer: &mut [u8]) -> Result<(), Option<String>> {
        loop {
            let Some(peer) = self.peers[place].as_mut() else { return Ok(()) };
            let kept = peer.partial.len();
            buffer[..kept].copy_from_slice(&peer.partial);
            peer.partial.clear();
            let got = match read(&peer.socket, &mut buffer[kept..]) {
                Ok(0) => return Err(None),
                Ok(got) => kept + got,
                Err(Errno::AGAIN) => kept,
                Err(Errno::INTR) => continue,
                Err(_) => return Err(None),
            };
            let taken = self.take(place, &buffer[..got])?;
            let Some(peer) = self.peers[place].as_mut() else { return Ok(()) };
            peer.partial.extend_from_slice(&buffer[taken..got]);
            if got < buffer.len() && !said_all {
                return Ok(());
            }
        }
    }

    /// Takes what is whole from the front; returns how much that was.
    fn take(&mut self, place: usize, bytes: &[u8]) -> Result<usize, Option<String>> {
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            let Some(peer) = self.peers[place].as_ref() else { break };
            if peer.rooms.is_empty() {
                let Some(handshake) = protocol::handshake(rest)? else { break };
                taken += handshake.length;
                self.seat(place, &handshake)?;
                continue;
            }
            let (one, home) = (peer.one, peer.rooms[0]);
            let Some(frame) = protocol::frame(rest)? else { break };
            taken += frame.payload.end;
            if frame.close {
                return Err(None);
            }
            if frame.text {
                let send =
                    protocol::send(&rest[frame.payload], one).ok_or_else(|| "a frame that is no send".to_owned())?;
                let room = send.conversation.map_or(Some(home), |name| self.rooms.find(name));
                self.relay(room.ok_or_else(|| "a conversation that nobody hears".to_owned())?, &send)?;
            }
        }
        Ok(taken)
    }

    /// Gives a socket its seats, and says `hello`.
    fn seat(&mut self, place: usize, handshake: &protocol::Handshake) -> Result<(), String> {
        let mut rooms = Vec::with_capacity(handshake.conversations.len());
        for &id in &handshake.conversations {
            let room = if let Some(room) = self.rooms.find(&room::name(id)) {
                room
            } else {
                let head = self.manner.commit.as_mut().map_or(Ok(0), |commit| commit.open_room(id))?;
                self.rooms.add(id, head)
            };
            self.rooms.all[room].members.push(place);
            rooms.push(room);
        }
        let head = handshake.one.then(|| &self.rooms.all[rooms[0]]).map(|room| (room.id, room.last_seq));
        let Some(peer) = self.peers[place].as_mut() else { return Ok(()) };
        (peer.rooms, peer.one) = (rooms, handshake.one);
        let mut words = handshake.answer.clone().into_bytes();
        words.extend_from_slice(&frames::hello(head));
        peer.write(&words);
        Ok(())
    }

    /// Numbers a message, and passes it on at once unless it waits for the turn's end.
    fn relay(&mut self, room: usize, send: &protocol::Send<'_>) -> Result<(), String> {
        let seq = self.rooms.put(room, &self.template, send.id, send.content);
        if let Some(commit) = &mut self.manner.commit {
            commit.put(self.rooms.all[room].id, seq, send.id, send.content)?;
        } else if !self.manner.join {
            self.deliver();
        }
        Ok(())
    }

    /// Passes on what the turn has gathered, after it is durable.
    fn deliver(&mut self) {
        let Self { rooms, peers, manner, due, .. } = self;
        if rooms.touched.is_empty() {
            return;
        }
        if let Some(commit) = &mut manner.commit {
            let heads = rooms.touched.iter().map(|&room| (rooms.all[room].id, rooms.all[room].last_seq));
            if let Err(reason) = commit.commit(heads) {
                panic!("what was not committed is not passed on: {reason}");
            }
        }
        for room in rooms.touched.drain(..) {
            let room = &mut rooms.all[room];
            for &place in &room.members {
                let Some(peer) = peers[place].as_mut() else { continue };
                if !manner.join {
                    let starts = std::iter::once(0).chain(room.ends.iter().copied());
                    starts.zip(&room.ends).for_each(|(start, &end)| peer.write(&room.frames[start..end]));
                } else if peer.rooms.len() == 1 {
                    peer.write(&room.frames);
                } else if peer.keep(&room.frames) {
                    due.push(place);
                }
            }
            room.frames.clear();
            room.ends.clear();
        }
        for place in due.drain(..) {
            if let Some(peer) = peers[place].as_mut() {
                peer.flush();
            }
        }
    }

    fn leave(&mut self, place: usize) {
        let Some(peer) = self.peers[place].take() else { return };
        for room in peer.rooms {
            let members = &mut self.rooms.all[room].members;
            if let Some(seat) = members.iter().position(|member| *member == place) {
                members.swap_remove(seat);
            }
        }
        self.free.push(place);
    }
}
