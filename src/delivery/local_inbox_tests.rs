//! Tests of the audiences of ephemeral frames.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{LocalInbox, PresenceChanges};
use crate::bus::{Audience, Envelope, Inbox, NodePresence, Selection};
use crate::domain::session::Caller;
use crate::domain::user::Status;
use crate::domain::{ConversationId, SessionId, Timestamp, UserId};
use crate::registry::{Charge, Connection, Holder, Registration, Registry, Scope, SendQueue, Sink};

struct NoPresence;

impl PresenceChanges for NoPresence {
    fn status(&self, _: UserId) -> Status {
        Status::Offline
    }
    fn members_changed(&self, _: ConversationId, _: i64) {}
    fn block_changed(&self, _: UserId, _: UserId) {}
    fn shown_as_offline(&self, _: UserId) {}
    fn node_presence(&self, _: NodePresence) {}
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<u8>>>);

impl Sink for Received {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut received = self.0.lock().expect("not poisoned");
        for slice in slices {
            received.extend(&**slice);
        }
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

struct Client {
    received: Received,
    _registration: Registration,
}

impl Client {
    fn has_received(&self) -> bool {
        !std::mem::take(&mut *self.received.0.lock().expect("not poisoned")).is_empty()
    }
}

fn client(registry: &Arc<Registry>, user_id: UserId, scope: Scope, id: ConversationId, is_live: bool) -> Client {
    let caller = Caller { user_id, session_id: SessionId::new(), expires_at: Timestamp(0) };
    let received = Received::default();
    let send_queue = Arc::new(SendQueue::new(received.clone(), Charge::new(&Arc::default(), Holder::LOCAL)));
    send_queue.uncork();
    let connection = Connection::new(&caller, scope, send_queue);
    let registration = registry.register(&connection, false).expect("the first");
    registry.subscribe(&connection, id);
    if is_live {
        registry.activate_now(&connection, id, 0);
    }
    Client { received, _registration: registration }
}

#[test]
fn an_ephemeral_frame_reaches_its_audience_alone() {
    let registry = Arc::new(Registry::default());
    let inbox = LocalInbox::new(Arc::clone(&registry), Box::new(|_| {}), Arc::new(NoPresence), Arc::default());
    let (ada, grace, id) = (UserId::new(), UserId::new(), ConversationId::new());
    let clients = [
        client(&registry, ada, Scope::All, id, true),
        client(&registry, ada, Scope::One(id), id, true),
        client(&registry, grace, Scope::Held, id, false),
        client(&registry, grace, Scope::One(id), id, false),
        client(&registry, UserId::new(), Scope::All, ConversationId::new(), true),
    ];
    let receivers = |audience| {
        inbox.deliver_local(Envelope::Ephemeral { audience, frame: Bytes::from_static(b"x") });
        clients.each_ref().map(Client::has_received)
    };
    let typing = |except| Audience::Subscribers { conversation_id: id, except };
    assert_eq!(receivers(typing(vec![])), [true, true, false, true, false], "live in the conversation, or about to be");
    assert_eq!(receivers(typing(vec![ada])), [false, false, false, true, false]);
    let users = |conversation_id| Audience::Users { user_ids: vec![ada, grace], conversation_id };
    assert_eq!(receivers(users(None)), [true, false, true, false, false], "on all conversations");
    assert_eq!(receivers(users(Some(id))), [false, true, false, true, false], "on this one alone");
    assert_eq!(receivers(users(Some(ConversationId::new()))), [false; 5]);

    let selected = |users, send_receipts| Audience::Readers { conversation_id: id, send_receipts, users };
    let readers = |send_receipts| selected(Selection::AllBut(vec![]), send_receipts);
    assert_eq!(receivers(readers(true)), [false; 5], "the setting is not known yet");
    for user_id in [ada, grace] {
        registry.of_user(user_id).iter().for_each(|connection| connection.init_sends_receipts(true));
    }
    assert_eq!(receivers(readers(true)), [true, true, false, true, false]);
    assert_eq!(receivers(selected(Selection::AllBut(vec![ada]), true)), [false, false, false, true, false]);
    assert_eq!(receivers(selected(Selection::Only(vec![ada]), true)), [true, true, false, false, false]);
    inbox.deliver_local(Envelope::ReceiptsSwitched { user_id: ada, send_receipts: false });
    registry.of_user(ada).iter().for_each(|connection| connection.init_sends_receipts(true));
    assert_eq!(receivers(readers(true)), [false, false, false, true, false], "what was read before is no newer");
    assert_eq!(receivers(readers(false)), [true, true, false, false, false]);
}
