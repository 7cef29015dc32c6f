//! The server under load: the release binary, in a process of its own, on a database that was prepared for it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chinwag::chat::Tokens;
use chinwag::domain::conversation::{Kind, NewConversation, Title};
use chinwag::domain::session::Session;
use chinwag::domain::user::{Name, User, Username};
use chinwag::domain::{ConversationId, SessionId, Timestamp, UserId};
use chinwag::store;
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "a secret that is known to this bench alone";
const START_TIMEOUT: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

/// Who is in the conversation.
pub(super) struct People {
    pub(super) conversation_id: ConversationId,
    pub(super) tokens: Vec<String>,
}

/// A running server. Dropping it kills it, and removes its data.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Child,
    _data: TempDir,
}

impl Server {
    /// Prepares a conversation of so many in the database (SQLite if none is named) and starts a server on it.
    ///
    /// The people are put into the store directly: a registration costs a password's hash, which is not what is measured.
    pub(super) async fn start(database: Option<&str>, members: usize) -> Result<(Self, People), String> {
        let data = tempfile::Builder::new().prefix("load-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let data = data.map_err(|error| error.to_string())?;
        let sqlite = format!("sqlite:{}", data.path().join("chinwag.db").display());
        let url = database.unwrap_or(&sqlite);
        let people = prepare(url, members).await.map_err(|error| error.to_string())?;

        let mut process = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .env_clear()
            .env("CHINWAG_RATE_LIMITS", "off")
            .env("CHINWAG_LISTEN", "127.0.0.1:0")
            .env("CHINWAG_JWT_SECRET", SECRET)
            .env("CHINWAG_LOG_FORMAT", "json")
            .env("CHINWAG_DATA", data.path())
            .env("DATABASE_URL", url)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let log = BufReader::new(process.stdout.take().ok_or("the server has no output")?);
        let (tell, told) = mpsc::channel();
        // Reads on to the end, so that the server never waits for its log to be read.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let url =
                    serde_json::from_str(&line).ok().and_then(|line: Value| Some(line["url"].as_str()?.to_owned()));
                if let Some(url) = url {
                    let _ = tell.send(url); // nobody waits for a second one
                }
            }
        });
        let address = told.recv_timeout(START_TIMEOUT).ok().and_then(|url| url.strip_prefix("http://")?.parse().ok());
        let Some(address) = address else {
            let _ = process.kill(); // it may have ended by itself
            return Err("the server did not start; its reason is above".to_owned());
        };
        Ok((Self { address, process, _data: data }, people))
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn prepare(url: &str, members: usize) -> chinwag::domain::Result<People> {
    let store = store::open(url).await?;
    let tokens = Tokens::new(SECRET.as_bytes(), HOUR);
    let now = Timestamp::now();
    let mut people = People { conversation_id: ConversationId::new(), tokens: Vec::with_capacity(members) };
    let mut ids = Vec::with_capacity(members);
    for number in 0..members {
        let user = User {
            id: UserId::new(),
            username: Username::parse(&format!("member-{number}"))?,
            name: Name::parse(&format!("Member {number}"))?,
            created_at: now,
            last_seen_at: None,
        };
        store.insert_user(&user, "no password").await?;
        let session = Session {
            id: SessionId::new(),
            user_id: user.id,
            generation: 0,
            created_at: now,
            rotated_at: now,
            expires_at: now.plus(HOUR),
            ended_at: None,
        };
        store.insert_session(&session).await?;
        people.tokens.push(tokens.access(user.id, session.id, now)?);
        ids.push(user.id);
    }
    let creator_id = ids.remove(0);
    let conversation = NewConversation {
        id: people.conversation_id,
        kind: Kind::Group,
        name: Some(Title::parse("Load")?),
        creator_id,
        created_at: now,
        other_ids: ids,
    };
    store.create_conversation(&conversation).await?;
    Ok(people)
}

/// CPU time that a process has used, in user mode and in the kernel.
#[derive(Clone, Copy)]
pub(super) struct Cpu(Duration);

impl Cpu {
    pub(super) fn of(pid: u32) -> Result<Self, String> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    pub(super) fn of_this_process() -> Result<Self, String> {
        Self::read("/proc/self/stat")
    }

    /// Fields 14 and 15, after the name in brackets, in ticks of 10 ms, which is what Linux tells user space on every machine.
    fn read(path: &str) -> Result<Self, String> {
        let stat = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        match ticks[..] {
            [user, system] => Ok(Self(Duration::from_millis((user + system) * 10))),
            _ => Err(format!("{path} is not understood")),
        }
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
