//! Parses the handshake and the frames of the bench's clients. All other input is an error.

use std::ops::Range;

use chinwag::domain::ConversationId;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::frames::{ID_LENGTH, IdText};

/// More bytes than the longest request head of a client, whose token names up to a thousand conversations.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// More bytes than the longest frame of a client. The relay's buffer is larger.
const FRAME_BYTES_MAX: usize = 32 * 1024;

/// A client's handshake.
pub(crate) struct Handshake {
    /// Bytes of the request head.
    pub(crate) length: usize,
    /// The client connects to `/ws/{id}`. On `/ws` its bearer token names the conversations, separated by commas.
    pub(crate) one_conversation: bool,
    pub(crate) conversations: Vec<ConversationId>,
    pub(crate) response: String,
}

/// A frame, and the position of its payload.
pub(crate) struct Frame {
    pub(crate) text: bool,
    pub(crate) close: bool,
    pub(crate) payload: Range<usize>,
}

/// A `message.send`.
pub(crate) struct SendFrame<'a> {
    /// None on `/ws/{id}`.
    pub(crate) conversation: Option<&'a IdText>,
    pub(crate) id: &'a IdText,
    pub(crate) content: &'a [u8],
}

/// Parses the handshake at the front. Returns `None` when it is incomplete.
pub(crate) fn parse_handshake(bytes: &[u8]) -> Result<Option<Handshake>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX { Err("a head without an end".to_owned()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.strip_prefix("GET ")).and_then(|line| line.split(' ').next());
    let path = target.and_then(|target| target.split('?').next()).ok_or("not a GET request")?;
    let header = |searched: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(searched)).map(|(_, value)| value.trim())
    };
    let key = header("Sec-WebSocket-Key").ok_or("not a WebSocket's handshake")?;
    let (one_conversation, ids) = match path.strip_prefix("/ws/") {
        Some(id) => (true, id),
        None if path == "/ws" => {
            let bearer = header("Authorization").and_then(|value| value.strip_prefix("Bearer "));
            (false, bearer.ok_or("no bearer token that names conversations")?)
        }
        None => return Err(format!("nothing is at {path}")),
    };
    let conversations = ids.split(',').map(|id| ConversationId::parse(id).ok_or_else(|| format!("no id: {id}")));
    let conversations = conversations.collect::<Result<_, _>>()?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    Ok(Some(Handshake { length: end + 4, one_conversation, conversations, response }))
}

/// Parses the frame at the front. Returns `None` when it is incomplete.
pub(crate) fn parse_frame(bytes: &[u8]) -> Result<Option<Frame>, String> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if second & 0x80 == 0 || first & 0x80 == 0 {
        return Err("a frame that is unmasked, or in pieces".to_owned());
    }
    let (header, length) = match second & 0x7F {
        126 => match bytes {
            &[_, _, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return Ok(None),
        },
        127 => return Err("a frame that is too long".to_owned()),
        short => (2, usize::from(short)),
    };
    if length > FRAME_BYTES_MAX {
        return Err("a frame that is too long".to_owned());
    }
    let payload = header + 4..header + 4 + length;
    if bytes.len() < payload.end {
        return Ok(None);
    }
    if bytes[header..payload.start] != [0; 4] {
        return Err("a mask that is not zero".to_owned());
    }
    Ok(Some(Frame { text: first & 0x0F == 1, close: first & 0x0F == 8, payload }))
}

/// Parses a send. Its fields are always in the same order.
pub(crate) fn parse_send(payload: &[u8], one_conversation: bool) -> Option<SendFrame<'_>> {
    let rest = payload.strip_prefix(br#"{"type":"message.send","#)?;
    let (conversation, rest) = if one_conversation {
        (None, rest)
    } else {
        let (id, rest) = rest.strip_prefix(br#""conversation_id":""#)?.split_first_chunk::<ID_LENGTH>()?;
        (Some(id), rest.strip_prefix(br#"","#)?)
    };
    let (id, rest) = rest.strip_prefix(br#""id":""#)?.split_first_chunk::<ID_LENGTH>()?;
    let content = rest.strip_prefix(br#"","content":""#)?.strip_suffix(br#""}"#)?;
    Some(SendFrame { conversation, id, content })
}
