//! The session: one loop over what the user writes, what the server says, and the time.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout};

use super::api::{Api, Failure};
use super::backoff::Backoff;
use super::conversations::Conversations;
use super::input::{Command, Line};
use super::live::{Live, Said};
use super::outbox::Outbox;
use super::screen::Screen;

/// Time in which the session is ended before the program ends anyway.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(2);
/// First of the close codes after which coming back is of no use.
pub(super) const FINAL_CLOSE_CODES: u16 = 4500;
/// The close code for a token that is no longer good. A new one may be.
pub(super) const BAD_TOKEN: u16 = 4500;

/// The client's state.
pub(super) struct Session {
    pub(super) api: Api,
    pub(super) screen: Screen,
    /// Goes on when the input has ended.
    follow: bool,
    pub(super) conversations: Conversations,
    pub(super) outbox: Outbox,
    /// The names of users, by id.
    pub(super) names: HashMap<String, String>,
    /// The conversation that lines go to.
    pub(super) open: Option<String>,
    /// The number of the oldest message that was shown of it.
    pub(super) oldest: Option<i64>,
    live: Option<Live>,
    /// When the next connection is tried, while there is none.
    connect_at: Instant,
    backoff: Backoff,
    pub(super) membership_version: i64,
    pub(super) was_connected: bool,
    /// Lines that came to nothing.
    pub(super) refusals: usize,
}

/// Why the session ends.
pub(super) enum End {
    Quit,
    Failed(String),
}

pub(super) type Step = Result<(), End>;

impl Session {
    pub(super) fn new(api: Api, screen: Screen, follow: bool) -> Self {
        Self {
            api,
            screen,
            follow,
            conversations: Conversations::default(),
            outbox: Outbox::default(),
            names: HashMap::new(),
            open: None,
            oldest: None,
            live: None,
            connect_at: Instant::now(),
            backoff: Backoff::default(),
            membership_version: 0,
            was_connected: false,
            refusals: 0,
        }
    }

    /// Runs until the user quits, the input ends and all is sent, or the server ends the session.
    pub(super) async fn run(&mut self, mut input: Receiver<Line>, to: Option<String>) -> Result<(), String> {
        let mut has_input = true;
        let mut first = to.map(Command::Open);
        loop {
            // The first conversation is opened when there is a connection, and lines wait for it.
            let opens = if self.was_connected { first.take() } else { None };
            let step = match opens {
                Some(command) => self.command(command).await,
                None => self.step(&mut input, &mut has_input).await,
            };
            match step {
                Ok(()) => {}
                Err(End::Quit) => return Ok(()),
                Err(End::Failed(reason)) => return Err(reason),
            }
            self.send_due().await;
            if self.screen.is_closed() {
                return Ok(());
            }
            if !has_input && !self.follow && first.is_none() && self.outbox.len() == 0 {
                return self.result();
            }
        }
    }

    /// Returns an error if something was refused, so that a script sees it.
    fn result(&self) -> Result<(), String> {
        match self.refusals {
            0 => Ok(()),
            1 => Err("a line of the input was refused".to_owned()),
            lines => Err(format!("{lines} lines of the input were refused")),
        }
    }

    /// Ends the session at the server.
    pub(super) async fn end(&mut self) {
        if self.outbox.len() > 0 {
            let words = format!("{} messages were not acknowledged and may not have arrived.", self.outbox.len());
            self.screen.tell("unsent", &words, json!({"count": self.outbox.len()}));
        }
        // A session that cannot be ended now ends by its age.
        let _ = timeout(LOGOUT_TIMEOUT, self.api.logout()).await;
    }

    async fn step(&mut self, input: &mut Receiver<Line>, has_input: &mut bool) -> Step {
        let takes_input = *has_input && self.was_connected && !self.outbox.is_full();
        let deadline = self.deadline();
        tokio::select! {
            said = next(&mut self.live) => self.said(said).await,
            line = input.recv(), if takes_input => {
                *has_input = line.is_some();
                match line {
                    Some(line) => self.line(line).await,
                    None => Ok(()),
                }
            }
            () = sleep_until(deadline) => self.deadline_passed().await,
        }
    }

