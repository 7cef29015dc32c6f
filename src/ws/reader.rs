//! The side of a WebSocket that reads.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use super::decoder::{DecodedFrame, Decoder};
use super::end::ConnectionEnd;
use super::sink::Peer;
use crate::limits;
use crate::registry::SendQueue;
use crate::wire::framing;

/// A message of the peer's, whole.
pub enum ClientMessage {
    /// Text.
    Text(String),
    /// Anything else.
    Binary(Vec<u8>),
}

thread_local! {
    /// Where a thread reads into, whoever it reads from: a connection has no memory of its own for what has not come.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; limits::READ_BYTES]);
}

/// Reads from a socket what the peer says.
pub struct Reader {
    socket: OwnedReadHalf,
    send_queue: Arc<SendQueue<Peer>>,
    decoder: Decoder,
    /// What was read and not decoded yet.
    rest: Bytes,
}

impl Reader {
    /// `early` was read with the handshake. The peer's messages have at most so many bytes.
    pub(super) fn new(
        early: Bytes,
        socket: OwnedReadHalf,
        send_queue: Arc<SendQueue<Peer>>,
        message_bytes: usize,
    ) -> Self {
        let decoder = Decoder::new(message_bytes);
        // A copy: a slice, empty or not, would keep all of the buffer that the handshake was read into.
        let rest = Bytes::copy_from_slice(&early);
        Self { socket, send_queue, decoder, rest }
    }

    /// The next message. Pings are answered here, through the send_queue. Until this is called again, it is the server that does not
    /// listen, and not the peer that is silent. May be dropped while it waits: nothing that was read is lost.
    pub async fn next(&mut self) -> Result<ClientMessage, ConnectionEnd> {
        poll_fn(|cx| {
            let message = self.poll_message(cx);
            self.send_queue.sink().activity.set_busy(message.is_ready());
            message
        })
        .await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientMessage, ConnectionEnd>> {
        loop {
            let frame = match self.decode_rest()? {
                Some(frame) => frame,
                None => match ready!(self.poll_read(cx))? {
                    Some(frame) => frame,
                    None => continue,
                },
            };
            match frame {
                DecodedFrame::Text(text) => return Poll::Ready(Ok(ClientMessage::Text(text))),
                DecodedFrame::Binary(bytes) => return Poll::Ready(Ok(ClientMessage::Binary(bytes))),
                DecodedFrame::Ping(payload) => self.send_queue.push(framing::pong(&payload)),
                DecodedFrame::Pong => {}
                DecodedFrame::Close(answer) => {
                    self.send_queue.answer_close(answer);
                    return Poll::Ready(Err(ConnectionEnd::Closed));
                }
            }
        }
    }

    fn decode_rest(&mut self) -> Result<Option<DecodedFrame>, ConnectionEnd> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut rest: &[u8] = &self.rest;
        let frame = self.decoder.next(&mut rest)?;
        let taken = self.rest.len() - rest.len();
        self.rest = if rest.is_empty() { Bytes::new() } else { self.rest.slice(taken..) };
        Ok(frame)
    }

    /// Reads what has come, and decodes the first thing that is frame by it. (Half-read buffers tell the runtime that the kernel
    /// has no more: it does not ask it again.)
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<DecodedFrame>, ConnectionEnd>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer));
            let mut rest: &[u8] = buffer.filled();
            if read.is_err() || rest.is_empty() {
                return Poll::Ready(Err(ConnectionEnd::Broken));
            }
            self.send_queue.sink().activity.beat();
            let frame = self.decoder.next(&mut rest)?;
            self.rest = Bytes::copy_from_slice(rest);
            Poll::Ready(Ok(frame))
        })
    }

    /// Reads until the peer has nothing more to say, and drops it.
    pub(super) async fn read_to_end(&mut self) {
        let mut rest = [0; 1024];
        while self.socket.readable().await.is_ok() {
            // Whoever sends faster than this reads would never let the time for it end.
            tokio::task::consume_budget().await;
            match self.socket.try_read(&mut rest) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}
