//! Frames for the baselines, made with Chinwag's own encoder, so that they are as long as Chinwag's.

use chinwag::domain::event::Event;
use chinwag::domain::message::Message;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConnectionId, ConversationId, MessageId, Seq, Timestamp, UserId};
use chinwag::wire::frames::{self, EventDetails};

/// Marks the place of the sequence number in the encoded frame. It occurs nowhere else in the frame.
const SEQ: Seq = 7_777_777_777_777_777_777;
/// Marks the place of the content.
const CONTENT: &str = "{content}";
/// Chinwag's default.
const HEARTBEAT_MS: u64 = 25_000;
/// A timestamp with six decimals of a second. One in ten has fewer.
const TIMESTAMP: Timestamp = Timestamp(1_700_000_000_123_456);
/// Bytes of an id as text.
pub(crate) const ID_LENGTH: usize = 36;

/// An id as text.
pub(crate) type IdText = [u8; ID_LENGTH];

/// A part of the frame that differs from message to message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Conversation,
    Seq,
    Id,
    Content,
}

/// The frame of a `message.new`, split at its placeholders.
pub(crate) struct MessageTemplate {
    /// Constant text, and the placeholder that follows it.
    parts: Vec<(String, Placeholder)>,
    /// The text after the last placeholder.
    end: String,
    /// Bytes of the payload without sequence numbers and contents.
    fixed_length: usize,
    /// Placeholders of the sequence number.
    seqs: usize,
    /// Placeholders of the content.
    contents: usize,
}

impl MessageTemplate {
    /// Encodes a message with Chinwag's encoder and splits it at the known ids, sequence number and content.
    pub(crate) fn from_encoder() -> Self {
        let (conversation_id, id) = (ConversationId::new(), MessageId::new());
        let markers = [
            (conversation_id.to_string(), Placeholder::Conversation),
            (SEQ.to_string(), Placeholder::Seq),
            (id.to_string(), Placeholder::Id),
            (CONTENT.to_owned(), Placeholder::Content),
        ];
        let text = encode_payload(message(conversation_id, id, SEQ, CONTENT));
        let (mut rest, mut parts) = (text.as_str(), Vec::new());
        let next = |rest: &str| {
            markers
                .iter()
                .filter_map(|(marker, placeholder)| Some((rest.find(marker)?, marker.len(), *placeholder)))
                .min_by_key(|found| found.0)
        };
        while let Some((at, length, placeholder)) = next(rest) {
            parts.push((rest[..at].to_owned(), placeholder));
            rest = &rest[at + length..];
        }
        let count = |counted| parts.iter().filter(|(_, placeholder)| *placeholder == counted).count();
        let (seqs, contents) = (count(Placeholder::Seq), count(Placeholder::Content));
        let ids = parts.len() - seqs - contents;
        let fixed_length = parts.iter().map(|(same, _)| same.len()).sum::<usize>() + rest.len() + ids * ID_LENGTH;
        Self { end: rest.to_owned(), fixed_length, seqs, contents, parts }
    }

    /// Appends a frame.
    pub(crate) fn render(&self, out: &mut Vec<u8>, conversation: &IdText, seq: Seq, id: &[u8], content: &[u8]) {
        let mut digits = [0; 20];
        let seq = format_decimal(seq, &mut digits);
        put_header(out, self.fixed_length + self.seqs * seq.len() + self.contents * content.len());
        for (same, placeholder) in &self.parts {
            out.extend_from_slice(same.as_bytes());
            out.extend_from_slice(match placeholder {
                Placeholder::Conversation => conversation,
                Placeholder::Seq => seq,
                Placeholder::Id => id,
                Placeholder::Content => content,
            });
        }
        out.extend_from_slice(self.end.as_bytes());
    }

    /// Returns the payload with `{conversation}`, `{seq}`, `{id}` and `{content}` in its placeholders.
    pub(crate) fn with_placeholders(&self) -> String {
        let mut text = String::new();
        for (same, placeholder) in &self.parts {
            text += same;
            text += match placeholder {
                Placeholder::Conversation => "{conversation}",
                Placeholder::Seq => "{seq}",
                Placeholder::Id => "{id}",
                Placeholder::Content => CONTENT,
            };
        }
        text + &self.end
    }
}

/// Returns the payload of `message.new` as Chinwag encodes it.
fn encode_payload(message: Message) -> String {
    let mut frame = Vec::new();
    frames::write_event(&mut frame, &Event::created(message), &EventDetails::default());
    payload(&frame)
}

/// Returns a page of history with messages as long as those of `chinwag bench history`.
pub(crate) fn page(items: usize) -> String {
    let (id, text) = (ConversationId::new(), "x".repeat(64));
    let item = |index: Seq| {
        let payload = encode_payload(message(id, MessageId::new(), 5_000 + index, &text));
        payload.split_once(r#""message":"#).map_or_else(String::new, |(_, rest)| rest[..rest.len() - 1].to_owned())
    };
    let items: Vec<String> = (0..).take(items).map(item).collect();
    format!(r#"{{"items":[{}],"has_more":true,"last_seq":10000}}"#, items.join(","))
}

/// Returns a message of a random user.
pub(crate) fn message(conversation_id: ConversationId, id: MessageId, seq: Seq, content: &str) -> Message {
    Message::new(id, conversation_id, seq, UserId::new(), content.to_owned(), TIMESTAMP)
}

/// Returns Chinwag's `hello` on `/ws/{id}`, or on `/ws` without a conversation.
pub(crate) fn hello(conversation: Option<(ConversationId, Seq)>) -> Vec<u8> {
    frames::hello(ConnectionId::new(), &user(), HEARTBEAT_MS, 1, conversation).to_vec()
}

/// Returns a user with a new id.
pub(crate) fn user() -> User {
    User {
        id: UserId::new(),
        username: Username::from_trusted("probe".to_owned()),
        name: Name::from_trusted("Probe".to_owned()),
        created_at: TIMESTAMP,
        last_seen_at: None,
    }
}

/// Returns the payload of a frame with a 16-bit length: more than 125 bytes and less than 64 KiB.
pub(crate) fn payload(frame: &[u8]) -> String {
    String::from_utf8_lossy(&frame[4..]).into_owned()
}

/// Appends the header of an unmasked text frame.
fn put_header(out: &mut Vec<u8>, length: usize) {
    if let Ok(length) = u16::try_from(length) {
        let [high, low] = length.to_be_bytes();
        out.extend_from_slice(&[0x81, 126, high, low]);
    } else {
        out.extend_from_slice(&[0x81, 127]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

fn format_decimal(mut number: Seq, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}
