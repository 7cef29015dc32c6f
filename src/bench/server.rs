//! The server that the bench measures: this program, in a process of its own, on a database that the bench has set up.

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

/// The secret that signs the tokens. The server and its data are gone when the bench ends.
pub(super) const SECRET: &str = "a secret that is known to this bench alone";
/// Longest wait until the server is ready.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The log filter: no line for each request and each connection, but the line that the server prints when it is ready.
const LOG: &str = "warn,chinwag=info,chinwag::api=warn,chinwag::ws=warn";

/// A temporary folder. Dropping it removes it.
pub(super) struct TempFolder(PathBuf);

impl TempFolder {
    pub(super) fn create() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("chinwag-bench-{}", Uuid::now_v7()));
        let created = DirBuilder::new().mode(0o700).create(&path);
        created.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// Returns the URL of a SQLite database in the folder.
    pub(super) fn database_url(&self) -> String {
        format!("sqlite:{}", self.0.join("chinwag.db").display())
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // An error is ignored: the system clears its temporary folders.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server. Dropping it kills the process and removes the folder.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Child,
    _folder: TempFolder,
}

impl Server {
    /// Starts this program as a server, or as one node of it, on a database.
    pub(super) fn start(folder: TempFolder, database_url: &str, nats_url: Option<&str>) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for (variable, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHINWAG_")) {
            command.env_remove(variable);
        }
        for variable in ["NATS_URL", "NATS_URL_FILE", "NATS_CREDENTIALS_FILE"] {
            command.env_remove(variable);
        }
        let process = command
            .envs(nats_url.map(|url| ("NATS_URL", url)))
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
        server.address = wait_for_address(output)?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for the log line that has the server's URL. Later log lines go to standard error.
fn wait_for_address(output: impl Read + Send + 'static) -> Result<SocketAddr, String> {
    let (sender, receiver) = mpsc::channel();
    // A thread reads the log, so that the server never waits for a reader.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let url = serde_json::from_str(&line).ok().and_then(|line: Value| Some(line["url"].as_str()?.to_owned()));
            match url {
                Some(url) => drop(sender.send(url)), // fails only after the first URL
                None => eprintln!("{line}"),
            }
        }
    });
    let url = receiver.recv_timeout(START_TIMEOUT);
    let address = url.ok().and_then(|url| url.strip_prefix("http://")?.parse().ok());
    address.ok_or_else(|| "the server did not start; its reason is above".to_owned())
}
