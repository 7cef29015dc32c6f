//! Real proxies before the server, configured as `docs/operations.md` says. A proxy that is not installed is skipped. (The script that
//! installs what tests need leaves them out: Debian's packages start a web server on port 80.)

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Error;

use crate::deployment::compose;
use crate::support::client::TestUser;
use crate::support::postgres::bin;
use crate::support::process::Process;
use crate::support::server::{Server, bind};
use crate::support::socket::Socket;

/// Returns the first block of this language in `docs/operations.md`, with the server's address.
fn example(language: &str, server: SocketAddr) -> String {
    let document = include_str!("../../docs/operations.md");
    let (_, rest) = document.split_once(&format!("```{language}\n")).expect("an example");
    let (block, _) = rest.split_once("```").expect("the end of the example");
    block.replace("127.0.0.1:8080", &server.to_string())
}

/// Returns a port that stays free for the proxy while the returned socket lives.
fn port() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = bind(([127, 0, 0, 1], 0).into());
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Runs nginx with one server, which has this location.
async fn nginx(location: &str, map: &str, listen: SocketAddr) -> Option<Process> {
    nginx_with(&format!("{map} server {{ listen {listen}; {location} }}")).await
}

/// Runs nginx with these directives of `http`.
async fn nginx_with(http: &str) -> Option<Process> {
    // Debian keeps it out of the path of users.
    let system = Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.is_file());
    let Some(program) = bin("nginx").or(system) else {
        eprintln!("skipped: nginx is not installed");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {path};"));
    let configuration = format!(
        "daemon off; master_process off; pid {path}/pid; error_log stderr notice; events {{}}\n\
         http {{ access_log off; {} {http} }}",
        temporary.concat()
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, configuration).unwrap();
    let arguments = [program.into_os_string(), "-p".into(), path.into(), "-c".into(), file.into()];
    Some(start(folder, arguments, "using the").await)
}

/// Starts a proxy, and waits for the line that it prints when it listens.
async fn start(
    folder: TempDir,
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    listens: &'static str,
) -> Process {
    Process::start(folder, arguments, move |line| line.contains(listens).then(|| line.to_owned())).await.0
}

/// A page at the proxy's address connects, sends and is acknowledged.
async fn a_page_can_chat(proxy: SocketAddr) {
    let (ada, grace) = (TestUser::register(proxy, "ada").await, TestUser::register(proxy, "grace").await);
    let room = ada.direct(&grace).await;
    let (origin, protocols) = (format!("http://{proxy}"), format!("chinwag.v1, bearer.{}", ada.token));
    let headers = [("origin", origin.as_str()), ("sec-websocket-protocol", protocols.as_str())];
    let mut socket = Socket::open(proxy, "/ws", &headers).await.expect("the proxy passes on the handshake");
    assert_eq!(socket.next().await["type"], "hello");
    grace.send(&room, "through a proxy").await;
    assert_eq!(socket.next_content().await, "through a proxy");
    let frame = json!({"type": "message.send", "conversation_id": room.id, "content": "and back"});
    socket.send(&frame).await;
    assert_eq!(socket.next_content().await, "and back");
}

const MAP: &str = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_works_as_the_document_configures_it() {
    assert!(include_str!("../../docs/operations.md").contains(MAP));
    let (server, (_port, proxy)) = (Server::with(&["--trusted-proxies", "127.0.0.1"]).await, port());
    let Some(_nginx) = nginx(&example("nginx", server.address), MAP, proxy).await else { return };
    a_page_can_chat(proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_works_as_the_containers_configure_it_beside_nodes_that_are_away() {
    let (server, (_port, proxy)) = (Server::with(&["--trusted-proxies", "127.0.0.1"]).await, port());
    let (_closed, away) = port();
    let compose = compose();
    let http = compose["configs"]["proxy"]["content"].as_str().unwrap().replace("$$", "$");
    let mut replaced = http.replace("node-2:8080", &server.address.to_string());
    for (name, address) in [
        ("node-1:8080", away.to_string()),
        ("node-3:8080", away.to_string()),
        ("listen 8080", format!("listen {proxy}")),
    ] {
        assert_eq!(replaced.matches(name).count(), 1, "{name}");
        replaced = replaced.replace(name, &address);
    }
    let Some(_nginx) = nginx_with(&replaced).await else { return };
    a_page_can_chat(proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_an_nginx_that_drops_the_port_a_page_is_refused() {
    let (server, (_port, proxy)) = (Server::start().await, port());
    let location = example("nginx", server.address).replace("$http_host", "$host");
    let Some(_nginx) = nginx(&location, MAP, proxy).await else { return };
    let refused = Socket::open(proxy, "/ws", &[("origin", &format!("http://{proxy}"))]).await.err().map(|error| *error);
    assert!(matches!(&refused, Some(Error::Http(response)) if response.status() == 403), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_works_as_the_document_configures_it() {
    let (server, (_port, proxy)) = (Server::with(&["--trusted-proxies", "127.0.0.1"]).await, port());
    let Some(program) = bin("caddy") else { return eprintln!("skipped: Caddy is not installed") };
    let folder = tempfile::tempdir().unwrap();
    // Otherwise it listens on all addresses, where other tests' sockets may have the port.
    let site = example("caddy", server.address).replace("chat.example.org", &format!("http://{proxy}")).replacen(
        "{\n",
        "{\n    bind 127.0.0.1\n",
        1,
    );
    let file = folder.path().join("Caddyfile");
    fs::write(&file, format!("{{\n    admin off\n}}\n{site}")).unwrap();
    let home = format!("HOME={}", folder.path().display());
    let arguments = ["env".into(), home.into(), program.into_os_string(), "run".into(), "--config".into(), file.into()];
    let _caddy = start(folder, arguments, "serving initial configuration").await;
    a_page_can_chat(proxy).await;
}
