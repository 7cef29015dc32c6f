//! A TCP proxy that spreads connections over several servers, as a balancer does that keeps no client at one of them.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::rng::Rng;

/// A running balancer. A drop resets all connections.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    /// How often all connections were reset.
    cuts: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    /// Starts a balancer that gives each connection to one of these servers, at random. One that refuses the connection is passed over.
    pub(crate) async fn to(targets: Vec<SocketAddr>, mut rng: Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(0);
        let seen = cuts.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let first = usize::try_from(rng.in_range(0..targets.len() as u64)).unwrap();
                let targets = [&targets[first..], &targets[..first]].concat();
                drop(tokio::spawn(carry(client, targets, seen.clone())));
            }
        });
        Self { address, cuts, accepting }
    }

    /// Resets every connection. Clients that connect again may reach another server.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Forwards one connection until it ends or is reset.
async fn carry(mut client: TcpStream, targets: Vec<SocketAddr>, mut cuts: watch::Receiver<usize>) {
    let before = *cuts.borrow_and_update();
    for target in targets {
        let Ok(mut server) = TcpStream::connect(target).await else { continue };
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
        }
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => {}
            // Also when the balancer was dropped.
            _ = cuts.wait_for(|cuts| *cuts != before) => {
                for socket in [&client, &server] {
                    let _ = socket.set_zero_linger(); // a reset; the socket may be closed already
                }
            }
        }
        return;
    }
}
