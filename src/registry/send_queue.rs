//! One connection's bounded queue of bytes to write, and the only thing that writes to its socket.
//!
//! It begins corked: nothing is written before the connection hears all that it should, so that `hello` means what it says.
//! Whoever has something to say puts it in and flushes; a flush writes straight to the socket, all that waits in one
//! `writev`. Only when the kernel takes no more is the connection's own task woken, to go on when it does.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::MemoryBudget;
use crate::limits;
use crate::wire::close::Close;
use crate::wire::framing;

/// Places that a queue keeps once something has waited in it: that is mostly one delivery.
const KEPT: usize = 4;

/// Where the bytes go: a socket that never blocks.
pub trait Sink: Send + Sync {
    /// Writes what the kernel takes now; `WouldBlock` if that is nothing.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).try_write(slices)
    }
}

/// What putting something in came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnqueueResult {
    /// It is the first that waits: a flush is due.
    FlushDue,
    /// It joined what waits for a flush, or for the kernel.
    Queued,
    /// The connection is closing; nothing more is written.
    Closed,
}

/// The queue and its socket, side by side: a delivery to many finds both in one place.
pub struct SendQueue<S: ?Sized = dyn Sink> {
    queue: Mutex<Queue>,
    /// What waits in this one and in all others.
    memory_budget: Arc<MemoryBudget>,
    /// The connection's task, for when the kernel is full or the connection is closing.
    waker: AtomicWaker,
    /// Tells whoever catches up that there is room for the next page.
    capacity: Notify,
    sink: S,
}

struct Queue {
    /// Nothing is written yet.
    corked: bool,
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// What the memory_budget knows of.
    counted: usize,
    /// The kernel took no more; the connection's task flushes when it does.
    blocked: bool,
    /// The close frame is in; nothing more comes behind it.
    closing: Option<Close>,
    /// The socket is gone.
    broken: bool,
}

/// Why the connection's task was waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// Wait until the socket can be written, then flush.
    Blocked,
    /// The server closes the connection; what waits is still to be written, if the peer takes it in time.
    Closing(Close),
    /// The socket is gone.
    Broken,
}

impl<S: Sink> SendQueue<S> {
    /// An empty one, corked.
    pub fn new(sink: S, memory_budget: Arc<MemoryBudget>) -> Self {
        let queue = Queue {
            corked: true,
            frames: VecDeque::new(),
            bytes: 0,
            counted: 0,
            blocked: false,
            closing: None,
            broken: false,
        };
        Self { queue: Mutex::new(queue), memory_budget, waker: AtomicWaker::new(), capacity: Notify::new(), sink }
    }

    /// The socket.
    pub fn sink(&self) -> &S {
        &self.sink
    }
}

impl<S: Sink + ?Sized> SendQueue<S> {
    /// Puts the first frame before all that came in meanwhile.
    pub fn push_front(&self, bytes: Bytes) {
        let mut queue = self.lock();
        // Once it is closing there is nothing to say any more.
        if !queue.corked || queue.closing.is_some() {
            return;
        }
        queue.bytes += bytes.len();
        queue.frames.push_front(bytes);
    }

    /// Lets the bytes flow.
    pub fn uncork(&self) {
        self.lock().corked = false;
        self.flush();
        // The greeting is said, and behind it most have nothing wait again for long.
        self.lock().frames.shrink_to_fit();
    }

    /// Puts bytes in: whole frames. Beyond the bound, and the kernel full, the connection is closed as a slow consumer
    /// instead; so at most the bound and one delivery wait.
    pub fn enqueue(&self, bytes: Bytes) -> EnqueueResult {
        let mut queue = self.lock();
        if queue.closing.is_some() || queue.broken {
            return EnqueueResult::Closed;
        }
        if queue.bytes + bytes.len() > limits::SEND_QUEUE_BYTES_MAX
            || queue.frames.len() >= limits::SEND_QUEUE_FRAMES_MAX
        {
            // Much at once is not slowness: only what the kernel does not take counts.
            queue.blocked = queue.corked || queue.write_to(&self.sink);
            if queue.blocked {
                self.close_slow(&mut queue);
                return EnqueueResult::FlushDue;
            }
        }
        let first = queue.frames.is_empty();
        queue.bytes += bytes.len();
        queue.frames.push_back(bytes);
        // Where the kernel is full nobody flushes, so it is counted here.
        if queue.blocked {
            self.count(&mut queue);
        }
        if first { EnqueueResult::FlushDue } else { EnqueueResult::Queued }
    }

    /// Closes a slow consumer and drops what waits for it.
    fn close_slow(&self, queue: &mut Queue) {
        if queue.corked {
            queue.frames.clear();
        }
        queue.close(Close::SLOW_CONSUMER, true);
        self.memory_budget.recount(&mut queue.counted, queue.bytes);
        self.capacity.notify_waiters();
        self.waker.wake();
    }

    /// Tells the memory_budget what waits; with too much in it, whoever has more than a share of it waiting is given up.
    fn count(&self, queue: &mut Queue) {
        self.memory_budget.recount(&mut queue.counted, queue.bytes);
        if queue.bytes > self.memory_budget.share() && self.memory_budget.is_over() && queue.closing.is_none() {
            self.close_slow(queue);
        }
    }

    /// Puts bytes in and writes what the kernel takes.
    pub fn push(&self, bytes: Bytes) {
        self.write_or_enqueue(&bytes);
    }

