//! A server's WebSocket frames as bytes (RFC 6455, section 5.2): unmasked and not fragmented.
//!
//! This module writes them instead of the WebSocket library, so that all recipients of an event share the same bytes.

use bytes::{BufMut, Bytes};

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// Bytes of the header for a payload of 126 to 65,535 bytes.
const MEDIUM_HEADER: usize = 4;
/// Bytes of the header for a longer payload.
const LONG_HEADER: usize = 10;

/// Appends a text frame.
pub fn write_text_frame(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame_header(out, TEXT, payload.len());
    out.put_slice(payload);
}

/// Appends a text frame whose payload `write` appends. Reserves the header that most payloads have, so that a payload is rarely moved.
pub fn write_text_frame_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([FINAL | TEXT, 126, 0, 0]);
    let payload = start + MEDIUM_HEADER;
    write(out);
    let length = out.len() - payload;
    if let Ok(medium @ 126..) = u16::try_from(length) {
        out[start + 2..payload].copy_from_slice(&medium.to_be_bytes());
    } else {
        let mut header = Vec::with_capacity(LONG_HEADER);
        write_frame_header(&mut header, TEXT, length);
        out.splice(start..payload, header);
    }
}

/// Appends a binary frame. Chinwag sends none, but the echo server of its tests does.
pub fn write_binary_frame(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame_header(out, BINARY, payload.len());
    out.put_slice(payload);
}

/// Returns a ping without payload.
pub fn ping() -> Bytes {
    Bytes::from_static(&[FINAL | PING, 0])
}

/// Returns a pong with the payload of the ping that it answers.
pub fn pong(payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(2 + payload.len());
    write_frame_header(&mut out, PONG, payload.len());
    out.put_slice(payload);
    out.into()
}

/// Returns a close frame without code and reason.
pub fn close_without_code() -> Bytes {
    Bytes::from_static(&[FINAL | CLOSE, 0])
}

/// Returns a close frame with a code and a short reason.
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut out = Vec::with_capacity(4 + reason.len());
    write_frame_header(&mut out, CLOSE, 2 + reason.len());
    out.put_u16(code);
    out.put_slice(reason.as_bytes());
    out.into()
}

fn write_frame_header(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.put_u8(FINAL | opcode);
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        out.put_u8(short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.put_u8(126);
        out.put_u16(medium);
    } else {
        out.put_u8(127);
        out.put_u64(length as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::{close, write_text_frame, write_text_frame_with};

    #[test]
    fn lengths_have_their_shortest_form() {
        let header = |length: usize| {
            let mut out = Vec::new();
            write_text_frame(&mut out, &vec![b'x'; length]);
            out.truncate(out.len() - length);
            out
        };
        assert_eq!(header(125), [0x81, 125]);
        assert_eq!(header(126), [0x81, 126, 0, 126]);
        assert_eq!(header(65_535), [0x81, 126, 255, 255]);
        assert_eq!(header(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_payload_written_in_place_makes_the_same_frame() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let (mut expected, mut out) = (b"before".to_vec(), b"before".to_vec());
            write_text_frame(&mut expected, &payload);
            write_text_frame_with(&mut out, |out| out.extend_from_slice(&payload));
            assert_eq!(out, expected, "{length} bytes");
        }
    }

    #[test]
    fn a_close_has_its_code() {
        assert_eq!(close(4008, "slow").as_ref(), [0x88, 6, 0x0F, 0xA8, b's', b'l', b'o', b'w']);
    }
}
