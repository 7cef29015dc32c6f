//! Tests of the order of frames, of corked queues and of slow consumers.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{EnqueueResult, SendQueue, Sink, WakeReason};
use crate::domain::UserId;
use crate::limits;
use crate::registry::{Charge, Holder, MemoryBudget};
use crate::wire::close::Close;
use crate::wire::framing;

fn budget(total: usize) -> Arc<MemoryBudget> {
    Arc::new(MemoryBudget::new(limits::MemoryBounds { total, ..limits::WAITING }, true))
}

/// Takes the given number of bytes and then blocks. Keeps the bytes taken.
#[derive(Clone, Default)]
struct Kernel(Arc<Mutex<(usize, Vec<u8>)>>);

impl Kernel {
    fn allow(&self, bytes: usize) {
        self.0.lock().expect("not poisoned").0 = bytes;
    }
    fn taken(&self) -> Vec<u8> {
        self.0.lock().expect("not poisoned").1.clone()
    }
}

impl Sink for Kernel {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut kernel = self.0.lock().expect("not poisoned");
        let offered: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = offered.len().min(kernel.0);
        if written == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        kernel.0 -= written;
        kernel.1.extend(&offered[..written]);
        Ok(written)
    }
}

fn send_queue(memory_budget: &Arc<MemoryBudget>) -> (SendQueue<Kernel>, Kernel) {
    let kernel = Kernel::default();
    (SendQueue::new(kernel.clone(), Charge::new(memory_budget, Holder::LOCAL)), kernel)
}

#[test]
fn bytes_keep_their_order_over_partial_writes() {
    let (send_queue, kernel) = send_queue(&Arc::default());
    send_queue.uncork();
    kernel.allow(4);
    send_queue.push(Bytes::from_static(b"abc"));
    send_queue.push(Bytes::from_static(b"def"));
    assert_eq!(send_queue.enqueue(Bytes::from_static(b"ghi")), EnqueueResult::Queued);
    assert_eq!(send_queue.wake_reason(), Some(WakeReason::Blocked));
    kernel.allow(100);
    send_queue.flush();
    assert_eq!(
        (kernel.taken().as_slice(), send_queue.waiting(), send_queue.wake_reason()),
        (&b"abcdefghi"[..], 0, None)
    );
}

#[test]
fn nothing_is_written_while_it_is_corked() {
    let (send_queue, kernel) = send_queue(&Arc::default());
    kernel.allow(100);
    send_queue.push(Bytes::from_static(b"hello"));
    send_queue.push(Bytes::from_static(b"event"));
    assert_eq!(kernel.taken(), b"");
    send_queue.uncork();
    assert_eq!(kernel.taken(), b"helloevent");
}

#[test]
fn a_client_that_does_not_read_is_closed_and_its_memory_freed() {
    let (send_queue, kernel) = send_queue(&Arc::default());
    send_queue.uncork();
    let chunk = Bytes::from(vec![b'x'; limits::SEND_QUEUE_BYTES_MAX / 4]);
    kernel.allow(10);
    for _ in 0..5 {
        send_queue.push(chunk.clone());
    }
    assert_eq!(
        send_queue.wake_reason(),
        Some(WakeReason::Closing(Close::SLOW_CONSUMER)),
        "even while the kernel is full"
    );
    assert!(send_queue.waiting() <= chunk.len() + 32, "the bytes that waited are dropped");
    assert_eq!(send_queue.enqueue(chunk.clone()), EnqueueResult::Closed);
    kernel.allow(usize::MAX);
    send_queue.flush();
    let close = framing::close(Close::SLOW_CONSUMER.code, Close::SLOW_CONSUMER.reason);
    assert_eq!(kernel.taken().len(), chunk.len() + close.len(), "the frame that was begun is finished");
    assert!(kernel.taken().ends_with(&close));
    assert_eq!(send_queue.wake_reason(), Some(WakeReason::Closing(Close::SLOW_CONSUMER)));
}

