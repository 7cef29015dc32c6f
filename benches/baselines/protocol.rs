//! What the bench's clients say: a handshake, then frames of one form. Whatever else comes is a mistake of the client's.

use std::ops::Range;

use chinwag::domain::ConversationId;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::frames::{ID, IdText};

/// A longer head than any client of the bench sends: a token names up to a thousand conversations.
const HEAD_BYTES: usize = 64 * 1024;
/// A longer frame than any client of the bench sends; with its bytes before it fits the relay's buffer.
const FRAME_BYTES: usize = 32 * 1024;

/// Where a client wants to go.
pub(crate) struct Handshake {
    /// Bytes of the head.
    pub(crate) length: usize,
    /// `/ws/{id}`; else the bearer token names all conversations, with commas between them.
    pub(crate) one: bool,
    pub(crate) conversations: Vec<ConversationId>,
    /// What to answer.
    pub(crate) answer: String,
}

/// A frame, and where its payload lies.
pub(crate) struct Frame {
    pub(crate) text: bool,
    pub(crate) close: bool,
    pub(crate) payload: Range<usize>,
}

/// A `message.send`.
pub(crate) struct Send<'a> {
    /// On `/ws`.
    pub(crate) conversation: Option<&'a IdText>,
    pub(crate) id: &'a IdText,
    pub(crate) content: &'a [u8],
}

/// The handshake at the front, if all of it is there.
pub(crate) fn handshake(bytes: &[u8]) -> Result<Option<Handshake>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES { Err("a head without an end".to_owned()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.strip_prefix("GET ")).and_then(|line| line.split(' ').next());
    let path = target.and_then(|target| target.split('?').next()).ok_or("not a GET request")?;
    let header = |wanted: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let key = header("Sec-WebSocket-Key").ok_or("not a WebSocket's handshake")?;
    let (one, names) = match path.strip_prefix("/ws/") {
        Some(name) => (true, name),
        None if path == "/ws" => {
            let bearer = header("Authorization").and_then(|value| value.strip_prefix("Bearer "));
            (false, bearer.ok_or("no bearer token that names conversations")?)
        }
        None => return Err(format!("nothing is at {path}")),
    };
    let conversations =
        names.split(',').map(|name| ConversationId::parse(name).ok_or_else(|| format!("no id: {name}")));
    let conversations = conversations.collect::<Result<_, _>>()?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    Ok(Some(Handshake { length: end + 4, one, conversations, answer }))
}

/// The frame at the front, if all of it is there.
pub(crate) fn frame(bytes: &[u8]) -> Result<Option<Frame>, String> {
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
    if length > FRAME_BYTES {
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

/// A send, in the one form and order that it has.
pub(crate) fn send(payload: &[u8], one: bool) -> Option<Send<'_>> {
    let rest = payload.strip_prefix(br#"{"type":"message.send","#)?;
    let (conversation, rest) = if one {
        (None, rest)
    } else {
        let (id, rest) = rest.strip_prefix(br#""conversation_id":""#)?.split_first_chunk::<ID>()?;
        (Some(id), rest.strip_prefix(br#"","#)?)
    };
    let (id, rest) = rest.strip_prefix(br#""id":""#)?.split_first_chunk::<ID>()?;
    let content = rest.strip_prefix(br#"","content":""#)?.strip_suffix(br#""}"#)?;
    Some(Send { conversation, id, content })
}
