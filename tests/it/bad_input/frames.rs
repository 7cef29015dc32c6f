//! Frames that are refused, and frames that end a connection.

use std::fmt::Write;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::Fixture;
use crate::support::server::{Server, StoreKind};
use crate::support::socket::Socket;

const CONTENT_BYTES: usize = 16 * 1024;
const FRAME_BYTES: usize = 112 * 1024;

/// A text frame on `/ws`, and the code of its refusal. See [`Fixture::fill`] for `$…$`.
#[rustfmt::skip]
const ON_ALL: &[(&str, &str)] = &[
    ("", "malformed"),
    ("nonsense", "malformed"),
    ("{", "malformed"),
    (r#"{"type":"ping"} x"#, "malformed"),
    (r#"{"type":"ping"}{"type":"ping"}"#, "malformed"),
    (r#"{"type":"ping","ref":"\udc00"}"#, "malformed"),
    (r#"{"x":$[*60000$"#, "malformed"),
    ("\u{feff}{\"type\":\"ping\"}", "malformed"),
    (r#"{"type":"nope"}"#, "malformed"),
    (r#"{"type":""}"#, "malformed"),
    (r#"{"type":"PING"}"#, "malformed"),
    (r#"{"type":"ping\u0000"}"#, "malformed"),
    (r#"{"type":"hello"}"#, "malformed"),
    ("null", "invalid"),
    ("17", "invalid"),
    ("\"ping\"", "invalid"),
    ("[]", "invalid"),
    ("$[*60000$", "invalid"),
    (r#"["ping", null, null, null, null, null, null, null, null]"#, "invalid"),
    ("{}", "invalid"),
    (r#"{"type":null}"#, "invalid"),
    (r#"{"type":["ping"]}"#, "invalid"),
    (r#"{"type":"ping","type":"ping"}"#, "invalid"),
    (r#"{"type":"ping","ref":1}"#, "invalid"),
    (r#"{"type":"message.send","content":"hi"}"#, "invalid"),
    (r#"{"type":"message.edit","conversation_id":"$room$","message_id":"$hers$"}"#, "invalid"),
    (r#"{"type":"message.edit","conversation_id":"$room$","content":"x"}"#, "invalid"),
    (r#"{"type":"message.edit","message_id":"$hers$","content":"x"}"#, "invalid"),
    (r#"{"type":"message.edit","conversation_id":"$room$","message_id":"1","content":"x"}"#, "invalid"),
    (r#"{"type":"message.edit","conversation_id":"$room$","message_id":"$hers$","content":" "}"#, "invalid"),
    (r#"{"type":"message.edit","conversation_id":"$room$","message_id":"$grace_said$","content":"x"}"#, "forbidden"),
    (r#"{"type":"message.edit","conversation_id":"$direct$","message_id":"$hers$","content":"x"}"#, "not_found"),
    (r#"{"type":"message.delete","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"message.delete","conversation_id":"$room$","message_id":["$hers$"]}"#, "invalid"),
    (r#"{"type":"message.delete","conversation_id":"$theirs$","message_id":"$hers$"}"#, "not_found"),
    (r#"{"type":"message.delete","conversation_id":"$room$","message_id":"$nowhere$"}"#, "not_found"),
    (r#"{"type":"message.send","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"lunch","content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":7,"content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":["$room$"],"content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":null}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":7}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":""}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":" \n\u00a0"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi\u0000"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"$x*16385$"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"$é*8193$"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","id":"mine"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","id":1e400}"#, "malformed"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","message_type":"system"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","message_type":1}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","reply_to":"first"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$room$","content":"hi","reply_to":"$nowhere$"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$theirs$","content":"hi"}"#, "not_found"),
    (r#"{"type":"message.send","conversation_id":"$nowhere$","content":"hi"}"#, "not_found"),
    (r#"{"type":"message.read","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"message.read","seq":1}"#, "invalid"),
    (r#"{"type":"message.read","conversation_id":"$room$","seq":null}"#, "invalid"),
    (r#"{"type":"message.read","conversation_id":"$room$","seq":-1}"#, "invalid"),
    (r#"{"type":"message.read","conversation_id":"$room$","seq":{}}"#, "invalid"),
    (r#"{"type":"message.read","conversation_id":"$nowhere$","seq":1}"#, "not_found"),
    (r#"{"type":"message.read","conversation_id":"$theirs$","seq":1}"#, "not_found"),
    (r#"{"type":"message.read","conversation_id":"$left$","seq":1}"#, "not_found"),
    (r#"{"type":"message.delivered","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"message.delivered","conversation_id":"$theirs$","seq":1}"#, "not_found"),
    (r#"{"type":"message.unread","conversation_id":"$room$"}"#, "invalid"),
    (r#"{"type":"message.unread","conversation_id":"$theirs$","seq":1}"#, "not_found"),
    (r#"{"type":"resume"}"#, "invalid"),
    (r#"{"type":"resume","conversations":["$room$"]}"#, "invalid"),
    (r#"{"type":"resume","conversations":"$room$"}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"lunch":0}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":"0"}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":-1}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":0.5}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":null}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":9223372036854775808}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":9223372036854775807}}"#, "resync"),
    (r#"{"type":"resume","conversations":{"$room$":{"seq":-1}}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":{"id":"$hers$"}}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":{"seq":1,"id":"x"}}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":{"seq":1,"id":"$nowhere$"}}}"#, "resync"),
    (r#"{"type":"resume","conversations":{"$room$":{"seq":0,"id":"$hers$"}}}"#, "resync"),
    (r#"{"type":"resume","conversations":{"$theirs$":{"seq":0,"id":"$hers$"}}}"#, "not_found"),
    (r#"{"type":"resume","conversations":{"$theirs$":0}}"#, "not_found"),
    (r#"{"type":"resume","conversations":{"$nowhere$":0}}"#, "not_found"),
    (r#"{"type":"auth"}"#, "invalid"),
    (r#"{"type":"auth","token":7}"#, "invalid"),
];

/// Frames on `/ws/{id}` of the group.
#[rustfmt::skip]
const ON_ONE: &[(&str, &str)] = &[
    (r#"{"type":"message.send","conversation_id":"$direct$","content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"$theirs$","content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","conversation_id":"","content":"hi"}"#, "invalid"),
    (r#"{"type":"message.send","content":"\u0000"}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$direct$":0}}"#, "invalid"),
    (r#"{"type":"resume","conversations":{"$room$":3}}"#, "resync"),
];

/// Sends each frame, and a ping after each, which is answered. Returns the unexpected answers.
async fn say_all(fixture: &Fixture, socket: &mut Socket, table: &[(&str, &str)]) -> String {
    let mut wrong = String::new();
    for (index, (text, code)) in table.iter().enumerate() {
        socket.raw(Message::text(fixture.fill(text))).await;
        let answer = socket.next_of(&["error", "message.new", "resumed", "pong"]).await;
        if answer["code"] != *code {
            writeln!(wrong, "{text}: {answer} instead of {code}").unwrap();
        } else if !answer["status"].is_u64() || !answer["detail"].is_string() || !answer["retryable"].is_boolean() {
            writeln!(wrong, "{text}: {answer} is not the members of a problem").unwrap();
        }
        socket.send(&json!({"type": "ping", "ref": index.to_string()})).await;
        assert_eq!(socket.next_of(&["pong"]).await["ref"], index.to_string(), "it lives on after {text}");
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_frame_is_an_error_and_the_connection_lives_on() {
    let fixture = Fixture::new().await;
    let (mut all, mut one) = (fixture.ada.connect("/ws").await, fixture.ada.connect(&fixture.room.socket).await);
    let wrong = say_all(&fixture, &mut all, ON_ALL).await + &say_all(&fixture, &mut one, ON_ONE).await;
    assert!(wrong.is_empty(), "\n{wrong}");
    drop((all, one));
    fixture.assert_untouched().await;
}

#[tokio::test]
async fn an_error_repeats_what_names_the_frame() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect("/ws").await;
    let id = "0199a000-0000-7000-8000-000000000001";
    let send = |extra: serde_json::Value| {
        let mut frame = json!({"type": "message.send", "conversation_id": room.id, "content": " "});
        frame.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        frame
    };
    let long = "r".repeat(100);
    for (frame, expected) in [
        (send(json!({"ref": "r1"})), Some("r1")),
        (send(json!({"ref": "r1", "id": id})), Some("r1")),
        (send(json!({"id": id})), Some(id)),
        (send(json!({"ref": "<b>\u{0}\u{202e}"})), Some("<b>\u{0}\u{202e}")),
        (send(json!({"ref": &long})), Some(&long[..64])),
        (json!({"type": "ping", "ref": &long}), Some(&long[..64])),
        (send(json!({})), None),
        (json!({"type": "nope", "ref": "r2"}), Some("r2")),
    ] {
        socket.send(&frame).await;
        let error = socket.next_of(&["error"]).await;
        assert_eq!(error.get("ref").map(|found| found.as_str().unwrap()), expected, "{frame}");
        assert_eq!(error.get("conversation_id"), frame.get("conversation_id"), "{frame}");
        socket.send(&json!({"type": "ping"})).await;
    }
}

#[tokio::test]
async fn ten_bad_frames_in_a_row_end_a_connection() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect(&room.socket).await;
    for good in [json!({"type": "ping"}), json!({"type": "message.send", "content": "hi"})] {
        for _ in 0..9 {
            socket.raw(Message::text("bad")).await;
            assert_eq!(socket.next_of(&["error"]).await["code"], "malformed");
        }
        socket.send(&good).await;
        socket.next_of(&["pong", "message.new"]).await;
    }
    for _ in 0..10 {
        socket.raw(Message::text("bad")).await;
    }
    for _ in 0..10 {
        assert_eq!(socket.next_of(&["error"]).await["code"], "malformed", "each of them is answered first");
    }
    assert_eq!(socket.close_code().await, 4501);
}

on_each_store!(text_passes_up_to_its_limit);

async fn text_passes_up_to_its_limit(store: StoreKind) {
    let server = Server::on(store).await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let mut socket = ada.connect(&room.socket).await;
    // JSON writes U+0001 in six bytes.
    let texts = [
        "x".repeat(CONTENT_BYTES),
        "é".repeat(CONTENT_BYTES / 2),
        "\u{1}".repeat(12_000),
        "\u{1}".repeat(CONTENT_BYTES),
    ];
    for content in texts {
        socket.send(&json!({"type": "message.send", "content": content})).await;
        assert!(socket.next_content().await == content, "as it was sent");
        ada.post(&room.messages, &json!({"content": content})).await.expect(201);
        assert!(socket.next_content().await == content);
        let short = ada.send(&room, "short").await;
        socket.send(&json!({"type": "message.edit", "message_id": short["id"], "content": content})).await;
        assert!(socket.next_of(&["message.updated"]).await["message"]["content"] == content);
        let more = "x".repeat(CONTENT_BYTES + 1 - content.len());
        socket.send(&json!({"type": "message.send", "content": content + &more})).await;
        assert_eq!(socket.next_of(&["error", "message.new"]).await["code"], "invalid");
    }
    let frame = json!({"type": "ping", "pad": ""}).to_string();
    let pad = "x".repeat(FRAME_BYTES - frame.len());
    socket.send(&json!({"type": "ping", "pad": pad})).await;
    assert_eq!(socket.next_of(&["pong"]).await["type"], "pong", "a frame of 112 KiB");
}

/// Encodes a client's frame: its first byte, and a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(short @ 0..126) => bytes.push(0x80 | u8::try_from(short).unwrap()),
        Ok(medium) => {
            bytes.push(0xFE);
            bytes.extend(medium.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0xFF);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_the_protocol_ends_the_connection_with_its_code() {
    const FINAL: u8 = 0x80;
    const TEXT: u8 = 1;
    let server = Server::with(&["--rate-limits", "off"]).await;
    let ada = server.register("ada").await;
    let claims = |length: u64| [&[FINAL | TEXT, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat();
    let half = vec![b' '; FRAME_BYTES / 2 + 1];
    for (what, bytes, code) in [
        ("binary", frame(FINAL | 2, b"{}"), 1003),
        ("empty binary", frame(FINAL | 2, b""), 1003),
        ("not UTF-8", frame(FINAL | TEXT, b"\xC3\x28"), 1007),
        ("a surrogate", frame(FINAL | TEXT, b"\xED\xA0\x80"), 1007),
        ("half a character", frame(FINAL | TEXT, b"\"\xC3"), 1007),
        ("not UTF-8 in pieces", [frame(TEXT, b"\"\xC3"), frame(FINAL, b"\x28")].concat(), 1007),
        ("too big", frame(FINAL | TEXT, &vec![b' '; FRAME_BYTES + 1]), 1009),
        ("too big by what it claims", claims(FRAME_BYTES as u64 + 1), 1009),
        ("absurd by what it claims", claims(i64::MAX as u64), 1009),
        ("too big in pieces", [frame(TEXT, &half), frame(FINAL, &half)].concat(), 1009),
        ("unmasked", vec![FINAL | TEXT, 2, b'{', b'}'], 1002),
        ("a reserved bit", frame(FINAL | 0x40 | TEXT, b"{}"), 1002),
        ("another reserved bit", frame(FINAL | 0x10 | TEXT, b"{}"), 1002),
        ("an unknown opcode", frame(FINAL | 3, b"{}"), 1002),
        ("an unknown control opcode", frame(FINAL | 0xB, b""), 1002),
        ("a ping in pieces", frame(9, b"x"), 1002),
        ("a ping that is too long", frame(FINAL | 9, &[b'x'; 126]), 1002),
        ("a close that is too long", frame(FINAL | 8, &[b'x'; 126]), 1002),
        ("a piece of nothing", frame(FINAL, b"{}"), 1002),
        ("a text amid another", [frame(TEXT, b"{"), frame(FINAL | TEXT, b"{}")].concat(), 1002),
        ("a close of one byte", frame(FINAL | 8, &[3]), 1002),
        ("a close that may not be sent", frame(FINAL | 8, &1005_u16.to_be_bytes()), 1002),
        ("a close without meaning", frame(FINAL | 8, &999_u16.to_be_bytes()), 1002),
        ("a close with a reason that is not UTF-8", frame(FINAL | 8, b"\x03\xE8\xFF"), 1007),
    ] {
        let mut socket = ada.connect("/ws").await;
        // The server may stop reading a frame that is too large before all of it is written.
        let _ = socket.stream.get_mut().write_all(&bytes).await;
        assert_eq!(socket.close_code().await, code, "{what}");
    }
    // Single bytes, and fragments with a ping between them: unusual but valid.
    let mut socket = ada.connect("/ws").await;
    let pieces =
        [frame(TEXT, br#"{"type":"#), frame(FINAL | 9, b"!"), frame(0, b""), frame(FINAL, br#""ping"}"#)].concat();
    for byte in pieces {
        socket.stream.get_mut().write_all(&[byte]).await.unwrap();
    }
    socket.next_of(&["pong"]).await;
    socket.stream.get_mut().write_all(&frame(FINAL | 8, b"")).await.unwrap();
    assert!(matches!(futures_util::StreamExt::next(&mut *socket.stream).await, Some(Ok(Message::Close(None)))));
}
