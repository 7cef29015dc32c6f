//! The frame decoder: the server's side of RFC 6455, sections 5 and 8.1.
//!
//! tungstenite parses the headers. The decoder consumes a payload as it arrives. So an idle client takes no memory, the memory of a
//! message is freed with it, and an invalid byte of text is refused when it arrives, not at the end of its message.

use std::io::Cursor;
use std::mem;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use crate::wire::close::Close;
use crate::wire::framing;

/// The longest header (section 5.2): two bytes, eight of length, four of the mask's key.
const HEADER_BYTES_MAX: usize = 14;
/// The longest payload of a control frame (section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// A control frame or a complete message of the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodedFrame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping with its payload, which the pong repeats.
    Ping(Vec<u8>),
    /// A pong, solicited or not.
    Pong,
    /// A close frame.
    Close {
        /// The close frame that replies to it.
        reply: Bytes,
        /// It has no code, or one of a page that is left.
        is_final: bool,
    },
}

/// The state between two reads of a socket.
pub(super) struct Decoder {
    max_message_bytes: usize,
    /// The first bytes of an incomplete header.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// The type of the current message, which has one frame or several.
    message_type: Option<Data>,
    message: Vec<u8>,
    /// Length of the prefix of `message` that is checked as UTF-8, in bytes.
    checked: usize,
    /// The payload of a control frame, which can come between the frames of a message.
    control: Vec<u8>,
}

/// A frame whose payload is incomplete.
struct Frame {
    opcode: OpCode,
    is_final: bool,
    /// The masking key, rotated so that the next byte's mask is first.
    mask: [u8; 4],
    remaining: usize,
}

impl Decoder {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        let (header, message, control) = (Vec::new(), Vec::new(), Vec::new());
        Self { max_message_bytes, header, frame: None, message_type: None, message, checked: 0, control }
    }

    /// Decodes the next control frame or message from the front of `input`, and leaves the bytes after it. Returns `None` when
    /// `input` is consumed and more bytes are needed.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<DecodedFrame>, Close> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.parse_header(input)? {
                    Some((header, length)) => self.start_frame(&header, length)?,
                    None => return Ok(None),
                },
            };
            let is_control = matches!(frame.opcode, OpCode::Control(_));
            let payload = if is_control { &mut self.control } else { &mut self.message };
            frame.unmask_into(payload, input);
            if frame.remaining > 0 {
                self.frame = Some(frame);
                self.check_text()?;
                return Ok(None);
            }
            if let Some(decoded) = self.finish_frame(&frame)? {
                return Ok(Some(decoded));
            }
        }
    }

    /// Returns the number of bytes of the message that has arrived in part.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.message.capacity()
    }

    /// Returns the next header, or `None` while it is incomplete.
    fn parse_header(&mut self, input: &mut &[u8]) -> Result<Option<(FrameHeader, u64)>, Close> {
        if self.header.is_empty() {
            let parsed = parse_header(input)?;
            if parsed.is_none() {
                self.header = mem::take(input).to_vec();
            }
            return Ok(parsed);
        }
        while let [byte, rest @ ..] = input
            && self.header.len() < HEADER_BYTES_MAX
        {
            *input = rest;
            self.header.push(*byte);
            if let Some(parsed) = parse_header(&mut self.header.as_slice())? {
                self.header = Vec::new();
                return Ok(Some(parsed));
            }
        }
        Ok(None)
    }

    /// Checks the header of a frame, and starts the frame.
    fn start_frame(&mut self, header: &FrameHeader, length: u64) -> Result<Frame, Close> {
        let mask = header.mask.ok_or(Close::PROTOCOL_ERROR)?;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Close::PROTOCOL_ERROR);
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final || length > CONTROL_BYTES_MAX => return Err(Close::PROTOCOL_ERROR),
            OpCode::Control(_) => {}
            OpCode::Data(data) => {
                if (data == Data::Continue) != self.message_type.is_some() {
                    return Err(Close::PROTOCOL_ERROR);
                }
                self.message_type.get_or_insert(data);
                if length > (self.max_message_bytes - self.message.len()) as u64 {
                    return Err(Close::TOO_BIG);
                }
            }
        }
        let remaining = usize::try_from(length).map_err(|_| Close::TOO_BIG)?;
        Ok(Frame { opcode: header.opcode, is_final: header.is_final, mask, remaining })
    }

    /// Returns the control frame or the message that ends with `frame`, or `None` if the message continues in the next frame.
    fn finish_frame(&mut self, frame: &Frame) -> Result<Option<DecodedFrame>, Close> {
        Ok(match frame.opcode {
            OpCode::Data(_) if !frame.is_final => {
                self.check_text()?;
                None
            }
            OpCode::Data(_) => {
                let message = mem::take(&mut self.message);
                self.checked = 0;
                Some(match self.message_type.take() {
                    Some(Data::Text) => DecodedFrame::Text(String::from_utf8(message).map_err(|_| Close::NOT_UTF8)?),
                    _ => DecodedFrame::Binary(message),
                })
            }
            OpCode::Control(Control::Ping) => Some(DecodedFrame::Ping(mem::take(&mut self.control))),
            OpCode::Control(Control::Close) => Some(close_frame(&mem::take(&mut self.control))?),
            OpCode::Control(_) => {
                self.control = Vec::new();
                Some(DecodedFrame::Pong)
            }
        })
    }

    /// Refuses a text message as soon as its bytes cannot be UTF-8. Its last character can be incomplete.
    fn check_text(&mut self) -> Result<(), Close> {
        if self.message_type == Some(Data::Text) {
            match std::str::from_utf8(&self.message[self.checked..]) {
                Ok(_) => self.checked = self.message.len(),
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(Close::NOT_UTF8),
            }
        }
        Ok(())
    }
}

