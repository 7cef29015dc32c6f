//! The tables of `docs/protocol.md` name every code that a client can get.

use chinwag::domain::Code;

const PROTOCOL: &str = include_str!("../../docs/protocol.md");

#[test]
fn the_protocol_names_every_error_code() {
    let table = PROTOCOL.split("| status | codes |").nth(1).unwrap().split("\n\n").next().unwrap();
    for code in Code::ALL {
        assert!(table.contains(&format!("`{}`", code.as_str())), "{code:?}");
    }
}

#[test]
fn the_protocol_names_every_close_code() {
    let table = PROTOCOL.split("| close code | meaning |").nth(1).unwrap().split("\n\n").next().unwrap();
    let codes: Vec<&str> = include_str!("../../src/wire/close.rs")
        .split("Self = close(")
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap())
        .collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(table.contains(code), "{code}");
    }
}
