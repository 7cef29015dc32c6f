//! Broadcasts messages of one conversation to a thousand send queues.

use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chinwag::delivery::encode;
use chinwag::domain::session::Caller;
use chinwag::domain::{ConversationId, Seq, SessionId, Timestamp, UserId};
use chinwag::registry::{Connection, EncodedEvents, Holder, Registration, Registry, Scope, Sink};
use chinwag::server;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::{Builder, Runtime};

use crate::frames::messages;

const RECIPIENTS: usize = 1_000;
/// Bytes sent to each recipient before the bench waits for the readers: a quarter of a new socket's window. With a full window the
/// bench would measure stalls of tens of milliseconds.
const UNREAD_BYTES_MAX: usize = 16 * 1024;

/// Measures the delivery of a committed batch to a thousand connections: watermark, seats, outboxes and writes. The clock stops when
/// every byte has been read at the other end and every send_queue is empty.
///
/// - `null`: sinks that accept all bytes. It shows the cost of registry and outboxes without the kernel.
/// - `sockets`: loopback TCP, with readers on a thread of their own, for a batch of 1 and of 16 messages.
/// - `plain writes`: a loop that writes the same bytes to the same sockets. The difference to `sockets` is Chinwag's own cost. The
///   difference between 16 writes and one write of 16 messages is the gain of batching.
pub(crate) fn bench(criterion: &mut Criterion) {
    server::raise_open_files();
    let mut group = criterion.benchmark_group("broadcast");
    group.sample_size(15).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(RECIPIENTS as u64));

    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let null = Recipients::new((0..RECIPIENTS).map(|_| Arc::new(NullSink) as Arc<dyn Sink>));
    group.bench_function("null", |bencher| {
        let mut batch = null.encode_batch(1);
        bencher.iter(|| null.deliver(&mut batch));
    });

    let readers = Readers::start(&runtime);
    let sockets: Vec<Arc<OwnedWriteHalf>> = readers.sockets.clone();
    let recipients = Recipients::new(sockets.into_iter().map(|socket| socket as Arc<dyn Sink>));
    for count in [1, 16] {
        let mut batch = recipients.encode_batch(count);
        let bytes = batch.frames.len();
        bench_step(&mut group, BenchmarkId::new("sockets", count), bytes, &readers, &recipients, || {
            recipients.deliver(&mut batch);
        });
    }
    for count in [1, 16] {
        let bytes = recipients.encode_batch(count).frames;
        let write = || readers.sockets.iter().for_each(|socket| write_directly(socket, &bytes));
        bench_step(&mut group, BenchmarkId::new("plain writes", count), bytes.len(), &readers, &recipients, write);
    }
    group.finish();
}

fn write_directly(socket: &OwnedWriteHalf, bytes: &[u8]) {
    assert_eq!(socket.try_write(bytes).unwrap(), bytes.len(), "the readers keep up");
}

/// Measures `step`, which sends `bytes` to each recipient, and the delivery of what it sends.
fn bench_step(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    bytes: usize,
    readers: &Readers,
    recipients: &Recipients,
    mut step: impl FnMut(),
) {
    let steps = (UNREAD_BYTES_MAX / bytes).max(1) as u64;
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sent = readers.received();
            let started = Instant::now();
            for iteration in 1..=iterations {
                step();
                sent += (bytes * RECIPIENTS) as u64;
                if iteration.is_multiple_of(steps) {
                    recipients.drain(readers, sent);
                }
            }
            recipients.drain(readers, sent);
            started.elapsed()
        });
    });
}

/// A sink that accepts all bytes.
struct NullSink;

impl Sink for NullSink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// A thousand connections that receive one conversation.
struct Recipients {
    registry: Arc<Registry>,
    conversation_id: ConversationId,
    connections: Vec<Arc<Connection>>,
    /// The next sequence number. It is never reset, because the registry delivers each number once.
    next_seq: AtomicI64,
    _registrations: Vec<Registration>,
}

