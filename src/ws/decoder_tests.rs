use super::{DecodedFrame, Decoder};
use crate::wire::close::Close;
use crate::wire::framing;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const KEY: [u8; 4] = [7, 1, 200, 33];

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | u8::try_from(short).expect("short")),
        medium => {
            out.push(MASKED | 0x7E);
            out.extend(u16::try_from(medium).expect("medium").to_be_bytes());
        }
    }
    out.extend(KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// Decodes bytes that arrive in pieces of this size. Returns the frames, and the error that ended the decoding.
fn decode(bytes: &[u8], piece: usize) -> (Vec<DecodedFrame>, Option<Close>) {
    let mut decoder = Decoder::new(1_000);
    let mut frames = Vec::new();
    for mut piece in bytes.chunks(piece) {
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(close) => return (frames, Some(close)),
            }
        }
        assert!(piece.is_empty(), "the decoder keeps the bytes of an incomplete frame");
    }
    (frames, None)
}

#[test]
fn frames_do_not_depend_on_how_bytes_are_split() {
    let long = "Ünï".repeat(80);
    let bytes = [
        frame(FINAL | 0x1, b"hello"),
        frame(FINAL | 0x9, b"are you there"),
        frame(1, &long.as_bytes()[..100]),
        frame(FINAL | 0xA, b""),
        frame(0, &long.as_bytes()[100..101]),
        frame(FINAL, &long.as_bytes()[101..]),
        frame(FINAL | 0x2, &[0, 159, 146, 150]),
        frame(FINAL | 0x1, b""),
        frame(FINAL | 0x8, &[0x03, 0xE9, b'b', b'y', b'e']),
    ]
    .concat();
    for piece in [1, 2, 3, 5, 7, 64, 1_000] {
        let (frames, close) = decode(&bytes, piece);
        assert_eq!(close, None);
        let expected = [
            DecodedFrame::Text("hello".to_owned()),
            DecodedFrame::Ping(b"are you there".to_vec()),
            DecodedFrame::Pong,
            DecodedFrame::Text(long.clone()),
            DecodedFrame::Binary(vec![0, 159, 146, 150]),
            DecodedFrame::Text(String::new()),
            DecodedFrame::Close { reply: framing::close(1001, ""), is_final: true },
        ];
        assert_eq!(frames, expected, "in pieces of {piece}");
    }
}

#[test]
fn protocol_errors_are_refused() {
    let unmasked = vec![FINAL | 0x1, 1, b'x'];
    let mut largest = vec![FINAL | 0x1, MASKED | 0x7F];
    largest.extend(u64::MAX.to_be_bytes());
    largest.extend(KEY);
    let broken = Close::PROTOCOL_ERROR;
    let cases = [
        ("without a mask", unmasked, broken),
        ("a reserved bit", frame(FINAL | 0x40 | 1, b"x"), broken),
        ("a reserved data opcode", frame(FINAL | 0x3, b"x"), broken),
        ("a reserved control opcode", frame(FINAL | 0xB, b""), broken),
        ("nothing to continue", frame(FINAL, b"x"), broken),
        ("a message within a message", [frame(1, b"x"), frame(FINAL | 0x1, b"x")].concat(), broken),
        ("a ping in pieces", frame(9, b""), broken),
        ("a long ping", frame(FINAL | 0x9, &[0; 126]), broken),
        ("half a close code", frame(FINAL | 0x8, &[3]), broken),
        ("a close code that is never sent", frame(FINAL | 0x8, &[0x03, 0xED]), broken),
        ("a reason that is not text", frame(FINAL | 0x8, &[0x03, 0xE8, 0xFF]), Close::NOT_UTF8),
        ("text that is not UTF-8", frame(FINAL | 0x1, &[b'x', 0xFF]), Close::NOT_UTF8),
        ("half a character", frame(FINAL | 0x1, &[0xC3]), Close::NOT_UTF8),
        ("a frame over the limit", frame(FINAL | 0x2, &[0; 1_001]), Close::TOO_BIG),
        (
            "a message of two frames over the limit",
            [frame(2, &[0; 600]), frame(FINAL, &[0; 401])].concat(),
            Close::TOO_BIG,
        ),
        ("the largest length", largest, Close::TOO_BIG),
    ];
    for (name, bytes, expected) in cases {
        for piece in [1, 3, 2_000] {
            assert_eq!(decode(&bytes, piece), (vec![], Some(expected)), "{name}, in pieces of {piece}");
        }
    }
}

#[test]
fn text_is_checked_as_it_arrives() {
    let complete = frame(FINAL | 0x1, &[b"fine so far ".as_slice(), &[0xC3, 0x28], &[b'x'; 50]].concat());
    let incomplete = &complete[..20 + 6];
    assert_eq!(decode(incomplete, 1).1, Some(Close::NOT_UTF8), "before the frame has ended");
    let first = frame(1, &[0xE2, 0x82]);
    assert_eq!(decode(&first, 9).1, None, "a character can continue in the next frame");
    assert_eq!(decode(&[first, frame(0, &[0x28])].concat(), 9).1, Some(Close::NOT_UTF8));
}

#[test]
fn a_decoded_message_leaves_no_memory() {
    let mut decoder = Decoder::new(1_000);
    let bytes = [frame(FINAL | 0x1, &[b'x'; 900]), frame(FINAL | 0x9, &[b'x'; 100])].concat();
    let mut input = bytes.as_slice();
    while decoder.next(&mut input).expect("valid frames").is_some() {}
    assert_eq!(decoder.message.capacity() + decoder.control.capacity() + decoder.header.capacity(), 0);
}