    /// Returns the moment at which something has to be done without being asked.
    fn deadline(&self) -> Instant {
        let Some(live) = &self.live else { return self.connect_at };
        let deadlines = [Some(live.dead_at()), Some(self.api.refresh_at), self.outbox.deadline()];
        deadlines.into_iter().flatten().min().unwrap_or(self.connect_at)
    }

    async fn deadline_passed(&mut self) -> Step {
        let now = Instant::now();
        let Some(live) = &mut self.live else { return self.connect().await };
        if live.dead_at() <= now || self.outbox.is_late() {
            self.lost("the server has gone silent", None);
            return Ok(());
        }
        if self.api.refresh_at <= now {
            // A token that cannot be renewed now ends with the connection, and the next one needs a new one.
            if let Ok(token) = self.api.token().await {
                live.send(&json!({"type": "auth", "token": token})).await;
            } else {
                self.lost("the login could not be renewed", None);
                return Ok(());
            }
        }
        Ok(())
    }

    // The connection

    /// Connects: lists the conversations, opens the WebSocket and resumes all of them.
    async fn connect(&mut self) -> Step {
        let opened = match self.api.token().await {
            Ok(token) => Live::open(&self.api.server, &token).await,
            Err(Failure::Refused(problem)) if problem.status == 401 => return Err(End::Failed(problem.detail)),
            Err(failure) => Err((None, failure.words().to_owned())),
        };
        match opened {
            Ok((live, hello)) => {
                self.live = Some(live);
                self.membership_version = hello["membership_version"].as_i64().unwrap_or_default();
                // Listed after the connection is open, so that what comes between is either listed or heard.
                if let Err(failure) = self.list().await {
                    self.lost(failure.words(), None);
                    return Ok(());
                }
                self.screen.tell("connected", "Connected.", json!({}));
                self.was_connected = true;
                for resume in self.conversations.resumes() {
                    self.send(&resume).await;
                }
                Ok(())
            }
            Err((Some(BAD_TOKEN), _)) => match self.api.refresh().await {
                Ok(()) => {
                    self.lost("the login was renewed", None);
                    Ok(())
                }
                Err(Failure::Refused(problem)) => Err(End::Failed(problem.detail)),
                Err(failure) => {
                    self.lost(failure.words(), None);
                    Ok(())
                }
            },
            Err((Some(code), reason)) if code >= FINAL_CLOSE_CODES => Err(End::Failed(reason)),
            Err((_, reason)) => {
                self.lost(&reason, None);
                Ok(())
            }
        }
    }

    /// Notes that there is no connection, and when the next one is tried.
    pub(super) fn lost(&mut self, reason: &str, after: Option<Duration>) {
        if self.live.take().is_some_and(|live| live.is_settled()) {
            self.backoff.reset();
        }
        self.outbox.connection_lost();
        let pause = after.unwrap_or_else(|| self.backoff.next_pause());
        self.connect_at = Instant::now() + pause;
        let words = format!("Not connected: {reason}. Next try in {:.1} s.", pause.as_secs_f64());
        let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.screen.tell("waiting", &words, json!({"reason": reason, "after_ms": after_ms}));
    }

    pub(super) async fn send(&mut self, frame: &Value) {
        if let Some(live) = &mut self.live {
            live.send(frame).await;
        }
    }

    async fn send_due(&mut self) {
        if let Some(live) = &mut self.live {
            for frame in self.outbox.due() {
                live.send(&frame).await;
            }
        }
    }
}

/// Returns what the connection says next. Without a connection it waits for ever.
async fn next(live: &mut Option<Live>) -> Said {
    match live {
        Some(live) => live.next().await,
        None => std::future::pending().await,
    }
}
