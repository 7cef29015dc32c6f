//! A server, and the operator's commands on its database.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::client::{PASSWORD, Response, TestUser, post};
use super::postgres::database;
use super::server::{Server, StoreKind};
use super::socket::TEST_TIMEOUT;

/// A server whose database the commands know.
pub(crate) struct Operated {
    pub(crate) server: Server,
    pub(crate) url: String,
    folder: TempDir,
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    /// The exit code, unless a signal ended the command.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Operated {
    pub(crate) async fn on(store: StoreKind, arguments: &[&str]) -> Self {
        let (url, folder) = empty_database(store).await;
        let server = Server::with(&[arguments, &["--database-url", &url]].concat()).await;
        Self { server, url, folder }
    }

    /// Stops the server, and returns the folder of its database.
    pub(crate) async fn stopped(self) -> TempDir {
        self.server.stopped().await;
        self.folder
    }

    /// Runs a command that succeeds, and returns its output without white space around it.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> impl Future<Output = String> {
        self.command_with("", arguments)
    }

    /// The same, with this standard input.
    #[track_caller]
    pub(crate) fn command_with(&self, input: &str, arguments: &[&str]) -> impl Future<Output = String> {
        let running = run(&self.url, input, arguments);
        let named = format!("{arguments:?}");
        async move {
            let ended = running.await;
            assert!(ended.succeeded, "{named}: {ended:?}");
            ended.stdout.trim().to_owned()
        }
    }

    /// Runs a command that fails, and returns its error.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        let ended = run(&self.url, "", arguments).await;
        assert!(!ended.succeeded && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
        ended.stderr
    }

    /// Creates an admin by the command line, and logs in.
    pub(crate) async fn admin(&self, username: &str) -> TestUser {
        self.command_with(PASSWORD, &["user", "add", username, "--admin", "--password-stdin"]).await;
        TestUser::login(self.server.address, username).await
    }

    /// Tries to register a user with these further fields.
    pub(crate) async fn try_register(&self, username: &str, fields: Value) -> Response {
        let mut body = json!({"username": username, "password": PASSWORD});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        post(self.server.address, "/v1/users/register", &body).await
    }
}

/// Returns the URL of a database that does not exist yet (SQLite) or is empty, and the folder to keep.
pub(crate) async fn empty_database(store: StoreKind) -> (String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = match store {
        StoreKind::Sqlite => format!("sqlite:{}", folder.path().join("chinwag.db").display()),
        StoreKind::Postgres => database().await,
    };
    (url, folder)
}

/// Runs the binary with these arguments on a database.
pub(crate) fn run(url: &str, input: &str, arguments: &[&str]) -> impl Future<Output = Ended> + use<> {
    let mut command = Command::new(super::node::program());
    for name in super::node::variables() {
        command.env_remove(name);
    }
    command.args(arguments).env("DATABASE_URL", url).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    async move {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads no input may have ended.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = timeout(TEST_TIMEOUT, child.wait_with_output()).await.expect("the command ends").unwrap();
        Ended {
            succeeded: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
