//! Two nodes, whose packets the test carries.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use tokio::time::Instant;
use uuid::Uuid;

use super::handshake::tests::introduce;
use super::{Cluster, Seal};
use crate::bus::{Bus, Envelope, Inbox};
use crate::domain::{Incarnation, SessionId};
use crate::limits::{SESSIONS_END_WAIT, SESSIONS_PER_ENVELOPE_MAX};

/// Records the sessions that ended.
#[derive(Default)]
struct Ended(Mutex<Vec<SessionId>>);

impl Ended {
    fn take(&self) -> Vec<SessionId> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }
}

impl Inbox for Ended {
    fn deliver_local(&self, envelope: Envelope) {
        if let Envelope::SessionsEnded(sessions) = envelope {
            self.0.lock().expect("not poisoned").extend(sessions);
        }
    }

    fn deliver_remote(&self, envelope: Envelope) {
        self.deliver_local(envelope);
    }

    fn on_reconnect(&self) {}
}

/// Returns two nodes that know each other, with their inboxes.
fn nodes() -> [(Arc<Cluster>, Arc<Ended>); 2] {
    let nodes = [(); 2].map(|()| {
        let inbox = Arc::<Ended>::default();
        let seal = Seal::new(b"0123456789abcdef0123456789abcdef", Uuid::nil(), Incarnation::new());
        (Cluster::new(Arc::clone(&inbox) as _, seal, Arc::default()), inbox)
    });
    introduce(&nodes[0].0, &nodes[1].0);
    nodes
}

/// Carries what waits at one node to the other.
fn carry(from: &Cluster, to: &Cluster) {
    let batch = from.outbound.take().now_or_never().expect("something waits");
    to.receive(&from.packet(batch.history, &batch.envelopes));
}

#[tokio::test(start_paused = true)]
async fn sessions_have_ended_when_the_other_node_says_so() {
    let [(one, here), (other, there)] = nodes();
    let started = Instant::now();
    let sessions: Vec<SessionId> = (0..=SESSIONS_PER_ENVELOPE_MAX).map(|_| SessionId::new()).collect();
    let mut ending = one.end_sessions(sessions.clone());
    assert!((&mut ending).now_or_never().is_none());
    assert_eq!(here.take(), sessions, "here they have ended at once");
    carry(&one, &other);
    assert_eq!(there.take(), sessions);
    assert!((&mut ending).now_or_never().is_none(), "the acknowledgement has not come");
    carry(&other, &one);
    ending.await;
    assert_eq!(started.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_acknowledge_costs_half_a_second() {
    let [(one, here), _] = nodes();
    let (session, started) = (SessionId::new(), Instant::now());
    one.end_sessions(vec![session]).await;
    assert_eq!((here.take(), started.elapsed()), (vec![session], SESSIONS_END_WAIT));
    let started = Instant::now();
    one.end_sessions(Vec::new()).await;
    one.set_live([]);
    one.end_sessions(vec![session]).await;
    assert_eq!(started.elapsed().as_millis(), 0, "nobody is waited for without sessions, or by a node that is alone");
}
