//! The relay: the least work with which a server can deliver each message to all connected clients.
//!
//! It has one thread, one epoll, no accounts and no checks. It makes the frame of a message once, from a template, and writes it to each
//! socket of the conversation with one `send` call. A chat server cannot cost less, unless it writes less often.
//!
//! With `--join` the relay writes less often: it writes the messages of one loop iteration together. With `--commit` it first commits
//! the messages of an iteration in a bare transaction.

use std::net::TcpListener;

use chinwag::server;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, read};
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{SocketFlags, accept_with};

use crate::Arguments;
use crate::committer::Committer;
use crate::frames::{self, MessageTemplate};
use crate::peer::Peer;
use crate::protocol;
use crate::room::{self, Rooms};

/// Bytes of one read. All sockets share one buffer.
const BUFFER_BYTES: usize = 256 * 1024;
/// Most events of one loop iteration.
const EVENTS_MAX: usize = 1_024;
/// The listener's epoll token. A socket's token is its index.
const LISTENER: u64 = u64::MAX;

struct Settings {
    /// The messages of one loop iteration are written together.
    join: bool,
    committer: Option<Committer>,
}

struct Relay {
    epoll: OwnedFd,
    listener: TcpListener,
    template: MessageTemplate,
    settings: Settings,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    rooms: Rooms,
    /// The indices of sockets in several conversations that have pending bytes in this iteration.
    unflushed: Vec<usize>,
}

/// Serves until it is killed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    server::raise_open_files();
    let committer = arguments.value("--commit").map(Committer::open).transpose()?;
    let settings = Settings { join: arguments.has("--join"), committer };
    let listener = arguments.listen()?;
    let relay = Relay::new(listener, settings).map_err(|error| error.to_string())?;
    relay.run().map_err(|error| error.to_string())
}

