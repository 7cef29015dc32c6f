//! Tests of how messages are written.

use serde::Serialize;

use super::{MessageObject, MessageStatus, QuoteObject, SystemNoteObject, write_message};
use crate::domain::conversation::{GroupName, Role};
use crate::domain::event::Payload;
use crate::domain::mentions::Mentions;
use crate::domain::message::{Message, Quote, SystemNote};
use crate::domain::reactions::{ReactionCount, Reactions};
use crate::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};

/// A message as a general encoder writes it. It knows no further fields.
#[derive(Serialize)]
struct Oracle<'a> {
    id: MessageId,
    conversation_id: ConversationId,
    seq: Seq,
    sender_id: UserId,
    r#type: &'static str,
    content: &'a str,
    reply_to: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<QuoteObject<'a>>,
    timestamp: Timestamp,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    reactions: Vec<ReactionOracle<'a>>,
    status: MessageStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mentions: &'a [UserId],
    #[serde(skip_serializing_if = "Option::is_none")]
    mentions_all: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<SystemNoteObject<'a>>,
}

#[derive(Serialize)]
struct ReactionOracle<'a> {
    emoji: &'a str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    me: Option<bool>,
}

impl<'a> ReactionOracle<'a> {
    fn new(kind: &'a ReactionCount) -> Self {
        Self { emoji: kind.emoji.as_str(), count: kind.count, me: kind.is_own }
    }
}

impl<'a> Oracle<'a> {
    fn new(message: &'a Message, status: MessageStatus) -> Self {
        Self {
            id: message.id,
            conversation_id: message.conversation_id,
            seq: message.seq,
            sender_id: message.sender_id,
            r#type: message.kind(),
            content: &message.content,
            reply_to: message.reply_to,
            quote: message.quote.as_deref().map(QuoteObject::new),
            timestamp: message.timestamp,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            reactions: message.reactions.counts().iter().map(ReactionOracle::new).collect(),
            status,
            pinned_at: message.pinned_at,
            mentions: &message.mentions.user_ids,
            mentions_all: message.mentions.all.then_some(true),
            system: message.note.as_ref().map(SystemNoteObject::new),
        }
    }
}

fn written(message: &Message, status: MessageStatus) -> String {
    let mut out = b"before".to_vec();
    write_message(&mut out, message, status);
    String::from_utf8(out).expect("text").strip_prefix("before").expect("it appends").to_owned()
}

fn plain() -> Message {
    Message::new(
        MessageId::new(),
        ConversationId::new(),
        1_234_567,
        UserId::new(),
        "\"quoted\" \\ tab\t line\n bell\u{7} é 🦀 </script>".into(),
        Timestamp(1_700_000_000_123_456),
    )
}

#[test]
fn the_bytes_are_those_of_a_general_encoder() {
    let plain = plain();
    let user_id = UserId::new();
    let mentions = |users, all| Mentions { user_ids: (0..users).map(|_| UserId::new()).collect(), all };
    let with = |note| Message { note: Some(note), ..plain.clone() };
    let reactions = Reactions::from_trusted("\u{1F44D} 12 *\u{FE0F}\u{20E3} 1");
    let (sender_id, content) = (UserId::new(), "\"why?\"".to_owned());
    let quote = Quote { seq: 7, sender_id, is_system: false, content, deleted_at: Some(Timestamp(1)) };
    let mut own = reactions.clone();
    own.mark_own(|emoji| emoji.as_str() == "\u{1F44D}");
    let messages = [
        Message { reactions, pinned_at: Some(Timestamp(7)), ..plain.clone() },
        Message { reactions: own, ..plain.clone() },
        Message { mentions: mentions(1, false), ..plain.clone() },
        Message { mentions: mentions(3, true), pinned_at: Some(Timestamp(7)), ..plain.clone() },
        Message { mentions: mentions(0, true), ..plain.clone() },
        Message { reply_to: Some(MessageId::new()), ..plain.clone() },
        Message { reply_to: Some(MessageId::new()), quote: Some(Box::new(quote)), ..plain.clone() },
        Message {
            edited_at: Some(Timestamp(0)),
            deleted_at: Some(Timestamp(-1)),
            content: String::new(),
            ..plain.clone()
        },
        with(SystemNote::MemberAdded { user_id, role: Role::Admin }),
        with(SystemNote::MemberRemoved { user_id }),
        with(SystemNote::ConversationUpdated { name: GroupName::from_trusted("\"Lunch\"".to_owned()) }),
        plain,
    ];
    for (message, status) in
        messages.iter().zip([MessageStatus::Sent, MessageStatus::Delivered, MessageStatus::Read].iter().cycle())
    {
        let expected = serde_json::to_string(&Oracle::new(message, *status)).expect("it has a JSON form");
        assert_eq!(written(message, *status), expected);
    }
}

#[test]
fn further_fields_are_the_text_that_the_store_holds() {
    let deep = "[".repeat(200) + &"]".repeat(200);
    let fields =
        format!(r#""votes":2, "z":{{"at":null,"by":[1,"\"é\u0041"]}},"a":123456789012345678901.50,"deep":{deep}"#);
    let mut message = plain();
    let without = written(&message, MessageStatus::Sent);
    for (extra, expected) in
        [("{}".to_owned(), without.clone()), (format!("{{{fields}}}"), without.replace('}', &format!(",{fields}}}")))]
    {
        message.extra = Some(Payload::from_trusted(extra));
        assert_eq!(written(&message, MessageStatus::Sent), expected);
        let object = MessageObject::new(&message, MessageStatus::Sent);
        assert_eq!(serde_json::to_string(&object).expect("it has a JSON form"), expected);
    }
}