impl Frame {
    /// Moves the bytes of this frame from `input` to `payload`, and unmasks them (section 5.3).
    fn unmask_into(&mut self, payload: &mut Vec<u8>, input: &mut &[u8]) {
        let (taken, rest) = input.split_at(self.remaining.min(input.len()));
        *input = rest;
        self.remaining -= taken.len();
        let start = payload.len();
        payload.extend_from_slice(taken);
        let [a, b, c, d] = self.mask;
        let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (eights, last) = payload[start..].as_chunks_mut::<8>();
        for eight in eights {
            *eight = (u64::from_ne_bytes(*eight) ^ key).to_ne_bytes();
        }
        for (byte, mask) in last.iter_mut().zip(self.mask.iter().cycle()) {
            *byte ^= mask;
        }
        self.mask.rotate_left(taken.len() % 4);
    }
}

/// Parses a header at the front of `input` and removes it. Returns `None` when the header is incomplete.
fn parse_header(input: &mut &[u8]) -> Result<Option<(FrameHeader, u64)>, Close> {
    let mut cursor = Cursor::new(*input);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Close::PROTOCOL_ERROR)?;
    *input = &input[usize::try_from(cursor.position()).unwrap_or(0)..];
    Ok(parsed)
}

/// Decodes the payload of a close frame (sections 5.5.1 and 7.4). The reply repeats the code.
fn close_frame(payload: &[u8]) -> Result<DecodedFrame, Close> {
    match payload {
        [] => Ok(DecodedFrame::Close { reply: framing::close_without_code(), is_final: true }),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            std::str::from_utf8(reason).map_err(|_| Close::NOT_UTF8)?;
            let is_final = matches!(CloseCode::from(code), CloseCode::Normal | CloseCode::Away);
            let decoded = DecodedFrame::Close { reply: framing::close(code, ""), is_final };
            Some(decoded).filter(|_| CloseCode::from(code).is_allowed()).ok_or(Close::PROTOCOL_ERROR)
        }
        [_] => Err(Close::PROTOCOL_ERROR),
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