impl Relay {
    fn new(listener: TcpListener, settings: Settings) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let template = MessageTemplate::from_encoder();
        let (peers, free, rooms, unflushed) = (Vec::new(), Vec::new(), Rooms::default(), Vec::new());
        Ok(Self { epoll, listener, template, settings, peers, free, rooms, unflushed })
    }

    fn run(mut self) -> std::io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
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
                    (token, flags) => self.on_event(usize::try_from(token).unwrap_or(usize::MAX), flags, &mut buffer),
                }
            }
            self.deliver();
        }
    }

    /// Accepts all waiting sockets. They are registered edge-triggered for reads and writes, so that they never need `epoll_ctl` again.
    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            let socket = match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            set_tcp_nodelay(&socket, true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.peers.push(None);
                self.peers.len() - 1
            });
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), edges)?;
            self.peers[index] = Some(Peer::new(socket));
        }
    }

    /// Handles an event of a socket.
    fn on_event(&mut self, index: usize, flags: EventFlags, buffer: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(index).and_then(Option::as_mut) else { return };
        if flags.contains(EventFlags::OUT) {
            peer.flush();
        }
        let half_closed = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if !flags.contains(EventFlags::IN) && !half_closed {
            return;
        }
        if let Err(reason) = self.read(index, half_closed, buffer) {
            if let Some(reason) = reason {
                eprintln!("relay: {reason}");
            }
            self.disconnect(index);
        }
    }

    /// Reads and processes all available bytes. A read that does not fill the buffer is the last one, unless the peer has closed its
    /// side. An error without a reason means that the connection ended.
    fn read(&mut self, index: usize, half_closed: bool, buffer: &mut [u8]) -> Result<(), Option<String>> {
        loop {
            let Some(peer) = self.peers[index].as_mut() else { return Ok(()) };
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
            let parsed = self.process(index, &buffer[..got])?;
            let Some(peer) = self.peers[index].as_mut() else { return Ok(()) };
            peer.partial.extend_from_slice(&buffer[parsed..got]);
            if got < buffer.len() && !half_closed {
                return Ok(());
            }
        }
    }

    /// Processes the complete frames at the front. Returns their length.
    fn process(&mut self, index: usize, bytes: &[u8]) -> Result<usize, Option<String>> {
        let mut parsed = 0;
        while parsed < bytes.len() {
            let rest = &bytes[parsed..];
            let Some(peer) = self.peers[index].as_ref() else { break };
            if peer.rooms.is_empty() {
                let Some(handshake) = protocol::parse_handshake(rest)? else { break };
                parsed += handshake.length;
                self.subscribe(index, &handshake)?;
                continue;
            }
            let (one_conversation, first) = (peer.one_conversation, peer.rooms[0]);
            let Some(frame) = protocol::parse_frame(rest)? else { break };
            parsed += frame.payload.end;
            if frame.close {
                return Err(None);
            }
            if frame.text {
                let send = protocol::parse_send(&rest[frame.payload], one_conversation)
                    .ok_or_else(|| "a frame that is no send".to_owned())?;
                let room = send.conversation.map_or(Some(first), |id| self.rooms.find(id));
                self.relay(room.ok_or_else(|| "a conversation without subscribers".to_owned())?, &send)?;
            }
        }
        Ok(parsed)
    }

    /// Subscribes a socket to its conversations, and sends the handshake's response and `hello`.
    fn subscribe(&mut self, index: usize, handshake: &protocol::Handshake) -> Result<(), String> {
        let mut rooms = Vec::with_capacity(handshake.conversations.len());
        for &id in &handshake.conversations {
            let room = if let Some(room) = self.rooms.find(&room::id_text(id)) {
                room
            } else {
                let head =
                    self.settings.committer.as_mut().map_or(Ok(0), |committer| committer.open_conversation(id))?;
                self.rooms.add(id, head)
            };
            self.rooms.all[room].members.push(index);
            rooms.push(room);
        }
        let head = handshake.one_conversation.then(|| &self.rooms.all[rooms[0]]).map(|room| (room.id, room.last_seq));
        let Some(peer) = self.peers[index].as_mut() else { return Ok(()) };
        (peer.rooms, peer.one_conversation) = (rooms, handshake.one_conversation);
        let mut response = handshake.response.clone().into_bytes();
        response.extend_from_slice(&frames::hello(head));
        peer.write(&response);
        Ok(())
    }

    /// Gives a message its sequence number. Without `--join` and `--commit` the message is delivered at once.
    fn relay(&mut self, room: usize, send: &protocol::SendFrame<'_>) -> Result<(), String> {
        let seq = self.rooms.append(room, &self.template, send.id, send.content);
        if let Some(committer) = &mut self.settings.committer {
            committer.push(self.rooms.all[room].id, seq, send.id, send.content)?;
        } else if !self.settings.join {
            self.deliver();
        }
        Ok(())
    }

    /// Commits the messages of this iteration, if the relay commits at all, and then writes them to the sockets.
    fn deliver(&mut self) {
        let Self { rooms, peers, settings, unflushed, .. } = self;
        if rooms.dirty.is_empty() {
            return;
        }
        if let Some(committer) = &mut settings.committer {
            let heads = rooms.dirty.iter().map(|&room| (rooms.all[room].id, rooms.all[room].last_seq));
            if let Err(reason) = committer.commit(heads) {
                panic!("the relay does not deliver messages that are not committed: {reason}");
            }
        }
        for room in rooms.dirty.drain(..) {
            let room = &mut rooms.all[room];
            for &index in &room.members {
                let Some(peer) = peers[index].as_mut() else { continue };
                if !settings.join {
                    let starts = std::iter::once(0).chain(room.ends.iter().copied());
                    starts.zip(&room.ends).for_each(|(start, &end)| peer.write(&room.frames[start..end]));
                } else if peer.rooms.len() == 1 {
                    peer.write(&room.frames);
                } else if peer.enqueue(&room.frames) {
                    unflushed.push(index);
                }
            }
            room.frames.clear();
            room.ends.clear();
        }
        for index in unflushed.drain(..) {
            if let Some(peer) = peers[index].as_mut() {
                peer.flush();
            }
        }
    }

    fn disconnect(&mut self, index: usize) {
        let Some(peer) = self.peers[index].take() else { return };
        for room in peer.rooms {
            let members = &mut self.rooms.all[room].members;
            if let Some(member) = members.iter().position(|other| *other == index) {
                members.swap_remove(member);
            }
        }
        self.free.push(index);
    }
}