#[test]
fn many_bytes_at_once_do_not_make_a_slow_consumer() {
    let (send_queue, kernel) = send_queue(&Arc::default());
    send_queue.uncork();
    kernel.allow(usize::MAX);
    let chunk = Bytes::from(vec![b'x'; limits::SEND_QUEUE_BYTES_MAX / 3]);
    for _ in 0..5 {
        assert_ne!(send_queue.enqueue(chunk.clone()), EnqueueResult::Closed);
    }
    send_queue.push(Bytes::from(vec![b'x'; 2 * limits::SEND_QUEUE_BYTES_MAX]));
    send_queue.flush();
    assert_eq!((send_queue.wake_reason(), send_queue.waiting()), (None, 0));
    assert_eq!(kernel.taken().len(), 5 * chunk.len() + 2 * limits::SEND_QUEUE_BYTES_MAX);
}

#[test]
fn the_first_frame_comes_first() {
    let (send_queue, kernel) = send_queue(&Arc::default());
    kernel.allow(100);
    send_queue.push(Bytes::from_static(b"event"));
    send_queue.push_front(Bytes::from_static(b"hello"));
    send_queue.uncork();
    assert_eq!(kernel.taken(), b"helloevent");
}

#[test]
fn only_what_waits_is_counted_until_its_memory_is_free() {
    let memory_budget = Arc::default();
    let (send_queue, kernel) = send_queue(&memory_budget);
    send_queue.push(Bytes::from_static(b"hello"));
    kernel.allow(6);
    send_queue.uncork();
    send_queue.push(Bytes::from_static(b"note"));
    assert_eq!(memory_budget.bytes(), 4, "the kernel took one byte of it, and the frame stays whole in memory");
    send_queue.push(Bytes::from_static(b"more"));
    assert_eq!((memory_budget.bytes(), send_queue.waiting()), (8, 7));
    kernel.allow(5);
    send_queue.flush();
    assert_eq!((memory_budget.bytes(), send_queue.waiting()), (4, 2));
    kernel.allow(1);
    send_queue.flush();
    assert_eq!((memory_budget.bytes(), send_queue.waiting()), (4, 1));
    kernel.allow(1);
    send_queue.flush();
    assert_eq!(memory_budget.bytes(), 0);
    send_queue.push(Bytes::from_static(b"last"));
    drop(send_queue);
    assert_eq!(memory_budget.bytes(), 0, "its bytes are counted no more");
}

#[test]
fn over_the_budget_a_queue_is_closed_when_it_changes() {
    let memory_budget = budget(1_000);
    let stuck = |bytes: usize| {
        let (send_queue, kernel) = send_queue(&memory_budget);
        send_queue.uncork();
        send_queue.push(vec![b'x'; bytes].into());
        (send_queue, kernel)
    };
    let (large, other) = (stuck(600), stuck(400));
    assert_eq!(
        (memory_budget.bytes(), large.0.wake_reason(), other.0.wake_reason()),
        (1_000, Some(WakeReason::Blocked), Some(WakeReason::Blocked))
    );
    large.0.push(Bytes::from_static(b"more"));
    assert_eq!(large.0.wake_reason(), Some(WakeReason::Closing(Close::SLOW_CONSUMER)), "the budget is used up");
    let (healthy, kernel) = send_queue(&memory_budget);
    healthy.uncork();
    kernel.allow(usize::MAX);
    healthy.push(vec![b'x'; 5_000].into());
    assert_eq!((healthy.wake_reason(), healthy.waiting()), (None, 0), "a client that reads is not affected");
    let late = stuck(600);
    assert_eq!(
        late.0.wake_reason(),
        Some(WakeReason::Closing(Close::SLOW_CONSUMER)),
        "a queue that begins to wait is closed too"
    );
    assert_eq!(other.0.wake_reason(), Some(WakeReason::Blocked), "a queue that does not change stays open");
    drop((large, late));
    assert_eq!(memory_budget.bytes(), 400);
    other.0.push(vec![b'x'; 500].into());
    assert_eq!(other.0.wake_reason(), Some(WakeReason::Blocked), "there is room again");
}

