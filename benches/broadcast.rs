//! One conversation's news to a thousand outboxes.

use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chinwag::delivery::encode;
use chinwag::domain::session::Caller;
use chinwag::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};
use chinwag::registry::{Connection, Registration, Registry, Run, Scope, Sink};
use chinwag::server;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::{Builder, Runtime};

use crate::frames::messages;

const RECIPIENTS: usize = 1_000;
/// Bytes sent to each recipient until the readers are waited for: a quarter of a new socket's window, or a full window's
/// stalls (tens of milliseconds) would be measured and not the broadcast.
const UNREAD: usize = 16 * 1024;

/// From a committed batch to a thousand connections: watermark, seats, outboxes and writes. The clock stops only when every
/// byte has been read at the other end and every outbox is empty.
///
/// - `null`: sinks that take everything: what registry and outboxes cost by themselves, beside the kernel.
/// - `sockets`: loopback TCP with readers on a thread of their own, for a batch of 1 and of 16 messages. Compare it with
///   `plain writes`, a bare loop that writes the same bytes to the same sockets: what is above it is ours. What 16
///   messages in one write save over 16 writes is what natural batching lives on.
pub(crate) fn bench(criterion: &mut Criterion) {
    server::raise_open_files();
    let mut group = criterion.benchmark_group("broadcast");
    group.sample_size(15).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(RECIPIENTS as u64));

    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let null = Audience::new((0..RECIPIENTS).map(|_| Arc::new(Null) as Arc<dyn Sink>));
    group.bench_function("null", |bencher| {
        let mut run = null.run(1);
        bencher.iter(|| null.deliver(&mut run));
    });

    let readers = Readers::start(&runtime);
    let sockets: Vec<Arc<OwnedWriteHalf>> = readers.sockets.clone();
    let audience = Audience::new(sockets.into_iter().map(|socket| socket as Arc<dyn Sink>));
    for count in [1, 16] {
        let mut run = audience.run(count);
        let bytes = run.frames.len();
        timed(&mut group, BenchmarkId::new("sockets", count), bytes, &readers, &audience, || {
            audience.deliver(&mut run);
        });
    }
    for count in [1, 16] {
        let bytes = audience.run(count).frames;
        let write = || readers.sockets.iter().for_each(|socket| write_plainly(socket, &bytes));
        timed(&mut group, BenchmarkId::new("plain writes", count), bytes.len(), &readers, &audience, write);
    }
    group.finish();
}

fn write_plainly(socket: &OwnedWriteHalf, bytes: &[u8]) {
    assert_eq!(socket.try_write(bytes).unwrap(), bytes.len(), "the readers keep up");
}

/// Times `step`, which sends so many bytes to each recipient, with all that it leaves to be done afterwards.
fn timed(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    bytes: usize,
    readers: &Readers,
    audience: &Audience,
    mut step: impl FnMut(),
) {
    let steps = (UNREAD / bytes).max(1) as u64;
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sent = readers.received();
            let started = Instant::now();
            for iteration in 1..=iterations {
                step();
                sent += (bytes * RECIPIENTS) as u64;
                if iteration.is_multiple_of(steps) {
                    audience.drain(readers, sent);
                }
            }
            audience.drain(readers, sent);
            started.elapsed()
        });
    });
}

/// Takes everything.
struct Null;

impl Sink for Null {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// A thousand connections that hear one conversation.
struct Audience {
    registry: Arc<Registry>,
    conversation_id: ConversationId,
    connections: Vec<Arc<Connection>>,
    /// What was delivered once is not delivered again, so numbers go on from bench to bench.
    next_seq: AtomicI64,
    _registrations: Vec<Registration>,
}

impl Audience {
    fn new(sinks: impl Iterator<Item = Arc<dyn Sink>>) -> Self {
        let (registry, conversation_id) = (Arc::new(Registry::default()), ConversationId::new());
        let (mut connections, mut registrations) = (Vec::new(), Vec::new());
        for sink in sinks {
            let caller = Caller { user_id: UserId::new(), session_id: SessionId::new(), expires_at: Timestamp(0) };
            let outbox = registry.outbox(sink);
            outbox.uncork();
            let connection = Connection::new(&caller, Scope::One(conversation_id), outbox);
            registrations.push(registry.register(&connection, true).unwrap());
            registry.sit(&connection, conversation_id);
            registry.go_live_now(&connection, conversation_id, 0);
            connections.push(connection);
        }
        let next_seq = AtomicI64::new(1);
        Self { registry, conversation_id, connections, next_seq, _registrations: registrations }
    }

    /// A batch of so many messages, encoded.
    fn run(&self, count: u64) -> Run {
        encode(messages(self.conversation_id, count).iter()).remove(0)
    }

    /// Delivers a run as the next one. (Its frames keep saying the same; nobody looks into them.)
    fn deliver(&self, run: &mut Run) {
        run.first_seq = self.next_seq.fetch_add(Seq::try_from(run.ends.len()).unwrap(), Ordering::Relaxed);
        self.registry.deliver(std::slice::from_ref(run));
    }

    /// Waits until everything is at the other end, flushing as a connection's own task would where the kernel was full.
    fn drain(&self, readers: &Readers, sent: u64) {
        let started = Instant::now();
        while readers.received() < sent {
            assert!(started.elapsed() < Duration::from_secs(30), "something was not delivered");
            self.connections.iter().filter(|other| other.outbox.waiting() > 0).for_each(|other| other.outbox.flush());
            thread::yield_now();
        }
        assert_eq!(readers.received(), sent, "nothing is sent twice");
        assert!(self.connections.iter().all(|other| other.outbox.waiting() == 0 && !other.outbox.is_closing()));
    }
}

/// The other ends of a thousand sockets, read by a thread of their own.
struct Readers {
    sockets: Vec<Arc<OwnedWriteHalf>>,
    /// Nobody writes to these.
    _receiving: Vec<OwnedReadHalf>,
    received: Arc<AtomicU64>,
}

impl Readers {
    fn start(runtime: &Runtime) -> Self {
        let _inside = runtime.enter();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut sockets, mut receiving, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RECIPIENTS {
            let end = TcpStream::connect(address).unwrap();
            let (socket, _) = listener.accept().unwrap();
            for socket in [&socket, &end] {
                socket.set_nonblocking(true).unwrap();
                socket.set_nodelay(true).unwrap();
            }
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            runtime.block_on(socket.writable()).unwrap();
            let (nobody_writes, sending) = socket.into_split();
            sockets.push(Arc::new(sending));
            receiving.push(nobody_writes);
            ends.push(end);
        }
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let reading: Vec<_> = ends.into_iter().map(|end| tokio::spawn(read(end, Arc::clone(&count)))).collect();
                for end in reading {
                    end.await.unwrap();
                }
            });
        });
        Self { sockets, _receiving: receiving, received }
    }

    /// Bytes that have been read.
    fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }
}

async fn read(end: TcpStream, count: Arc<AtomicU64>) {
    let end = tokio::net::TcpStream::from_std(end).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while end.readable().await.is_ok() {
        match end.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => {
                count.fetch_add(bytes as u64, Ordering::Release);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
