//! Chinwag's own frames, taken apart once, so that what a probe sends is byte for byte as long as what Chinwag sends.

use chinwag::domain::event::Event;
use chinwag::domain::message::Message;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConnectionId, ConversationId, MessageId, Seq, Timestamp, UserId};
use chinwag::wire::frames::{self, Subject};

/// What stands for the number in the frame that is taken apart; it occurs nowhere else.
const SEQ: Seq = 7_777_777_777_777_777_777;
/// The same for the content.
const CONTENT: &str = "{content}";
/// What Chinwag says by default.
const HEARTBEAT_MS: u64 = 25_000;
/// With six digits after the second, as all but every tenth time has.
const TIME: Timestamp = Timestamp(1_700_000_000_123_456);
/// The length of an id as text.
pub(crate) const ID: usize = 36;

/// An id as text.
pub(crate) type IdText = [u8; ID];

/// What stands at a place of the frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Conversation,
    Seq,
    Id,
    Content,
}

/// The frame of a `message.new`, taken apart.
pub(crate) struct Template {
    /// What is the same in all, and the part that follows it.
    parts: Vec<(String, Part)>,
    /// What follows the last part.
    end: String,
    /// The payload's length without numbers and contents.
    fixed: usize,
    seqs: usize,
    contents: usize,
}

impl Template {
    /// Takes apart what Chinwag's encoder makes of a message whose parts are known.
    pub(crate) fn of_chinwag() -> Self {
        let (conversation_id, id) = (ConversationId::new(), MessageId::new());
        let marks = [
            (conversation_id.to_string(), Part::Conversation),
            (SEQ.to_string(), Part::Seq),
            (id.to_string(), Part::Id),
            (CONTENT.to_owned(), Part::Content),
        ];
        let text = encoded(conversation_id, id);
        let (mut rest, mut parts) = (text.as_str(), Vec::new());
        let next = |rest: &str| {
            marks
                .iter()
                .filter_map(|(mark, part)| Some((rest.find(mark)?, mark.len(), *part)))
                .min_by_key(|found| found.0)
        };
        while let Some((at, length, part)) = next(rest) {
            parts.push((rest[..at].to_owned(), part));
            rest = &rest[at + length..];
        }
        let count = |wanted| parts.iter().filter(|(_, part)| *part == wanted).count();
        let (seqs, contents) = (count(Part::Seq), count(Part::Content));
        let ids = parts.len() - seqs - contents;
        let fixed = parts.iter().map(|(same, _)| same.len()).sum::<usize>() + rest.len() + ids * ID;
        Self { end: rest.to_owned(), fixed, seqs, contents, parts }
    }

    /// Appends a frame.
    pub(crate) fn put(&self, out: &mut Vec<u8>, conversation: &IdText, seq: Seq, id: &[u8], content: &[u8]) {
        let mut digits = [0; 20];
        let seq = decimal(seq, &mut digits);
        put_header(out, self.fixed + self.seqs * seq.len() + self.contents * content.len());
        for (same, part) in &self.parts {
            out.extend_from_slice(same.as_bytes());
            out.extend_from_slice(match part {
                Part::Conversation => conversation,
                Part::Seq => seq,
                Part::Id => id,
                Part::Content => content,
            });
        }
        out.extend_from_slice(self.end.as_bytes());
    }

    /// The payload with `{conversation}`, `{seq}`, `{id}` and `{content}` for its parts.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (same, part) in &self.parts {
            text += same;
            text += match part {
                Part::Conversation => "{conversation}",
                Part::Seq => "{seq}",
                Part::Id => "{id}",
                Part::Content => CONTENT,
            };
        }
        text + &self.end
    }
}

/// The payload of `message.new` as Chinwag encodes it.
fn encoded(conversation_id: ConversationId, id: MessageId) -> String {
    told(message(conversation_id, id, SEQ, CONTENT))
}

fn told(message: Message) -> String {
    let mut frame = Vec::new();
    frames::put_event(&mut frame, &Event::created(message), &Subject::default());
    payload(&frame)
}

/// A page of history with so many messages of the bench's, from the middle of as many as the bench has.
pub(crate) fn page(items: usize) -> String {
    let (id, text) = (ConversationId::new(), "x".repeat(64));
    let item = |place: Seq| {
        let payload = told(message(id, MessageId::new(), 5_000 + place, &text));
        payload.split_once(r#""message":"#).map_or_else(String::new, |(_, rest)| rest[..rest.len() - 1].to_owned())
    };
    let items: Vec<String> = (0..).take(items).map(item).collect();
    format!(r#"{{"items":[{}],"has_more":true,"last_seq":10000}}"#, items.join(","))
}

/// A message that somebody sent.
pub(crate) fn message(conversation_id: ConversationId, id: MessageId, seq: Seq, content: &str) -> Message {
    Message {
        id,
        conversation_id,
        seq,
        sender_id: UserId::new(),
        content: content.to_owned(),
        reply_to: None,
        timestamp: TIME,
        edited_at: None,
        deleted_at: None,
        note: None,
    }
}

/// Chinwag's `hello` on the door of this conversation, or on the door of all.
pub(crate) fn hello(conversation: Option<(ConversationId, Seq)>) -> Vec<u8> {
    frames::hello(ConnectionId::new(), &user(), HEARTBEAT_MS, 1, conversation).to_vec()
}

/// Somebody.
pub(crate) fn user() -> User {
    User {
        id: UserId::new(),
        username: Username::stored("probe".to_owned()),
        name: Name::stored("Probe".to_owned()),
        created_at: TIME,
        last_seen_at: None,
    }
}

/// What a frame of more than 125 bytes and less than 64 KiB carries.
pub(crate) fn payload(frame: &[u8]) -> String {
    String::from_utf8_lossy(&frame[4..]).into_owned()
}

/// The header of a text frame, unmasked.
fn put_header(out: &mut Vec<u8>, length: usize) {
    if let Ok(length) = u16::try_from(length) {
        let [high, low] = length.to_be_bytes();
        out.extend_from_slice(&[0x81, 126, high, low]);
    } else {
        out.extend_from_slice(&[0x81, 127]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

fn decimal(mut number: Seq, digits: &mut [u8; 20]) -> &[u8] {
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
