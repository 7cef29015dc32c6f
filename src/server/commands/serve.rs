//! `chinwag` without a command: the server.

use std::ffi::OsString;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::server::config::Config;
use crate::server::signals::StopSignals;
use crate::server::{App, arguments, raise_open_files, telemetry};
use crate::store;

/// Serves until SIGTERM, SIGINT or SIGHUP, and drains.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    serve(Config::read(arguments)?)
}

#[tokio::main]
async fn serve(config: Config) -> Result<(), String> {
    telemetry::start(&config)?;
    let open_files = raise_open_files();
    let mut signals = StopSignals::listen().map_err(|error| error.to_string())?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("CHINWAG_LISTEN takes a free address: {}: {error}", config.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let url = config.database.store_url()?;
    config.prepare_data()?;
    // Held until the process ends.
    let _lock = store::lock(&url).map_err(|error| format!("{}: {}", config.database.variable(), error.detail))?;
    let (store, data) = (redacted(&url), config.database.folder.display().to_string());
    let exposed_secret = config.exposed_secret();
    let app = App::open(config).await?;
    let node = app.node_id().map(tracing::field::display);
    info!(url = %format_args!("http://{address}"), node, store, data, open_files, "chinwag is ready");
    if let Some(file) = exposed_secret {
        warn!(file = %file.display(), "every user of this machine can read the secret; chmod 600 prevents that");
    }
    let unknown = arguments::unknown_variables::<Config>().join(", ");
    if !unknown.is_empty() {
        warn!(variables = unknown, "these environment variables are unknown and have no effect; see chinwag --help");
    }

    let (drain, drain_requested) = oneshot::channel();
    let serving = app.serve(listener, async {
        // The sender is dropped only when this function returns.
        let _ = drain_requested.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        () = signals.drain() => drop(drain.send(())),
    }
    tokio::select! {
        () = serving => Ok(()),
        () = signals.exit_at_once() => Err("a second signal came during the drain: exited at once".to_owned()),
    }
}

/// Returns a store's URL without user, password and options.
fn redacted(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            // User and password are removed first, because a password can contain a question mark.
            let location = rest.rsplit_once('@').map_or(rest, |(_, location)| location);
            let location = location.split('?').next().unwrap_or_default();
            format!("{scheme}://{location}")
        }
        None => url.to_owned(),
    }
}
