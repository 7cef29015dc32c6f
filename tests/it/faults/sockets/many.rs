//! One connection resumes many conversations, page by page, while clients send to them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::grown;
use crate::support::client::{Conversation, TestUser};
use crate::support::history::{ConnectionNumber, Entry, Event, FinalState, Log};
use crate::support::node::Node;
use crate::support::rng::{FaultRun, Rng};
use crate::support::server::StoreKind;
use crate::support::socket::{Socket, TEST_TIMEOUT};

on_each_store! {
    resumed_page_by_page,
}

/// Messages in each conversation before the resume.
const MESSAGES: i64 = 3;
/// Messages in flight during the setup.
const AT_ONCE: usize = 100;
/// Pages in which all are resumed.
const PAGES: usize = 4;
/// The longest that a sender may wait.
const HELD_UP: Duration = Duration::from_secs(10);
/// Much more memory than the pages of one connection.
const MEMORY: usize = 192 * 1024 * 1024;

async fn resumed_page_by_page(store: StoreKind) {
    let run = FaultRun::new("resumed page by page");
    let mut rng = run.rng();
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let log = Log::new();
    let mut rooms = Vec::new();
    for number in 0..run.full_size(100, 2_000) {
        rooms.push(ada.group(&format!("Room {number}"), &[&grace]).await);
    }
    for person in [&ada, &grace] {
        let user = person.id.parse().unwrap();
        for room in &rooms {
            log.note(Entry::Member { conversation: room.id.parse().unwrap(), user });
        }
    }
    let mut sender = Sender { log: log.clone(), ada: ada.clone(), rng: rng.fork() };
    sender.fill(&rooms).await;
    let before = node.memory();
    let mut reader = Reader::new(&log, &grace).await;

    let (stop, stopped) = watch::channel(false);
    let started = Instant::now();
    let resuming = async {
        let mut pages = Vec::new();
        for page in rooms.chunks(rooms.len() / PAGES) {
            let started = Instant::now();
            reader.resume(page).await;
            pages.push(started.elapsed());
        }
        stop.send_replace(true);
        pages
    };
    let talking = async {
        while !*stopped.borrow() {
            let room = &rooms[usize::try_from(rng.in_range(0..rooms.len() as u64)).unwrap()];
            sender.send(room).await;
        }
    };
    let (mut pages, ()) = tokio::join!(resuming, talking);
    let (resuming, memory) = (started..Instant::now(), node.memory());
    let mut final_states = Vec::new();
    for room in &rooms {
        final_states.push(FinalState::of(room, &ada).await);
    }
    reader.read_up_to(&final_states).await;
    let counts = log.verify(&final_states);
    assert_eq!(counts.readers, rooms.len(), "one in each: {counts}");
    assert!(memory.peak < MEMORY, "{memory:?}");
    let waits = log.waits(resuming.clone());
    assert!(waits.longest < HELD_UP, "{waits}");
    pages.sort();
    run.print(format_args!(
        "{store:?}, {} conversations in {PAGES} pages: {counts}; all after {:.2?}, the slowest page {:.0?}; meanwhile {waits}; {}",
        rooms.len(),
        resuming.end - resuming.start,
        pages.last().unwrap(),
        grown(before, memory)
    ));
}

/// A client that sends to all conversations.
struct Sender {
    log: Log,
    ada: TestUser,
    rng: Rng,
}

impl Sender {
    fn draft(&mut self, room: &Conversation) -> (Uuid, String) {
        let id = Uuid::from_u64_pair(self.rng.next(), self.rng.next());
        let content = format!("{id}, to begin with");
        let (conversation, sender) = (room.id.parse().unwrap(), self.ada.id.parse().unwrap());
        self.log.note(Entry::Sent { id, conversation, sender, content: content.clone(), on: None });
        (id, content)
    }

    fn acknowledged(&self, message: &Value) {
        let id = message["id"].as_str().unwrap().parse().unwrap();
        self.log.note(Entry::Acknowledged { id, seq: message["seq"].as_i64().unwrap() });
    }

    async fn send(&mut self, room: &Conversation) {
        let (id, content) = self.draft(room);
        let body = json!({"id": id, "content": content});
        let message = self.ada.post(&room.messages, &body).await.expect(201).json();
        self.acknowledged(&message);
    }

    /// Sends a message to each conversation.
    async fn fill(&mut self, rooms: &[Conversation]) {
        let mut socket = self.ada.connect("/ws").await;
        for some in rooms.chunks(AT_ONCE) {
            for _ in 0..MESSAGES {
                for room in some {
                    let (id, content) = self.draft(room);
                    let frame =
                        json!({"type": "message.send", "conversation_id": room.id, "id": id, "content": content});
                    socket.send(&frame).await;
                }
                for _ in some {
                    self.acknowledged(&socket.next_of(&["message.new"]).await["message"]);
                }
            }
        }
    }
}

/// A client that resumes all conversations on one connection.
struct Reader {
    log: Log,
    user: Uuid,
    number: u32,
    socket: Socket,
    resumed: HashMap<Uuid, Resumed>,
}

/// One resumed conversation, which the log treats as a connection of its own.
struct Resumed {
    connection: ConnectionNumber,
    has: i64,
}

impl Reader {
    async fn new(log: &Log, grace: &TestUser) -> Self {
        let (log, number, user) = (log.clone(), log.number(), grace.id.parse().unwrap());
        Self { log, user, number, socket: grace.connect("/ws?hold=1").await, resumed: HashMap::new() }
    }

    async fn resume(&mut self, page: &[Conversation]) {
        let positions: HashMap<&str, i64> = page.iter().map(|room| (room.id.as_str(), 0)).collect();
        for room in page {
            let (connection, conversation) = (self.log.number(), room.id.parse().unwrap());
            let (reader, user) = (self.number, self.user);
            self.log.note(Entry::Opened { connection, reader, user, conversation, after: 0 });
            self.resumed.insert(conversation, Resumed { connection, has: 0 });
        }
        self.socket.send(&json!({"type": "resume", "conversations": positions})).await;
        let mut answered = 0;
        let answering = async {
            while answered < page.len() {
                let frame = self.hear().await;
                if frame["type"] == "resumed" {
                    let conversation: Uuid = frame["conversation_id"].as_str().unwrap().parse().unwrap();
                    let (last_seq, has) = (frame["last_seq"].as_i64().unwrap(), self.resumed[&conversation].has);
                    assert!((MESSAGES..=has).contains(&last_seq), "all up to here has been sent: {frame}, {has}");
                    answered += 1;
                }
            }
        };
        let is_in_time = timeout(TEST_TIMEOUT, answering).await.is_ok();
        assert!(is_in_time, "{answered} of {} conversations resumed", page.len());
    }

    async fn read_up_to(&mut self, final_states: &[FinalState]) {
        for final_state in final_states {
            while self.resumed[&final_state.conversation].has < final_state.last_seq() {
                self.hear().await;
            }
        }
    }

    async fn hear(&mut self) -> Value {
        let frame = self.socket.next().await;
        assert_ne!(frame["type"], "error", "{frame}");
        if let Some(event) = Event::of(&frame) {
            let resumed = self.resumed.get_mut(&event.conversation);
            let resumed = resumed.unwrap_or_else(|| panic!("it was to be silent: {frame}"));
            resumed.has = event.seq;
            self.log.note(Entry::Received { connection: resumed.connection, event });
        }
        frame
    }
}
