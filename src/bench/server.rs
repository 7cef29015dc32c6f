//! The server that is measured: this very program, in a process of its own, on a database that was prepared for it.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use serde_json::Value;
use uuid::Uuid;

/// What the tokens are signed with; nobody else can reach the server's folder, and it is gone with the bench.
pub(super) const SECRET: &str = "a secret that is known to this bench alone";
/// Until the server must be ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// No line for each request and each connection; but the one that tells that the server is ready.
const LOG: &str = "warn,chinwag=info,chinwag::http=warn,chinwag::ws=warn";

/// A folder that is removed with this.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("chinwag-bench-{}", Uuid::now_v7()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// The URL of a database in it.
    pub(super) fn database(&self) -> String {
        format!("sqlite:{}", self.0.join("chinwag.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whoever clears temporary folders does the rest.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server. Dropping it kills it, and then removes its folder.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Child,
    _folder: Folder,
}

impl Server {
    /// Starts this program as a server on a database.
    pub(super) fn start(folder: Folder, database_url: &str) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for (variable, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHINWAG_")) {
            command.env_remove(variable);
        }
        let process = command
            .env("CHINWAG_RATE_LIMITS", "off")
            .env("CHINWAG_LISTEN", "127.0.0.1:0")
            .env("CHINWAG_JWT_SECRET", SECRET)
            .env("CHINWAG_LOG_FORMAT", "json")
            .env("CHINWAG_DATA", &folder.0)
            .env("DATABASE_URL", database_url)
            .env("RUST_LOG", LOG)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the server did not start: {error}"))?;
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), process, _folder: folder };
        let output = server.process.stdout.take().ok_or("the server has no output")?;
        server.address = ready(output)?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for the line that tells the address; what is logged later goes to standard error.
fn ready(output: impl Read + Send + 'static) -> Result<SocketAddr, String> {
    let (tell, told) = mpsc::channel();
    // A thread of its own, so that the server never waits for its log to be read.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let url = serde_json::from_str(&line).ok().and_then(|line: Value| Some(line["url"].as_str()?.to_owned()));
            match url {
                Some(url) => drop(tell.send(url)), // nobody waits for a second one
                None => eprintln!("{line}"),
            }
        }
    });
    let url = told.recv_timeout(START_TIMEOUT);
    let address = url.ok().and_then(|url| url.strip_prefix("http://")?.parse().ok());
    address.ok_or_else(|| "the server did not start; its reason is above".to_owned())
}
