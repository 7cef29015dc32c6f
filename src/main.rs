//! `chinwag`: reads the configuration, starts the log, serves until it is told to stop. `chinwag bench` measures instead.

use std::process::ExitCode;

use chinwag::bench;
use chinwag::server::config::Config;
use chinwag::server::{App, raise_open_files, telemetry};
use tikv_jemallocator::Jemalloc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::info;

/// Gives back what is free, and leaves few holes between what lasts: a connection's memory is made among buffers that its handshake
/// frees again. How soon is said in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let ran = match std::env::args_os().nth(1) {
        Some(command) if command == "bench" => bench::run(std::env::args_os().skip(1)),
        _ => Config::read(std::env::args_os()).and_then(serve),
    };
    match ran {
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
    let mut told_to_stop = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("CHINWAG_LISTEN takes an address that is free: {}: {error}", config.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (store, data) = (described(&config.store_url()?), config.data.display().to_string());
    let app = App::open(config).await?;
    info!(url = %format_args!("http://{address}"), store, data, open_files, "chinwag is ready");

    let (drain, told_to_drain) = oneshot::channel();
    let serving = app.serve(listener, async {
        // The sender is dropped only with this function.
        let _ = told_to_drain.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        () = told_to_stop() => drop(drain.send(())),
    }
    tokio::select! {
        () = serving => Ok(()),
        () = told_to_stop() => Err("told twice to stop: left at once".to_owned()),
    }
}

/// A store's URL without its password, user and options.
fn described(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            // First what stands before the place: a password may have a question mark in it.
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            let place = place.split('?').next().unwrap_or_default();
            format!("{scheme}://{place}")
        }
        None => url.to_owned(),
    }
}
