//! A TCP proxy whose faults a test switches on and off.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::bind;
use super::socket::TEST_TIMEOUT;

/// The treatment of the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They are forwarded.
    Pass,
    /// They are held, and forwarded after the next change to `Pass`.
    Hold,
    /// They are discarded, and the end of the stream is not forwarded.
    Discard,
}

#[derive(Clone, Copy)]
struct State {
    to_target: Flow,
    from_target: Flow,
    refuse: bool,
    /// How often all connections were reset.
    cuts: usize,
}

/// A running proxy. A drop resets all connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    /// The number of connections on which bytes from the target were discarded.
    responses_lost: watch::Sender<usize>,
    /// A connection ends before these bytes reach the target.
    end: watch::Sender<Option<&'static [u8]>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to `target` that forwards everything.
    pub(crate) fn to(target: SocketAddr) -> Self {
        // Keeps the port while new connections are refused.
        let reserved_port = bind(([127, 0, 0, 1], 0).into());
        let address = reserved_port.local_addr().unwrap();
        let state =
            watch::Sender::new(State { to_target: Flow::Pass, from_target: Flow::Pass, refuse: false, cuts: 0 });
        let listener = listen(address);
        let (responses_lost, end) = (watch::Sender::new(0), watch::Sender::new(None));
        let (mut seen, count, ends) = (state.subscribe(), responses_lost.clone(), end.clone());
        let accepting = tokio::spawn(async move {
            let _reserved_port = reserved_port;
            let mut listener = Some(listener);
            loop {
                let Some(open) = &listener else {
                    let Ok(_) = seen.wait_for(|state| !state.refuse).await else { return };
                    listener = Some(listen(address));
                    continue;
                };
                tokio::select! {
                    Ok((socket, _)) = open.accept() => {
                        drop(tokio::spawn(carry(socket, target, seen.clone(), count.clone(), ends.clone())));
                    }
                    refusing = async { seen.wait_for(|state| state.refuse).await.is_ok() } => {
                        if !refusing {
                            return;
                        }
                        listener = None;
                    }
                }
            }
        });
        Self { address, state, responses_lost, end, accepting }
    }

    /// Sets the treatment of bytes to the target.
    pub(crate) fn set_to_target(&self, flow: Flow) {
        self.state.send_modify(|state| state.to_target = flow);
    }

    /// Sets the treatment of bytes from the target.
    pub(crate) fn set_from_target(&self, flow: Flow) {
        self.state.send_modify(|state| state.from_target = flow);
    }

    /// Waits until bytes from the target were discarded on this many connections.
    pub(crate) async fn responses_lost(&self, connections: usize) {
        let mut responses_lost = self.responses_lost.subscribe();
        let reached = timeout(TEST_TIMEOUT, responses_lost.wait_for(|count| *count >= connections)).await;
        assert!(reached.is_ok(), "responses are lost on fewer than {connections} connections");
    }

    /// Returns the number of connections on which bytes from the target were discarded.
    pub(crate) fn responses_lost_so_far(&self) -> usize {
        *self.responses_lost.borrow()
    }

    /// Resets every connection on both sides. New connections are accepted.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Ends the connection on which these bytes come next, before they reach the target. Earlier bytes reach it and are answered.
    pub(crate) fn end_before(&self, bytes: &'static [u8]) {
        self.end.send_replace(Some(bytes));
    }

    /// Waits until a connection was ended by [`Proxy::end_before`].
    pub(crate) async fn ended(&self) {
        let mut end = self.end.subscribe();
        let ended = timeout(TEST_TIMEOUT, end.wait_for(Option::is_none)).await;
        assert!(ended.is_ok(), "the bytes that end a connection were not sent");
    }

    /// Refuses new connections, or accepts them again.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.state.send_modify(|state| state.refuse = refuse);
    }
}

/// Returns a proxy to the server of a database, and the URL that uses it.
pub(crate) fn by_proxy(url: &str) -> (Proxy, String) {
    let (before, place) = url.rsplit_once('@').unwrap();
    let (place, name) = place.split_once('/').unwrap();
    let proxy = Proxy::to(place.parse().unwrap());
    let url = format!("{before}@{}/{name}", proxy.address);
    (proxy, url)
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    bind(address).listen(1024).unwrap()
}

/// Forwards one connection until it ends or is reset.
async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<State>,
    responses_lost: watch::Sender<usize>,
    end: watch::Sender<Option<&'static [u8]>>,
) {
    let cuts = state.borrow_and_update().cuts;
    // If nothing listens there, the client's connection is closed at once.
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let cut = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let to_target = pump(from_client, to_server, state.clone(), |state| state.to_target, || {}, end_before(end));
        let count_loss = || responses_lost.send_modify(|count| *count += 1);
        let from_target = pump(from_server, to_client, state.clone(), |state| state.from_target, count_loss, |_| None);
        tokio::select! {
            _ = async { tokio::join!(to_target, from_target) } => false,
            // Also when the proxy was dropped.
            _ = state.wait_for(|state| state.cuts != cuts) => true,
        }
    };
    if cut {
        for socket in [&client, &server] {
            let _ = socket.set_zero_linger(); // a reset; the socket may be closed already
        }
    }
}

/// Returns a function that returns how many of its bytes are still forwarded if the connection ends in them.
fn end_before(end: watch::Sender<Option<&'static [u8]>>) -> impl FnMut(&[u8]) -> Option<usize> {
    // The bytes may arrive in two reads.
    let mut before = Vec::new();
    move |bytes| {
        let sought = (*end.borrow())?;
        let all = [before.as_slice(), bytes].concat();
        if let Some(place) = all.windows(sought.len()).position(|window| window == sought) {
            let is_first = end.send_if_modified(|end| end.take().is_some());
            return is_first.then(|| place.saturating_sub(before.len()));
        }
        before = all[all.len().saturating_sub(sought.len() - 1)..].to_vec();
        None
    }
}

/// Forwards one direction to the end of its stream. The end is not forwarded while bytes are discarded.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
    flow: fn(&State) -> Flow,
    on_first_loss: impl FnOnce(),
    mut ends: impl FnMut(&[u8]) -> Option<usize>,
) {
    let mut on_first_loss = Some(on_first_loss);
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        // The end of a stream is not forwarded as long as bytes are discarded.
        let may_forward = |state: &State| match flow(state) {
            Flow::Pass => true,
            Flow::Hold => false,
            Flow::Discard => read > 0,
        };
        let Ok(pass) = state.wait_for(may_forward).await.map(|state| flow(&state) == Flow::Pass) else { return };
        let end = ends(&bytes[..read]);
        if read == 0 || end.is_some() {
            // The other side may have closed.
            let _ = to.write_all(&bytes[..end.unwrap_or(0)]).await;
            return drop(to.shutdown().await);
        }
        if !pass {
            on_first_loss.take().into_iter().for_each(|report| report());
        } else if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