impl Recipients {
    fn new(sinks: impl Iterator<Item = Arc<dyn Sink>>) -> Self {
        let (registry, conversation_id) = (Arc::new(Registry::default()), ConversationId::new());
        let (mut connections, mut registrations) = (Vec::new(), Vec::new());
        for sink in sinks {
            let caller = Caller { user_id: UserId::new(), session_id: SessionId::new(), expires_at: Timestamp(0) };
            let send_queue = registry.send_queue(sink, Holder::LOCAL);
            send_queue.uncork();
            let connection = Connection::new(&caller, Scope::One(conversation_id), send_queue);
            registrations.push(registry.register(&connection, true).unwrap());
            registry.subscribe(&connection, conversation_id);
            registry.activate_now(&connection, conversation_id, 0);
            connections.push(connection);
        }
        let next_seq = AtomicI64::new(1);
        Self { registry, conversation_id, connections, next_seq, _registrations: registrations }
    }

    /// Returns an encoded batch of `count` messages.
    fn encode_batch(&self, count: u64) -> EncodedEvents {
        encode(messages(self.conversation_id, count).iter()).remove(0)
    }

    /// Delivers a batch under the next sequence numbers. The frames keep their old numbers, which no reader checks.
    fn deliver(&self, batch: &mut EncodedEvents) {
        batch.first_seq = self.next_seq.fetch_add(Seq::try_from(batch.ends.len()).unwrap(), Ordering::Relaxed);
        self.registry.deliver(std::slice::from_ref(batch));
    }

    /// Waits until all bytes are read. It flushes the outboxes that wait for the kernel, as a connection's own task would.
    fn drain(&self, readers: &Readers, sent: u64) {
        let started = Instant::now();
        while readers.received() < sent {
            assert!(started.elapsed() < Duration::from_secs(30), "a message was not delivered");
            self.connections
                .iter()
                .filter(|other| other.send_queue.waiting() > 0)
                .for_each(|other| other.send_queue.flush());
            thread::yield_now();
        }
        assert_eq!(readers.received(), sent, "nothing is sent twice");
        assert!(self.connections.iter().all(|other| other.send_queue.waiting() == 0 && !other.send_queue.is_closing()));
    }
}

/// The peers of a thousand sockets. A thread of its own reads them.
struct Readers {
    sockets: Vec<Arc<OwnedWriteHalf>>,
    /// Kept open; they receive nothing.
    _read_halves: Vec<OwnedReadHalf>,
    received: Arc<AtomicU64>,
}

impl Readers {
    fn start(runtime: &Runtime) -> Self {
        let _inside = runtime.enter();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mut sockets, mut read_halves, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RECIPIENTS {
            let peer = TcpStream::connect(address).unwrap();
            let (socket, _) = listener.accept().unwrap();
            for socket in [&socket, &peer] {
                socket.set_nonblocking(true).unwrap();
                socket.set_nodelay(true).unwrap();
            }
            let socket = tokio::net::TcpStream::from_std(socket).unwrap();
            runtime.block_on(socket.writable()).unwrap();
            let (unused, write_half) = socket.into_split();
            sockets.push(Arc::new(write_half));
            read_halves.push(unused);
            peers.push(peer);
        }
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let reading: Vec<_> =
                    peers.into_iter().map(|peer| tokio::spawn(read(peer, Arc::clone(&count)))).collect();
                for task in reading {
                    task.await.unwrap();
                }
            });
        });
        Self { sockets, _read_halves: read_halves, received }
    }

    /// Returns how many bytes have been read.
    fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }
}

async fn read(peer: TcpStream, count: Arc<AtomicU64>) {
    let peer = tokio::net::TcpStream::from_std(peer).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while peer.readable().await.is_ok() {
        match peer.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => {
                count.fetch_add(bytes as u64, Ordering::Release);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