#[test]
fn a_users_queues_share_what_one_user_may_hold() {
    let memory_budget = Arc::new(MemoryBudget::default());
    let stuck = |user_id| {
        let (send_queue, kernel) = send_queue(&memory_budget);
        send_queue.set_user(user_id);
        send_queue.uncork();
        send_queue.push(vec![b'x'; limits::SEND_QUEUE_BYTES_MAX].into());
        (send_queue, kernel)
    };
    let (greedy, modest) = (UserId::new(), UserId::new());
    let most = limits::WAITING_BYTES_PER_USER_MAX / limits::SEND_QUEUE_BYTES_MAX;
    let queues: Vec<_> = (0..most).map(|_| stuck(greedy)).collect();
    assert!(queues.iter().all(|(queue, _)| !queue.is_closing()));
    let (beyond, _) = stuck(greedy);
    assert_eq!(beyond.wake_reason(), Some(WakeReason::Closing(Close::SLOW_CONSUMER)));
    assert!(!stuck(modest).0.is_closing(), "another user has a share of their own");
}

#[test]
fn ephemeral_frames_are_dropped_while_many_bytes_wait() {
    let memory_budget = budget(limits::SEND_QUEUE_BYTES_MAX);
    let (send_queue, kernel) = send_queue(&memory_budget);
    send_queue.uncork();
    send_queue.push(vec![b'x'; limits::EPHEMERAL_QUEUED_BYTES_MAX].into());
    send_queue.push_ephemeral(Bytes::from_static(b"presence"));
    send_queue.push_ephemeral(Bytes::from_static(b"typing"));
    send_queue.push(Bytes::from_static(b"event"));
    kernel.allow(usize::MAX);
    send_queue.flush();
    assert!(kernel.taken().ends_with(b"xpresenceevent"));
    send_queue.push_ephemeral(Bytes::from_static(b"typing"));
    assert!(kernel.taken().ends_with(b"xpresenceeventtyping"));
}

/// A kernel that takes a few bytes at a time, and now and then none.
#[derive(Default)]
struct Sips(Mutex<(usize, Vec<u8>)>);

impl Sink for Sips {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sips = self.0.lock().expect("not poisoned");
        sips.0 += 1;
        if sips.0.is_multiple_of(7) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let sip = slices.iter().flat_map(|slice| slice.iter().copied()).take(3);
        let before = sips.1.len();
        sips.1.extend(sip);
        Ok(sips.1.len() - before)
    }
}

#[test]
fn frames_pushed_by_several_threads_stay_whole() {
    const FRAMES: usize = 2_000;
    const LENGTH: usize = 8;
    let sips = Arc::new(Sips::default());
    let send_queue = SendQueue::new(Arc::clone(&sips), Charge::new(&Arc::default(), Holder::LOCAL));
    send_queue.uncork();
    std::thread::scope(|scope| {
        for letter in [b'a', b'b', b'c'] {
            let frame = Bytes::from(vec![letter; LENGTH]);
            let send_queue = &send_queue;
            scope.spawn(move || {
                for _ in 0..FRAMES {
                    send_queue.push(frame.clone());
                    // So that the queue is mostly idle at the next push as well.
                    send_queue.flush();
                }
            });
        }
    });
    while send_queue.waiting() > 0 {
        send_queue.flush();
    }
    let taken = &sips.0.lock().expect("not poisoned").1;
    assert_eq!(taken.len(), 3 * FRAMES * LENGTH);
    assert!(taken.chunks(LENGTH).all(|frame| frame.iter().all(|letter| *letter == frame[0])), "each frame is whole");
}

#[test]
fn too_many_small_frames_make_a_slow_consumer() {
    for corked in [true, false] {
        let (send_queue, _kernel) = send_queue(&Arc::default());
        if !corked {
            send_queue.uncork();
        }
        for _ in 0..limits::SEND_QUEUE_FRAMES_MAX {
            send_queue.push(Bytes::from_static(b"\x8A\0"));
        }
        assert!(!send_queue.is_closing());
        send_queue.push(Bytes::from_static(b"\x8A\0"));
        assert_eq!(send_queue.wake_reason(), Some(WakeReason::Closing(Close::SLOW_CONSUMER)), "corked: {corked}");
    }
}
