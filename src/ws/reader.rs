//! The reading side of a WebSocket.

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
use super::sink::SocketSink;
use crate::limits;
use crate::registry::{Charge, SendQueue};
use crate::wire::close::Close;
use crate::wire::framing;

/// A complete message of the client.
#[expect(missing_docs, reason = "the names of the variants say it")]
pub enum ClientMessage {
    Text(String),
    Binary(Vec<u8>),
}

thread_local! {
    /// The read buffer of a thread, shared by all its connections, so that an idle connection needs none.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; limits::READ_BYTES]);
}

/// Reads the client's messages from a socket.
pub struct Reader {
    socket: OwnedReadHalf,
    send_queue: Arc<SendQueue<SocketSink>>,
    decoder: Decoder,
    /// Bytes that were read and are not decoded yet.
    undecoded: Bytes,
    /// The bytes of a message that has arrived in part.
    pub(super) charge: Charge,
}

impl Reader {
    /// Creates a reader. `early` holds the bytes that were read with the handshake.
    pub(super) fn new(
        early: Bytes,
        socket: OwnedReadHalf,
        send_queue: Arc<SendQueue<SocketSink>>,
        max_message_bytes: usize,
        charge: Charge,
    ) -> Self {
        let decoder = Decoder::new(max_message_bytes);
        // Copied, because a slice, even an empty one, would keep the whole buffer of the handshake.
        let undecoded = Bytes::copy_from_slice(&early);
        Self { socket, send_queue, decoder, undecoded, charge }
    }

    /// Returns the client's next message. Pings on the way are answered through the send queue. The connection counts as busy from the
    /// return until the next call, so that the heartbeat does not take the client for silent. The future can be dropped while it waits:
    /// no bytes are lost.
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
            let frame = match self.decode_buffered()? {
                Some(frame) => frame,
                None => match self.poll_read(cx) {
                    Poll::Ready(frame) => match frame? {
                        Some(frame) => frame,
                        None => continue,
                    },
                    Poll::Pending if self.charge.resize_if_large(self.decoder.buffered_bytes()) => {
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::Ready(Err(Close::OVERLOADED.into())),
                },
            };
            match frame {
                DecodedFrame::Text(text) => return Poll::Ready(Ok(ClientMessage::Text(text))),
                DecodedFrame::Binary(bytes) => return Poll::Ready(Ok(ClientMessage::Binary(bytes))),
                DecodedFrame::Ping(payload) => self.send_queue.push(framing::pong(&payload)),
                DecodedFrame::Pong => {}
                DecodedFrame::Close { reply, is_final } => {
                    self.send_queue.answer_close(reply);
                    return Poll::Ready(Err(ConnectionEnd::Closed { is_final }));
                }
            }
        }
    }

    fn decode_buffered(&mut self) -> Result<Option<DecodedFrame>, ConnectionEnd> {
        if self.undecoded.is_empty() {
            return Ok(None);
        }
        let mut rest: &[u8] = &self.undecoded;
        let frame = self.decoder.next(&mut rest)?;
        let taken = self.undecoded.len() - rest.len();
        self.undecoded = if rest.is_empty() { Bytes::new() } else { self.undecoded.slice(taken..) };
        Ok(frame)
    }

    /// Reads from the socket once, decodes the first frame and keeps the other bytes. (A buffer that is not full shows the runtime that
    /// the kernel has no more bytes, which saves another read.)
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<DecodedFrame>, ConnectionEnd>> {
        READ_BUFFER.with_borrow_mut(|bytes| {
            let mut buffer = ReadBuf::new(bytes);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer));
            let mut rest: &[u8] = buffer.filled();
            if read.is_err() || rest.is_empty() {
                return Poll::Ready(Err(ConnectionEnd::Broken));
            }
            self.send_queue.sink().activity.set_received();
            let frame = self.decoder.next(&mut rest)?;
            self.undecoded = Bytes::copy_from_slice(rest);
            Poll::Ready(Ok(frame))
        })
    }

    /// Reads until the client closes its side, and discards the bytes.
    pub(super) async fn read_to_end(&mut self) {
        let mut discarded = [0; 1024];
        while self.socket.readable().await.is_ok() {
            // Without this, a client that sends faster than this reads would keep the close timeout from being checked.
            tokio::task::consume_budget().await;
            match self.socket.try_read(&mut discarded) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}