    /// Like [`SendQueue::push`], for bytes that many get. Where nothing waits they go straight to the socket, and only what it does
    /// not take goes in.
    pub(super) fn write_or_enqueue(&self, bytes: &Bytes) {
        let mut queue = self.lock();
        if queue.is_idle() {
            // Whatever goes wrong, the flush meets it again.
            let written = self.sink.try_write(&[IoSlice::new(bytes)]).unwrap_or(0);
            if written == bytes.len() {
                return;
            }
            if written > 0 {
                // Under the same lock: nobody may come between a frame's beginning and its end.
                queue.bytes += bytes.len() - written;
                queue.frames.push_back(bytes.slice(written..));
                drop(queue);
                return self.flush();
            }
        }
        drop(queue);
        if self.enqueue(bytes.clone()) == EnqueueResult::FlushDue {
            self.flush();
        }
    }

    /// Pushes what may be lost, unless so much waits already that it would only be in the way.
    pub fn push_ephemeral(&self, bytes: Bytes) {
        let waiting = self.waiting();
        let in_the_way = waiting > limits::EPHEMERAL_BYTES || (waiting > 0 && self.memory_budget.is_over());
        if !in_the_way {
            self.push(bytes);
        }
    }

    /// Puts a close frame behind what waits, and nothing after it. The first close counts. Corked, nothing has been said yet, and
    /// nothing is but goodbye.
    pub fn close(&self, close: Close) {
        let mut queue = self.lock();
        if queue.corked && queue.closing.is_none() {
            queue.frames.clear();
        }
        queue.close(close, false);
        queue.corked = false;
        drop(queue);
        self.flush();
        self.capacity.notify_waiters();
        self.waker.wake();
    }

    /// Puts the answer to the peer's own close behind what waits, and nothing after it.
    pub fn answer_close(&self, answer: Bytes) {
        let mut queue = self.lock();
        if queue.closing.is_none() && !queue.broken {
            queue.bytes += answer.len();
            queue.frames.push_back(answer);
            queue.closing = Some(Close::ANSWERED);
        }
        drop(queue);
        self.flush();
        self.capacity.notify_waiters();
    }

    /// Writes what waits, as far as the kernel takes it.
    pub fn flush(&self) {
        let mut queue = self.lock();
        if queue.corked {
            return;
        }
        let blocked = queue.write_to(&self.sink);
        if queue.bytes < limits::CATCH_UP_BYTES {
            self.capacity.notify_waiters();
        }
        let news = queue.broken || (blocked && !queue.blocked);
        queue.blocked = blocked;
        self.count(&mut queue);
        if news {
            self.waker.wake();
        }
    }

    /// Waits until so little waits that another page may join it, or the connection is closing.
    pub async fn has_capacity(&self) {
        loop {
            let capacity = self.capacity.notified();
            tokio::pin!(capacity);
            capacity.as_mut().enable();
            if self.has_room() {
                return;
            }
            capacity.await;
        }
    }

    fn has_room(&self) -> bool {
        let queue = self.lock();
        queue.bytes < limits::CATCH_UP_BYTES || queue.closing.is_some() || queue.broken
    }

    /// Whether nothing more will be written.
    pub fn is_closing(&self) -> bool {
        let queue = self.lock();
        queue.closing.is_some() || queue.broken
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.lock().bytes
    }

    /// Whether the connection's task has something to do; if not, it is woken when it has. Only one task may ask.
    pub fn poll_wake(&self, cx: &Context<'_>) -> Poll<WakeReason> {
        self.waker.register(cx.waker());
        self.wake_reason().map_or(Poll::Pending, Poll::Ready)
    }

    fn wake_reason(&self) -> Option<WakeReason> {
        let queue = self.lock();
        if queue.broken {
            Some(WakeReason::Broken)
        } else if let Some(close) = queue.closing {
            Some(WakeReason::Closing(close))
        } else {
            queue.blocked.then_some(WakeReason::Blocked)
        }
    }

    /// A panic while the lock was held cannot leave the queue in a state that matters more than going on.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: ?Sized> Drop for SendQueue<S> {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.memory_budget.recount(&mut queue.counted, 0);
    }
}

impl Queue {
    /// Nothing waits, and nothing keeps it from being written.
    fn is_idle(&self) -> bool {
        self.frames.is_empty() && !self.corked && !self.blocked && self.closing.is_none() && !self.broken
    }

    fn close(&mut self, close: Close, drop_waiting: bool) {
        if self.closing.is_some() {
            return;
        }
        if drop_waiting {
            // The front may be half written, and half a frame would turn the close frame into nonsense.
            self.frames.truncate(1);
        }
        self.frames.push_back(framing::close(close.code, close.reason));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
        self.closing = Some(close);
    }

    /// Says whether something is left because the kernel is full.
    fn write_to(&mut self, sink: &(impl Sink + ?Sized)) -> bool {
        while !self.frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); limits::WRITE_SLICES];
            let count = self.frames.len().min(slices.len());
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
            }
            match sink.try_write(&slices[..count]) {
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.broken = true;
                    self.frames.clear();
                    self.bytes = 0;
                }
            }
        }
        // A queue that was long keeps no more memory than a short one.
        self.frames.shrink_to(KEPT);
        false
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(front) = self.frames.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "send_queue_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "send_queue_property_tests.rs"]
mod properties;
