//! `chinwag`: reads the configuration, starts the log, and serves until SIGTERM or SIGINT. `chinwag bench` measures a server instead.

use std::process::ExitCode;

use chinwag::bench;
use chinwag::server::config::Config;
use chinwag::server::{App, raise_open_files, telemetry};
use tikv_jemallocator::Jemalloc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;

/// jemalloc returns free memory to the system and fragments little. That matters because the memory of a long-lived connection is
/// allocated between buffers that are freed after its handshake. `.cargo/config.toml` sets how soon it returns memory.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let result = match std::env::args_os().nth(1) {
        Some(command) if command == "bench" => bench::run(std::env::args_os().skip(1)),
        _ => Config::read(std::env::args_os()).and_then(serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chinwag: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(config: Config) -> Result<(), String> {
    telemetry::start(&config)?;
    let open_files = raise_open_files();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut stop_signal = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("CHINWAG_LISTEN takes a free address: {}: {error}", config.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (store, data) = (redacted(&config.store_url()?), config.data.display().to_string());
    let app = App::open(config).await?;
    info!(url = %format_args!("http://{address}"), store, data, open_files, "chinwag is ready");

    let (drain, drain_requested) = oneshot::channel();
    let serving = app.serve(listener, async {
        // The sender is dropped only when this function returns.
        let _ = drain_requested.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        () = stop_signal() => drop(drain.send(())),
    }
    tokio::select! {
        () = serving => Ok(()),
        () = stop_signal() => Err("a second signal came during the drain: exited at once".to_owned()),
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
