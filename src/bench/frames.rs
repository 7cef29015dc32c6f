//! The bench's WebSocket frames, written and parsed byte by byte.
//!
//! A library would parse the JSON of each frame and use more CPU than the server. All frames of `message.new` begin alike, so that
//! the sequence number and the id are found at fixed places. Other frames are parsed elsewhere.

use crate::domain::ConversationId;

/// The first byte of a text frame that is not fragmented.
pub(super) const TEXT: u8 = 0x81;
/// The first byte of a ping.
pub(super) const PING: u8 = 0x89;
/// A pong without payload, masked with zeros.
pub(super) const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// Bytes of an id as text.
pub(super) const ID_LENGTH: usize = 36;
/// Bytes of a [`MessageTag`]: the sender's five hexadecimal digits, and seven of a counter.
pub(super) const TAG_LENGTH: usize = 12;
/// The sender's digits of a [`MessageTag`].
pub(super) const SENDER_LENGTH: usize = 5;
/// Senders that five hexadecimal digits can distinguish.
pub(super) const SENDERS_MAX: usize = 1 << (4 * SENDER_LENGTH);
/// Bytes of a message's text: a short sentence.
const CONTENT_LENGTH: usize = 64;
/// The text begins with the intended send time: nanoseconds since the pool was created, in hexadecimal digits.
const INTENDED_LENGTH: usize = 16;

/// The end of a message's id as text. It identifies the message among all messages of the bench.
pub(super) type MessageTag = [u8; TAG_LENGTH];

/// The frame of a send, in which only the id and the text change. It is masked with zeros; the server unmasks it like any other.
pub(super) struct SendTemplate {
    frame: Vec<u8>,
    id_at: usize,
    content_at: usize,
}

impl SendTemplate {
    /// Builds the template of a sender. A send on `/ws` needs `conversation_id`; one on `/ws/{id}` has none.
    pub(super) fn new(sender: usize, conversation_id: Option<ConversationId>) -> Self {
        let conversation = conversation_id.map(|id| format!(r#""conversation_id":"{id}","#)).unwrap_or_default();
        let before_id = format!(r#"{{"type":"message.send",{conversation}"id":""#);
        let any = uuid::Uuid::now_v7().to_string();
        let id = format!("{}{sender:05x}0000000", &any[..ID_LENGTH - TAG_LENGTH]);
        let before_content = format!(r#"{before_id}{id}","content":""#);
        let text = "abcdefghijklmnopqrstuvwxyz".chars().cycle().take(CONTENT_LENGTH - INTENDED_LENGTH);
        let text = text.collect::<String>();
        let payload = format!(r#"{before_content}{:016x}{text}"}}"#, 0);
        let mut frame = vec![TEXT, 0xFE];
        // The payload has some 200 bytes, which need the 16-bit length.
        frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        frame.extend([0; 4]);
        let head = frame.len();
        frame.extend(payload.as_bytes());
        Self { frame, id_at: head + before_id.len(), content_at: head + before_content.len() }
    }

    /// Writes the sender's message number `count` into the template. `unix_ms` goes into the id, `intended` into the text.
    pub(super) fn render(&mut self, count: u64, unix_ms: u64, intended: u64) -> (&[u8], MessageTag) {
        let id = &mut self.frame[self.id_at..self.id_at + ID_LENGTH];
        put_hex(&mut id[..8], unix_ms >> 16);
        put_hex(&mut id[9..13], unix_ms);
        put_hex(&mut id[ID_LENGTH - TAG_LENGTH + SENDER_LENGTH..], count);
        let tag = id.last_chunk().copied().unwrap_or_default();
        put_hex(&mut self.frame[self.content_at..self.content_at + INTENDED_LENGTH], intended);
        (&self.frame, tag)
    }
}

/// Fills `out` with the lowest hexadecimal digits of a number.
fn put_hex(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(number & 15).unwrap_or_default()];
        number >>= 4;
    }
}

/// A `message.new` from the server.
pub(super) struct ReceivedMessage<'a> {
    pub(super) conversation_id: &'a [u8; ID_LENGTH],
    pub(super) seq: i64,
    pub(super) tag: &'a MessageTag,
    seq_digits: usize,
    payload: &'a [u8],
    id_end: usize,
}

impl<'a> ReceivedMessage<'a> {
    /// Parses the beginning of a payload. Returns `None` when it is not a `message.new`.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let rest = payload.strip_prefix(br#"{"type":"message.new","conversation_id":""#)?;
        let (conversation_id, rest) = rest.split_first_chunk::<ID_LENGTH>()?;
        let rest = rest.strip_prefix(br#"","seq":"#)?;
        let mut seq = 0_i64;
        let mut seq_digits = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(seq_digits) {
            seq = seq.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            seq_digits += 1;
        }
        let rest = rest[seq_digits..].strip_prefix(br#","message":{"id":""#)?;
        let (id, rest) = rest.split_first_chunk::<ID_LENGTH>()?;
        let tag = id.last_chunk()?;
        Some(Self { conversation_id, seq, tag, seq_digits, payload, id_end: payload.len() - rest.len() })
    }

    /// The intended send time, in nanoseconds since the pool was created. It stands where Chinwag writes the text.
    pub(super) fn intended(&self) -> Option<u64> {
        const CONVERSATION: &[u8] = br#"","conversation_id":""#;
        const SEQ: &[u8] = br#"","seq":"#;
        const SENDER: &[u8] = br#","sender_id":""#;
        const TEXT: &[u8] = br#"","type":"text","content":""#;
        let at = self.id_end + CONVERSATION.len() + ID_LENGTH + SEQ.len() + self.seq_digits + SENDER.len() + ID_LENGTH;
        let text = self.payload.get(at..)?.strip_prefix(TEXT)?;
        let digits = std::str::from_utf8(text.get(..INTENDED_LENGTH)?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    }
}

/// Parses the frame at the front of a buffer: its first byte, its payload and its whole length. Returns `None` when it is incomplete.
pub(super) fn next_frame(buffer: &[u8]) -> Option<(u8, &[u8], usize)> {
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
    use super::{ReceivedMessage, SendTemplate, next_frame};
    use crate::domain::event::Event;
    use crate::domain::message::Message;
    use crate::domain::{ConversationId, Timestamp, UserId};
    use crate::wire::frames::{ClientFrame, EventDetails, put_event};

    fn sent(id: ConversationId) -> Vec<u8> {
        let mut template = SendTemplate::new(0xABCDE, Some(id));
        let (frame, tag) = template.render(0x0123_4567, 1_800_000_000_000, 255);
        assert_eq!((&tag, &frame[..2]), (b"abcde1234567", &[0x81, 0xFE][..]));
        frame[8..].to_vec()
    }

    #[test]
    fn a_send_is_parsed_from_the_frame_that_the_server_encodes() {
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
        let (kind, payload, length) = next_frame(&out).expect("a whole frame");
        assert_eq!((kind, length), (0x81, out.len()));
        assert!(next_frame(&out[..out.len() - 1]).is_none());
        let received = ReceivedMessage::parse(payload).expect("a message");
        assert_eq!((received.seq, received.tag, received.intended()), (120, b"abcde1234567", Some(255)));
        assert_eq!(received.conversation_id, id.to_string().as_bytes());
    }
}
