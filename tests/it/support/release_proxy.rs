//! A proxy behind which the server seems to have another release of the page.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The release that browsers see behind the proxy.
#[derive(Clone)]
enum Seen {
    Own,
    /// Another one with the same files.
    Other(String),
    /// The page is of another one, and its files are on no node that answers.
    Incomplete(String),
}

/// A running proxy, which accepts no more connections after a drop.
pub(crate) struct ReleaseProxy {
    pub(crate) address: SocketAddr,
    /// The name of the server's release.
    pub(crate) own: String,
    seen: Arc<Mutex<Seen>>,
    accepting: JoinHandle<()>,
}

impl ReleaseProxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let own = own_release(target).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::Own));
        let (name, shared) = (own.clone(), Arc::clone(&seen));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, Arc::clone(&shared), name.clone(), change_request));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&shared), name.clone(), change_answer));
            }
        });
        Self { address, own, seen, accepting }
    }

    pub(crate) fn show_own(&self) {
        *self.seen.lock().unwrap() = Seen::Own;
    }

    pub(crate) fn show_other(&self, name: &str) {
        *self.seen.lock().unwrap() = Seen::Other(name.to_owned());
    }

    pub(crate) fn show_incomplete(&self, name: &str) {
        *self.seen.lock().unwrap() = Seen::Incomplete(name.to_owned());
    }
}

impl Drop for ReleaseProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn own_release(target: SocketAddr) -> String {
    let page = super::client::send_request(target, hyper::Method::GET, "/", &[("accept", "text/html")], "").await;
    let html = String::from_utf8(page.expect(200).body.to_vec()).unwrap();
    html.split("\"/static/").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    seen: Arc<Mutex<Seen>>,
    own: String,
    change: fn(Vec<u8>, &Seen, &str) -> Vec<u8>,
) {
    let (mut bytes, mut held) = (vec![0; 64 * 1024], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let mut read = std::mem::take(&mut held);
        read.extend_from_slice(&bytes[..count]);
        held = read.split_off(read.len() - cut_name(&read, own.as_bytes()));
        let seen = seen.lock().unwrap().clone();
        if to.write_all(&change(read, &seen, &own)).await.is_err() {
            return;
        }
    }
}

/// Returns the length of the end of `read` with which a name begins, whose rest comes with the next read.
fn cut_name(read: &[u8], name: &[u8]) -> usize {
    (1..name.len()).rev().find(|length| read.ends_with(&name[..*length])).unwrap_or(0)
}

/// A browser writes the head of each request at once.
fn change_request(read: Vec<u8>, seen: &Seen, own: &str) -> Vec<u8> {
    // What is compressed cannot be changed.
    let read = replaced(&read, b"gzip, deflate, br, zstd", b"identity");
    // The server would say that nothing has changed.
    let read = replaced(&read, b"If-None-Match:", b"X-None-Match:");
    match seen {
        Seen::Own | Seen::Incomplete(_) => read,
        Seen::Other(name) => {
            let hidden = replaced(&read, format!("/static/{own}/").as_bytes(), b"/static/nothing/");
            replaced(&hidden, format!("/static/{name}/").as_bytes(), format!("/static/{own}/").as_bytes())
        }
    }
}

/// The names are of one length.
fn change_answer(read: Vec<u8>, seen: &Seen, own: &str) -> Vec<u8> {
    match seen {
        Seen::Own => read,
        Seen::Other(name) | Seen::Incomplete(name) => replaced(&read, own.as_bytes(), name.as_bytes()),
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut result, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    result.extend_from_slice(rest);
    result
}
