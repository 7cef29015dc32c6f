//! From bytes to what the peer says: a server's side of RFC 6455, sections 5 and 8.1.
//!
//! tungstenite reads the headers. A payload is taken as it comes, so that nothing is kept for a peer that says nothing, a message's
//! memory goes with it, and a bad byte of text is refused when it arrives, not at its message's end.

use std::io::Cursor;
use std::mem;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use crate::wire::close::Close;
use crate::wire::framing;

/// The longest header (section 5.2): two bytes, eight of length, four of the mask's key.
const HEADER_BYTES: usize = 14;
/// The longest payload of a control frame (section 5.5).
const CONTROL_BYTES: u64 = 125;

/// A frame or a message of the peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DecodedFrame {
    /// A whole message of text.
    Text(String),
    /// A whole message of anything else.
    Binary(Vec<u8>),
    /// A ping with this payload, which a pong repeats.
    Ping(Vec<u8>),
    /// A pong, asked for or not.
    Pong,
    /// Goodbye; with the close frame that answers it.
    Close(Bytes),
}

/// What was decoded in part.
pub(super) struct Decoder {
    /// Bytes that a message may have.
    most: usize,
    /// A header's first bytes, while the others have not come.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// Which kind of message is under way, in one frame or several.
    kind: Option<Data>,
    message: Vec<u8>,
    /// Bytes of a text that are known to be UTF-8.
    checked: usize,
    /// The payload of a control frame, which may come between a message's frames.
    control: Vec<u8>,
}

/// A frame whose payload is coming.
struct Frame {
    opcode: OpCode,
    is_final: bool,
    /// The mask of the next byte first.
    mask: [u8; 4],
    left: usize,
}

impl Decoder {
    /// For messages of at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        let (header, message, control) = (Vec::new(), Vec::new(), Vec::new());
        Self { most, header, frame: None, kind: None, message, checked: 0, control }
    }

    /// Decodes `input` up to the end of the next frame or message, and leaves what follows; `None` if all of it was taken and
    /// more is needed.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<DecodedFrame>, Close> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.parse_header(input)? {
                    Some((header, length)) => self.begin(&header, length)?,
                    None => return Ok(None),
                },
            };
            let is_control = matches!(frame.opcode, OpCode::Control(_));
            let payload = if is_control { &mut self.control } else { &mut self.message };
            frame.take(input, payload);
            if frame.left > 0 {
                self.frame = Some(frame);
                self.check_text()?;
                return Ok(None);
            }
            if let Some(decoded) = self.end(&frame)? {
                return Ok(Some(decoded));
            }
        }
    }

    /// The next header, once all of it is there.
    fn parse_header(&mut self, input: &mut &[u8]) -> Result<Option<(FrameHeader, u64)>, Close> {
        if self.header.is_empty() {
            let parsed = parse(input)?;
            if parsed.is_none() {
                self.header = mem::take(input).to_vec();
            }
            return Ok(parsed);
        }
        while let [byte, rest @ ..] = input
            && self.header.len() < HEADER_BYTES
        {
            *input = rest;
            self.header.push(*byte);
            if let Some(parsed) = parse(&mut self.header.as_slice())? {
                self.header = Vec::new();
                return Ok(Some(parsed));
            }
        }
        Ok(None)
    }

    /// Judges a frame by its header.
    fn begin(&mut self, header: &FrameHeader, length: u64) -> Result<Frame, Close> {
        let mask = header.mask.ok_or(Close::PROTOCOL_ERROR)?;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Close::PROTOCOL_ERROR);
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final || length > CONTROL_BYTES => return Err(Close::PROTOCOL_ERROR),
            OpCode::Control(_) => {}
            OpCode::Data(data) => {
                if (data == Data::Continue) != self.kind.is_some() {
                    return Err(Close::PROTOCOL_ERROR);
                }
                self.kind.get_or_insert(data);
                if length > (self.most - self.message.len()) as u64 {
                    return Err(Close::TOO_BIG);
                }
            }
        }
        let left = usize::try_from(length).map_err(|_| Close::TOO_BIG)?;
        Ok(Frame { opcode: header.opcode, is_final: header.is_final, mask, left })
    }

    /// What a frame says that is there as a whole, if it does not go on in the next.
    fn end(&mut self, frame: &Frame) -> Result<Option<DecodedFrame>, Close> {
        Ok(match frame.opcode {
            OpCode::Data(_) if !frame.is_final => {
                self.check_text()?;
                None
            }
            OpCode::Data(_) => {
                let message = mem::take(&mut self.message);
                self.checked = 0;
                Some(match self.kind.take() {
                    Some(Data::Text) => DecodedFrame::Text(String::from_utf8(message).map_err(|_| Close::NOT_UTF8)?),
                    _ => DecodedFrame::Binary(message),
                })
            }
            OpCode::Control(Control::Ping) => Some(DecodedFrame::Ping(mem::take(&mut self.control))),
            OpCode::Control(Control::Close) => Some(DecodedFrame::Close(answer(&mem::take(&mut self.control))?)),
            OpCode::Control(_) => {
                self.control = Vec::new();
                Some(DecodedFrame::Pong)
            }
        })
    }

    /// Refuses a text as soon as it cannot become UTF-8. A character may have come in part.
    fn check_text(&mut self) -> Result<(), Close> {
        if self.kind == Some(Data::Text) {
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
    /// Takes from `input` what belongs to this frame, unmasked (section 5.3), into `payload`.
    fn take(&mut self, input: &mut &[u8], payload: &mut Vec<u8>) {
        let (taken, rest) = input.split_at(self.left.min(input.len()));
        *input = rest;
        self.left -= taken.len();
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

/// Takes a header from the front of `input`, if all of it is there.
fn parse(input: &mut &[u8]) -> Result<Option<(FrameHeader, u64)>, Close> {
    let mut cursor = Cursor::new(*input);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Close::PROTOCOL_ERROR)?;
    *input = &input[usize::try_from(cursor.position()).unwrap_or(0)..];
    Ok(parsed)
}

/// The close frame that answers one with this payload (sections 5.5.1 and 7.4): it repeats the code.
fn answer(payload: &[u8]) -> Result<Bytes, Close> {
    match payload {
        [] => Ok(framing::close_without_code()),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            std::str::from_utf8(reason).map_err(|_| Close::NOT_UTF8)?;
            let is_allowed = CloseCode::from(code).is_allowed();
            is_allowed.then(|| framing::close(code, "")).ok_or(Close::PROTOCOL_ERROR)
        }
        [_] => Err(Close::PROTOCOL_ERROR),
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
