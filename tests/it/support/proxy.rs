//! A way between anybody and anybody that a test can make bad at any moment.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::bind;
use super::socket::PATIENCE;

/// What becomes of the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They arrive.
    Pass,
    /// They wait, and arrive when they may pass again.
    Keep,
    /// They are lost, and the end of the stream with them.
    Swallow,
}

#[derive(Clone, Copy)]
struct State {
    there: Flow,
    back: Flow,
    refuse: bool,
    /// How often everything was cut.
    cuts: usize,
}

/// The way. Dropping it cuts everything.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    /// Connections whose target has said something that was lost.
    robbed: watch::Sender<usize>,
    /// Bytes to the target before which a connection ends.
    end: watch::Sender<Option<&'static [u8]>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A way to `target`, which passes everything.
    pub(crate) fn to(target: SocketAddr) -> Self {
        // Keeps the port while new connections are refused.
        let place = bind(([127, 0, 0, 1], 0).into());
        let address = place.local_addr().unwrap();
        let state = watch::Sender::new(State { there: Flow::Pass, back: Flow::Pass, refuse: false, cuts: 0 });
        let listener = listen(address);
        let (robbed, end) = (watch::Sender::new(0), watch::Sender::new(None));
        let (mut seen, count, ends) = (state.subscribe(), robbed.clone(), end.clone());
        let accepting = tokio::spawn(async move {
            let _place = place;
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
        Self { address, state, robbed, end, accepting }
    }

    /// What becomes of bytes towards the target.
    pub(crate) fn there(&self, flow: Flow) {
        self.state.send_modify(|state| state.there = flow);
    }

    /// What becomes of bytes that come from the target.
    pub(crate) fn back(&self, flow: Flow) {
        self.state.send_modify(|state| state.back = flow);
    }

    /// Waits until what the target says is lost on so many connections.
    pub(crate) async fn robbed(&self, connections: usize) {
        let mut robbed = self.robbed.subscribe();
        let enough = timeout(PATIENCE, robbed.wait_for(|count| *count >= connections)).await;
        assert!(enough.is_ok(), "answers are lost on fewer than {connections} connections");
    }

    /// On how many connections it was lost up to now.
    pub(crate) fn robbed_so_far(&self) -> usize {
        *self.robbed.borrow()
    }

    /// Resets every connection, on both sides. New ones may come.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Ends the connection on which these bytes come next, before they reach the target. All that came before them does, and is answered.
    pub(crate) fn end_before(&self, bytes: &'static [u8]) {
        self.end.send_replace(Some(bytes));
    }

    /// Waits until that has happened.
    pub(crate) async fn ended(&self) {
        let mut end = self.end.subscribe();
        let ended = timeout(PATIENCE, end.wait_for(Option::is_none)).await;
        assert!(ended.is_ok(), "the bytes that were to be lost did not come");
    }

    /// Refuses new connections, or takes them again.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.state.send_modify(|state| state.refuse = refuse);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    bind(address).listen(1024).unwrap()
}

/// Carries one connection until it ends or is cut.
async fn carry(
    mut client: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<State>,
    robbed: watch::Sender<usize>,
    end: watch::Sender<Option<&'static [u8]>>,
) {
    let cuts = state.borrow_and_update().cuts;
    // Where nobody listens, the client's connection is closed at once.
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let cut = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let there = pump(from_client, to_server, state.clone(), |state| state.there, || {}, end_before(end));
        let rob = || robbed.send_modify(|count| *count += 1);
        let back = pump(from_server, to_client, state.clone(), |state| state.back, rob, |_| None);
        tokio::select! {
            _ = async { tokio::join!(there, back) } => false,
            // Also when the proxy itself is gone.
            _ = state.wait_for(|state| state.cuts != cuts) => true,
        }
    };
    if cut {
        for socket in [&client, &server] {
            let _ = socket.set_zero_linger(); // a reset; the socket may be gone already
        }
    }
}

/// Says how many of the bytes that have come still pass, if the connection ends there.
fn end_before(end: watch::Sender<Option<&'static [u8]>>) -> impl FnMut(&[u8]) -> Option<usize> {
    // The bytes may come in two pieces.
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

/// Carries one direction, to the end of its stream, unless that too is to be lost.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
    flow: fn(&State) -> Flow,
    lost_for_the_first_time: impl FnOnce(),
    mut ends: impl FnMut(&[u8]) -> Option<usize>,
) {
    let mut tell = Some(lost_for_the_first_time);
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        // The end of a stream is not told as long as bytes are lost.
        let may_go_on = |state: &State| match flow(state) {
            Flow::Pass => true,
            Flow::Keep => false,
            Flow::Swallow => read > 0,
        };
        let Ok(pass) = state.wait_for(may_go_on).await.map(|state| flow(&state) == Flow::Pass) else { return };
        let end = ends(&bytes[..read]);
        if read == 0 || end.is_some() {
            // The other side may be gone.
            let _ = to.write_all(&bytes[..end.unwrap_or(0)]).await;
            return drop(to.shutdown().await);
        }
        if !pass {
            tell.take().into_iter().for_each(|tell| tell());
        } else if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
