//! A relay on Bun's server, whose WebSockets and topics are uWebSockets. It has no accounts and no store.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Arguments;
use crate::frames::{self, MessageTemplate, payload};

/// The script that Bun runs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/bun.js");
/// The folder in which npm installs Bun.
const INSTALL_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bun");

/// Replaces this process with Bun, so that both have the same process id. Returns an error when Bun cannot be installed.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let Some(bun) = find_bun().or_else(install_bun) else {
        return Err("skipped: there is no `bun` on the path, and npm did not install one".to_owned());
    };
    let (host, port) =
        arguments.value("--listen").unwrap_or("127.0.0.1:0").rsplit_once(':').ok_or("--listen takes HOST:PORT")?;
    let hello = payload(&frames::hello(Some(Default::default())));
    let error = Command::new(&bun)
        .arg(SCRIPT)
        .args([host, port])
        .arg(MessageTemplate::from_encoder().with_placeholders())
        .arg(hello)
        .exec();
    Err(format!("{}: {error}", bun.display()))
}

/// Finds Bun on the path or in the install folder.
fn find_bun() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("bun"));
    on_path.chain([Path::new(INSTALL_FOLDER).join("node_modules/.bin/bun")]).find(|program| program.is_file())
}

/// Installs Bun with npm.
fn install_bun() -> Option<PathBuf> {
    let npm = Command::new("npm")
        .args(["install", "--no-fund", "--no-audit", "--prefix", INSTALL_FOLDER, "bun"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    npm.ok().filter(std::process::ExitStatus::success).and_then(|_| find_bun())
}
