//! The bench's WebSocket frames, written and parsed byte by byte.
//!
//! A library would parse the JSON of each frame and use more CPU than the server. All frames of `message.new` begin alike, and so do
//! those of `message.updated`. So the sequence number, the id and the text are found at fixed places. Other frames are parsed elsewhere.

use crate::domain::ConversationId;

/// The first byte of a text frame that is not fragmented.
pub(super) const TEXT: u8 = 0x81;
/// The first byte of a close frame.
pub(super) const CLOSE: u8 = 0x88;
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

/// Twelve characters that identify a message among all messages of the bench: the end of its id as text. The tag of an edit is in the
/// edited text, behind the intended send time, because all edits of a message have the same id.
pub(super) type MessageTag = [u8; TAG_LENGTH];

/// The frame of a send or of an edit. From one to the next only the tag, the id of a send and the intended send time change. It is
/// masked with zeros; the server unmasks it like any other.
pub(super) struct FrameTemplate {
    frame: Vec<u8>,
    /// The place of a send's id. None in an edit, whose message has the id already.
    id_at: Option<usize>,
    tag_at: usize,
    content_at: usize,
}

impl FrameTemplate {
    /// Builds the template of a sender. A send on `/ws` needs `conversation_id`; one on `/ws/{id}` has none.
    pub(super) fn send(sender: usize, conversation_id: Option<ConversationId>) -> Self {
        let conversation = conversation_id.map(|id| format!(r#""conversation_id":"{id}","#)).unwrap_or_default();
        let before_id = format!(r#"{{"type":"message.send",{conversation}"id":""#);
        let any = uuid::Uuid::now_v7().to_string();
        let id = format!("{}{sender:05x}0000000", &any[..ID_LENGTH - TAG_LENGTH]);
        Self::assemble(&format!(r#"{before_id}{id}","content":""#), "", Some(before_id.len()))
    }

    /// Builds the template of edits on `/ws/{id}`, from the template of a send. They edit the message that was rendered last. Returns
    /// `None` when this is no template of a send.
    pub(super) fn edit(&self) -> Option<Self> {
        let text = |at: usize, length: usize| std::str::from_utf8(self.frame.get(at..at + length)?).ok();
        let id = text(self.id_at?, ID_LENGTH)?;
        let before_content = format!(r#"{{"type":"message.edit","message_id":"{id}","content":""#);
        Some(Self::assemble(&before_content, text(self.tag_at, TAG_LENGTH)?, None))
    }

    /// Puts the frame together. `tag` is the one that stands in an edit's text; `id_at` is the place of a send's id in the payload.
    fn assemble(before_content: &str, tag: &str, id_at: Option<usize>) -> Self {
        let text = "abcdefghijklmnopqrstuvwxyz".chars().cycle().take(CONTENT_LENGTH - INTENDED_LENGTH - tag.len());
        let text = text.collect::<String>();
        let payload = format!(r#"{before_content}{:016x}{tag}{text}"}}"#, 0);
        let mut frame = vec![TEXT, 0xFE];
        // The payload has some 200 bytes, which need the 16-bit length.
        frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        frame.extend([0; 4]);
        let head = frame.len();
        frame.extend(payload.as_bytes());
        let (id_at, content_at) = (id_at.map(|at| head + at), head + before_content.len());
        let tag_at = id_at.map_or(content_at + INTENDED_LENGTH, |at| at + ID_LENGTH - TAG_LENGTH);
        Self { frame, id_at, tag_at, content_at }
    }

    /// Writes the sender's number `count` into the template. `unix_ms` goes into the id of a send, `intended` into the text.
    pub(super) fn render(&mut self, count: u64, unix_ms: u64, intended: u64) -> (&[u8], MessageTag) {
        if let Some(id_at) = self.id_at {
            put_hex(&mut self.frame[id_at..id_at + 8], unix_ms >> 16);
            put_hex(&mut self.frame[id_at + 9..id_at + 13], unix_ms);
        }
        let tag = &mut self.frame[self.tag_at..self.tag_at + TAG_LENGTH];
        put_hex(&mut tag[SENDER_LENGTH..], count);
        let tag = tag.first_chunk().copied().unwrap_or_default();
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

/// A `message.new` or a `message.updated` from the server.
pub(super) struct ReceivedMessage<'a> {
    pub(super) conversation_id: &'a [u8; ID_LENGTH],
    pub(super) seq: i64,
    pub(super) tag: &'a MessageTag,
    /// The payload behind the message's id.
    behind_id: &'a [u8],
}

impl<'a> ReceivedMessage<'a> {
    /// Parses the beginning of a payload. Returns `None` when it is neither a `message.new` nor a `message.updated`.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        let new = payload.strip_prefix(br#"{"type":"message.new","conversation_id":""#);
        let rest = new.or_else(|| payload.strip_prefix(br#"{"type":"message.updated","conversation_id":""#))?;
        let (conversation_id, rest) = rest.split_first_chunk::<ID_LENGTH>()?;
        let rest = rest.strip_prefix(br#"","seq":"#)?;
        let (seq, rest) = split_number(rest)?;
        let rest = rest.strip_prefix(br#","message":{"id":""#)?;
        let (id, behind_id) = rest.split_first_chunk::<ID_LENGTH>()?;
        let tag = match new {
            Some(_) => id.last_chunk()?,
            None => text(behind_id)?.get(INTENDED_LENGTH..)?.first_chunk()?,
        };
        Some(Self { conversation_id, seq, tag, behind_id })
    }

    /// The intended send time, in nanoseconds since the pool was created. It stands where Chinwag writes the text.
    pub(super) fn intended(&self) -> Option<u64> {
        let digits = std::str::from_utf8(text(self.behind_id)?.get(..INTENDED_LENGTH)?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    }
}

/// Finds a message's text. Returns the payload from the text on.
fn text(behind_id: &[u8]) -> Option<&[u8]> {
    const CONVERSATION: &[u8] = br#"","conversation_id":""#;
    const SEQ: &[u8] = br#"","seq":"#;
    const SENDER: &[u8] = br#","sender_id":""#;
    let seq = behind_id.get(CONVERSATION.len() + ID_LENGTH + SEQ.len()..)?;
    let (_, sender) = split_number(seq)?;
    sender.get(SENDER.len() + ID_LENGTH..)?.strip_prefix(br#"","type":"text","content":""#)
}

/// Parses the number at the front. Returns it with what is behind it.
fn split_number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (mut number, mut digits) = (0_i64, 0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(digits) {
        number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
        digits += 1;
    }
    Some((number, &bytes[digits..]))
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
    use super::{FrameTemplate, MessageTag, ReceivedMessage, next_frame};
    use crate::domain::event::{Event, EventKind};
    use crate::domain::message::Message;
    use crate::domain::{ConversationId, Timestamp, UserId};
    use crate::wire::client_frame::ClientFrame;
    use crate::wire::frames::{EventDetails, write_event};

    const TAG: &MessageTag = b"abcde1234567";

    /// A template's payload.
    fn render(template: &mut FrameTemplate) -> Vec<u8> {
        let (frame, tag) = template.render(0x0123_4567, 1_800_000_000_000, 255);
        assert_eq!((&tag, &frame[..2]), (TAG, &[0x81, 0xFE][..]));
        frame[8..].to_vec()
    }

    /// Encodes an event as the server does, and parses it.
    fn check_received(event: &Event) {
        let mut out = Vec::new();
        write_event(&mut out, event, &EventDetails::default());
        let (kind, payload, length) = next_frame(&out).expect("a whole frame");
        assert_eq!((kind, length), (0x81, out.len()));
        assert!(next_frame(&out[..out.len() - 1]).is_none());
        let received = ReceivedMessage::parse(payload).expect("a message");
        assert_eq!((received.seq, received.tag, received.intended()), (event.seq, TAG, Some(255)));
        assert_eq!(received.conversation_id, event.conversation_id.to_string().as_bytes());
    }

    #[test]
    fn a_send_and_an_edit_are_parsed_from_the_frames_that_the_server_encodes() {
        let id = ConversationId::new();
        let mut template = FrameTemplate::send(0xABCDE, Some(id));
        let sent = render(&mut template);
        let sent: ClientFrame<'_> = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!((sent.r#type.as_str(), sent.conversation_id), ("message.send", Some(id)));
        let (message_id, content) = (sent.id.expect("an id"), sent.content.expect("a text"));
        assert_eq!((message_id.0.get_version_num(), content.len()), (7, 64));
        let mut message = Message::new(message_id, id, 120, UserId::new(), content, Timestamp::now());
        let created = Event::created(message.clone());
        check_received(&Event { seq: 120, ..created.clone() });

        let mut template = template.edit().expect("the template of a send");
        assert!(template.edit().is_none());
        let edit = render(&mut template);
        let edit: ClientFrame<'_> = serde_json::from_slice(&edit).expect("JSON");
        assert_eq!((edit.r#type.as_str(), edit.message_id), ("message.edit", Some(message_id)));
        message.content = edit.content.expect("a text");
        message.edited_at = Some(Timestamp::now());
        assert_eq!(message.content.len(), 64);
        check_received(&Event { seq: 7_654, kind: EventKind::MessageUpdated, message: Some(message), ..created });
    }
}
