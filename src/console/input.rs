//! The client reads lines of a terminal or a pipe as commands.

use std::io::{BufRead, Read, stdin};
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::limits::CONTENT_BYTES_MAX;

/// Bytes of a line. The longest text takes six times its bytes if JSON escapes all of it, and there is room for the other members.
const LINE_BYTES_MAX: usize = 6 * CONTENT_BYTES_MAX + 1024;
/// Lines that are read before they are used.
const LINES_AHEAD_MAX: usize = 16;

/// A command of the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Sends a message to the open conversation, or to the named one.
    Say {
        content: String,
        to: Option<String>,
        id: Option<String>,
    },
    /// Shows the conversations.
    List,
    /// Opens a conversation.
    Open(String),
    /// Makes a group of these users, and opens it.
    Group {
        name: String,
        usernames: Vec<String>,
    },
    /// Shows older messages.
    More,
    /// Shows the commands.
    Help,
    Quit,
}

/// The help of `/help`.
pub(super) const HELP: &str = "\
/list                 your conversations
/open WHOM            opens one: its number, @ and a username, or a group's name
/group NAME WHO...    makes a group and opens it; quote a NAME of several words
/more                 older messages of the open conversation
/quit                 ends
A line that begins with / as a message has two of them: //like this";

/// A line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// It is too long or no UTF-8. Nothing of it is kept.
    Unreadable,
}

/// Reads standard input, in a thread of its own, because a terminal cannot be read without waiting. The channel closes at the end of the input. The thread ends with the process, or when nobody receives any more.
pub(super) fn lines() -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD_MAX);
    thread::spawn(move || {
        while let Some(line) = read_line(&mut stdin().lock()) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Reads a line. Returns `None` at the end.
pub(super) fn read_line(input: &mut impl BufRead) -> Option<Line> {
    let mut line = Vec::new();
    let read = input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).ok()?;
    if read == 0 {
        return None;
    }
    if line.len() == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        input.skip_until(b'\n').ok()?;
        return Some(Line::Unreadable);
    }
    let text = String::from_utf8(line).map(|text| text.trim_end_matches(['\n', '\r']).to_owned());
    Some(text.map_or(Line::Unreadable, Line::Text))
}

/// Reads a line of text. An empty line is nothing.
pub(super) fn parse_text(line: &str) -> Result<Option<Command>, String> {
    let say = |content: &str| Command::Say { content: content.to_owned(), to: None, id: None };
    let Some(command) = line.strip_prefix('/') else {
        return Ok((!line.trim().is_empty()).then(|| say(line)));
    };
    if command.starts_with('/') {
        return Ok(Some(say(command)));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    Ok(Some(match name {
        "list" => Command::List,
        "open" if !rest.is_empty() => Command::Open(rest.to_owned()),
        "group" => group(rest).ok_or("/group needs a name and users: /group Team grace alan")?,
        "more" => Command::More,
        "help" => Command::Help,
        "quit" => Command::Quit,
        "open" => return Err("/open needs a conversation: /open grace".to_owned()),
        _ => return Err(format!("/{name} is no command; /help lists them")),
    }))
}

fn group(rest: &str) -> Option<Command> {
    let (name, users) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_once(' ')?,
    };
    let usernames: Vec<String> = users.split_whitespace().map(|user| user.trim_start_matches('@').to_owned()).collect();
    (!name.is_empty() && !usernames.is_empty()).then(|| Command::Group { name: name.to_owned(), usernames })
}

/// Reads a line of JSON.
pub(super) fn parse_json(line: &str) -> Result<Option<Command>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let needed = || "a line of input is an object with a text: {\"content\": \"hi\"}".to_owned();
    let value: Value = serde_json::from_str(line).map_err(|_| needed())?;
    let text = |name: &str| match &value[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(format!("{name:?} must be a string")),
    };
    let (content, to, id) = (text("content")?.ok_or_else(needed)?, text("to")?, text("id")?);
    Ok(Some(Command::Say { content, to, id }))
}

#[cfg(test)]
mod tests {
    use super::{Command, LINE_BYTES_MAX, Line, parse_json, parse_text, read_line};

    fn say(content: &str) -> Command {
        Command::Say { content: content.to_owned(), to: None, id: None }
    }

    #[test]
    fn a_line_is_a_message_or_a_command() {
        assert_eq!(parse_text("hi there"), Ok(Some(say("hi there"))));
        assert_eq!(parse_text("  "), Ok(None));
        assert_eq!(parse_text("//list"), Ok(Some(say("/list"))));
        assert_eq!(parse_text("/list"), Ok(Some(Command::List)));
        assert_eq!(parse_text("/open  grace "), Ok(Some(Command::Open("grace".to_owned()))));
        let group =
            |name: &str| Command::Group { name: name.to_owned(), usernames: vec!["grace".into(), "alan".into()] };
        assert_eq!(parse_text("/group Team @grace alan"), Ok(Some(group("Team"))));
        assert_eq!(parse_text("/group \"The team\" grace alan"), Ok(Some(group("The team"))));
        for wrong in ["/open", "/group Team", "/group \"Team", "/dance"] {
            assert!(parse_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn json_says_whom_and_may_choose_the_id() {
        let (to, id) = (Some("grace".to_owned()), Some("x".to_owned()));
        let line = r#"{"content": "/quit\nhi", "to": "grace", "id": "x"}"#;
        assert_eq!(parse_json(line), Ok(Some(Command::Say { content: "/quit\nhi".to_owned(), to, id })));
        for wrong in ["hi", "{}", "[]", "null", r#"{"content": 1}"#, r#"{"content": "hi", "to": 7}"#] {
            assert!(parse_json(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_whole() {
        let mut input = vec![b'x'; LINE_BYTES_MAX + 10];
        input.extend(b"\nnext\n\xff\nlast");
        let mut input = input.as_slice();
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut input) {
            lines.push(line);
        }
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(lines, [Line::Unreadable, text("next"), Line::Unreadable, text("last")]);
    }
}
