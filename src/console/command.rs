//! The command: reads the options, logs in, runs the session and logs out.

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use super::api::Api;
use super::input::{Line, lines, read_line};
use super::options::Options;
use super::screen::Screen;
use super::session::Session;
use super::stream::Server;

/// Runs `chinwag chat`; the first argument is `chat`. An error is one line of text. For `--help` and `--version` it prints the text and ends
/// the process.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<(), String> {
    let options: Options = crate::server::arguments::read::<Options>(arguments)?;
    let server = Server::parse(&options.server)?;
    let username = match options.username.clone() {
        Some(username) => username,
        None => ask("Username: ")?.ok_or("--username is missing, and there is no terminal to ask on")?,
    };
    let password = password(&options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(chat(options, server, &username, &password))
}

async fn chat(options: Options, server: Server, username: &str, password: &str) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let login = Api::login(server, username, password, options.register).await;
    let api = login.map_err(|failure| failure.words().to_owned())?;
    let screen = Screen::new(options.json);
    let mut session = Session::new(api, screen, options.follow);
    let ended = tokio::select! {
        ended = session.run(lines(), options.to) => ended,
        _ = ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    session.end().await;
    ended
}

fn password(options: &Options) -> Result<String, String> {
    if options.password_stdin {
        return match read_line(&mut stdin().lock()) {
            Some(Line::Text(password)) => Ok(password),
            Some(Line::Unreadable) | None => Err("--password-stdin: standard input has no password".to_owned()),
        };
    }
    let asked = without_echo(|| ask("Password: "))?;
    asked.ok_or_else(|| {
        "there is no terminal to ask for the password on; --password-stdin reads it from standard input".to_owned()
    })
}

/// Asks on the terminal. Returns `None` if there is none.
fn ask(question: &str) -> Result<Option<String>, String> {
    if !stdin().is_terminal() {
        return Ok(None);
    }
    eprint!("{question}");
    stderr().flush().map_err(|error| error.to_string())?;
    let mut line = String::new();
    stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Switches the terminal's echo off meanwhile.
fn without_echo<T>(work: impl FnOnce() -> T) -> T {
    let Ok(before) = tcgetattr(stdin()) else { return work() };
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let is_silent = tcsetattr(stdin(), OptionalActions::Now, &silent).is_ok();
    let done = work();
    if is_silent {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
        eprintln!();
    }
    done
}
