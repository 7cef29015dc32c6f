//! The bench's side of the protocol, byte by byte.
//!
//! A library would parse each frame's JSON and cost more than the server. The frames of `message.new` begin alike, so that number
//! and id stand where they are looked for; what does not begin so is parsed elsewhere.

use crate::domain::ConversationId;

/// A text frame in one piece.
pub(super) const TEXT: u8 = 0x81;
/// A ping.
pub(super) const PING: u8 = 0x89;
/// A pong without payload, masked with zeros.
pub(super) const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// The length of an id as text.
pub(super) const ID: usize = 36;
/// The part of a message's id that is its own, as text: five hexadecimal digits of the sender and seven of a count.
pub(super) const MARK: usize = 12;
/// The sender's digits of it.
pub(super) const SENDER: usize = 5;
/// Senders that five hexadecimal digits can name.
pub(super) const SENDERS_MAX: usize = 1 << (4 * SENDER);
/// Bytes of a message's text: a short sentence.
const CONTENT: usize = 64;
/// The text's first part: when the message should have been sent, in nanoseconds since the bench began, in hexadecimal digits.
const INTENDED: usize = 16;

/// What tells one message of the bench from all others.
pub(super) type Mark = [u8; MARK];

/// The frame of a send, in which only the id and the text change. It is masked with zeros: the server unmasks it like any other.
pub(super) struct Template {
    frame: Vec<u8>,
    id_at: usize,
    content_at: usize,
}

impl Template {
    /// The frame of a sender; `conversation_id` where the address does not give it.
    pub(super) fn new(sender: usize, conversation_id: Option<ConversationId>) -> Self {
        let place = conversation_id.map(|id| format!(r#""conversation_id":"{id}","#)).unwrap_or_default();
        let before_id = format!(r#"{{"type":"message.send",{place}"id":""#);
        let any = uuid::Uuid::now_v7().to_string();
        let id = format!("{}{sender:05x}0000000", &any[..ID - MARK]);
        let before_content = format!(r#"{before_id}{id}","content":""#);
        let text = "abcdefghijklmnopqrstuvwxyz".chars().cycle().take(CONTENT - INTENDED).collect::<String>();
        let payload = format!(r#"{before_content}{:016x}{text}"}}"#, 0);
        let mut frame = vec![TEXT, 0xFE];
        // Some 200 bytes: more than a short length can tell, less than a long one is for.
        frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        frame.extend([0; 4]);
        let head = frame.len();
        frame.extend(payload.as_bytes());
        Self { frame, id_at: head + before_id.len(), content_at: head + before_content.len() }
    }

    /// The next frame: the sender's message of this count, made at this time (Unix, in milliseconds), intended for this moment.
    pub(super) fn fill(&mut self, count: u64, unix_ms: u64, intended: u64) -> (&[u8], Mark) {
        let id = &mut self.frame[self.id_at..self.id_at + ID];
        put_hex(&mut id[..8], unix_ms >> 16);
        put_hex(&mut id[9..13], unix_ms);
        put_hex(&mut id[ID - MARK + SENDER..], count);
        let mark = id.last_chunk().copied().unwrap_or_default();
        put_hex(&mut self.frame[self.content_at..self.content_at + INTENDED], intended);
        (&self.frame, mark)
    }
}

/// The lowest digits of a number.
fn put_hex(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(number & 15).unwrap_or_default()];
        number >>= 4;
    }
}

/// A `message.new` that was heard.
pub(super) struct Heard<'a> {
    pub(super) conversation_id: &'a [u8; ID],
    pub(super) seq: i64,
    pub(super) mark: &'a Mark,
    digits: usize,
    payload: &'a [u8],
    /// Where the id ends.
    after_id: usize,
}

impl<'a> Heard<'a> {
    /// Reads the beginning of a frame, if it is a `message.new`.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let rest = payload.strip_prefix(br#"{"type":"message.new","conversation_id":""#)?;
        let (conversation_id, rest) = rest.split_first_chunk::<ID>()?;
        let rest = rest.strip_prefix(br#"","seq":"#)?;
        let mut seq = 0_i64;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(digits) {
            seq = seq.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            digits += 1;
        }
        let rest = rest[digits..].strip_prefix(br#","message":{"id":""#)?;
        let (id, rest) = rest.split_first_chunk::<ID>()?;
        let mark = id.last_chunk()?;
        Some(Self { conversation_id, seq, mark, digits, payload, after_id: payload.len() - rest.len() })
    }

    /// When it should have been sent, in nanoseconds since the bench began; its text stands where Chinwag writes it.
    pub(super) fn intended(&self) -> Option<u64> {
        const PLACE: &[u8] = br#"","conversation_id":""#;
        const SEQ: &[u8] = br#"","seq":"#;
        const SENDER: &[u8] = br#","sender_id":""#;
        const TEXT: &[u8] = br#"","type":"text","content":""#;
        let at = self.after_id + PLACE.len() + ID + SEQ.len() + self.digits + SENDER.len() + ID;
        let text = self.payload.get(at..)?.strip_prefix(TEXT)?;
        let digits = std::str::from_utf8(text.get(..INTENDED)?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    }
}

/// The frame at the front: its first byte, its payload and its whole length; `None` if it is not all there.
pub(super) fn first(buffer: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&kind, &short) = (buffer.first()?, buffer.get(1)?);
    let (head, length): (usize, usize) = match short {
        126 => (4, usize::from(u16::from_be_bytes(*buffer.get(2..)?.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*buffer.get(2..)?.first_chunk()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let end = head.checked_add(length)?;
    Some((kind, buffer.get(head..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::{Heard, Template, first};
    use crate::domain::event::Event;
    use crate::domain::message::Message;
    use crate::domain::{ConversationId, Timestamp, UserId};
    use crate::wire::frames::{ClientFrame, EventDetails, put_event};

    fn sent(id: ConversationId) -> Vec<u8> {
        let mut template = Template::new(0xABCDE, Some(id));
        let (frame, mark) = template.fill(0x0123_4567, 1_800_000_000_000, 255);
        assert_eq!((&mark, &frame[..2]), (b"abcde1234567", &[0x81, 0xFE][..]));
        frame[8..].to_vec()
    }

    #[test]
    fn what_is_sent_is_read_again_as_the_server_writes_it() {
        let id = ConversationId::new();
        let sent = sent(id);
        let sent: ClientFrame<'_> = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!((sent.r#type.as_str(), sent.conversation_id), ("message.send", Some(id)));
        let (message_id, content) = (sent.id.expect("an id"), sent.content.expect("a text"));
        assert_eq!((message_id.0.get_version_num(), content.len()), (7, 64));

        let message = Message {
            id: message_id,
            conversation_id: id,
            seq: 120,
            sender_id: UserId::new(),
            content,
            reply_to: None,
            timestamp: Timestamp::now(),
            edited_at: None,
            deleted_at: None,
            note: None,
            extra: None,
        };
        let mut out = Vec::new();
        put_event(&mut out, &Event { seq: 120, ..Event::created(message) }, &EventDetails::default());
        let (kind, payload, length) = first(&out).expect("a whole frame");
        assert_eq!((kind, length), (0x81, out.len()));
        assert!(first(&out[..out.len() - 1]).is_none());
        let heard = Heard::read(payload).expect("a message");
        assert_eq!((heard.seq, heard.mark, heard.intended()), (120, b"abcde1234567", Some(255)));
        assert_eq!(heard.conversation_id, id.to_string().as_bytes());
    }
}
