//! SendQueue: one connection's bounded queue of bytes to write. Nothing else writes to the connection's socket.
//!
//! A send queue begins corked: it writes nothing before the connection is subscribed to all its conversations, so that `hello` is
//! true when the client reads it. A task that has bytes for the client enqueues and flushes. A flush writes straight to the socket,
//! everything that waits in one `writev`. Only when the kernel takes no more is the connection's own task woken. It flushes again
//! when the socket can be written.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use super::{Charge, Holder};
use crate::domain::UserId;
use crate::limits;
use crate::wire::close::Close;
use crate::wire::framing;

/// The capacity, in frames, that a queue keeps after it was emptied. Mostly one delivery waits.
const IDLE_CAPACITY: usize = 4;

/// A non-blocking socket.
pub trait Sink: Send + Sync {
    /// Writes the bytes that the kernel takes now. Fails with `WouldBlock` if it takes none.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (**self).try_write(slices)
    }
}

/// The result of [`SendQueue::enqueue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnqueueResult {
    /// The caller must flush: nothing waited before, or a close frame was enqueued.
    FlushDue,
    /// Other bytes wait already, for a flush or for the kernel.
    Queued,
    /// The connection is closing and writes nothing more. The bytes are dropped.
    Closed,
}

/// The queue and its socket. They lie side by side in memory, because a delivery to many recipients needs both.
pub struct SendQueue<S: ?Sized = dyn Sink> {
    queue: Mutex<Queue>,
    /// Wakes the connection's task when the kernel takes no more or the connection is closing.
    waker: AtomicWaker,
    /// Notifies a catch-up that waits for room for its next page.
    capacity: Notify,
    sink: S,
}

struct Queue {
    /// Nothing may be written yet.
    corked: bool,
    frames: VecDeque<Bytes>,
    /// The bytes that are to be written.
    bytes: usize,
    /// The bytes of the first frame that are written. They stay in memory until the whole frame is.
    written: usize,
    /// The bytes that are charged: those that stay in memory because the kernel takes no more.
    charged: usize,
    /// The charge to the memory budget of the node. In memory of its own, because a delivery to many recipients reads the queue of each, and
    /// seldom this.
    charge: Box<Charge>,
    /// The kernel took no more. The connection's task flushes when the socket can be written.
    blocked: bool,
    /// The close frame is in the queue, and nothing is enqueued after it.
    closing: Option<Close>,
    /// A write to the socket failed.
    broken: bool,
}

/// The reason for which the connection's task was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// The kernel takes no more: wait until the socket can be written, then flush.
    Blocked,
    /// The server closes the connection. The bytes that wait are still written, if the client reads them in time.
    Closing(Close),
    /// A write to the socket failed.
    Broken,
}

impl<S: Sink> SendQueue<S> {
    /// Makes an empty, corked send queue.
    pub fn new(sink: S, charge: Charge) -> Self {
        let queue = Queue {
            corked: true,
            frames: VecDeque::new(),
            bytes: 0,
            written: 0,
            charged: 0,
            charge: Box::new(charge),
            blocked: false,
            closing: None,
            broken: false,
        };
        Self { queue: Mutex::new(queue), waker: AtomicWaker::new(), capacity: Notify::new(), sink }
    }

    /// The socket.
    pub fn sink(&self) -> &S {
        &self.sink
    }
}

impl<S: Sink + ?Sized> SendQueue<S> {
    /// Puts the connection's first frame before all frames that were enqueued while it was made.
    pub fn push_front(&self, bytes: Bytes) {
        let mut queue = self.lock();
        // A connection that is closing sends no first frame.
        if !queue.corked || queue.closing.is_some() {
            return;
        }
        queue.bytes += bytes.len();
        queue.frames.push_front(bytes);
    }

    /// Uncorks the queue and writes what waits.
    pub fn uncork(&self) {
        self.lock().corked = false;
        self.flush();
        // After the first frames most queues stay empty for long.
        self.lock().frames.shrink_to_fit();
    }

    /// Enqueues bytes, which are whole frames. Closes the connection as a slow consumer instead if the queue is full and the kernel
    /// takes no more. At most the bound of the queue and one delivery wait.
    pub fn enqueue(&self, bytes: Bytes) -> EnqueueResult {
        let mut queue = self.lock();
        if queue.closing.is_some() || queue.broken {
            return EnqueueResult::Closed;
        }
        if queue.bytes + bytes.len() > limits::SEND_QUEUE_BYTES_MAX
            || queue.frames.len() >= limits::SEND_QUEUE_FRAMES_MAX
        {
            // Many bytes at once do not make a slow consumer: only the bytes that the kernel does not take count.
            queue.blocked = queue.corked || queue.write_to(&self.sink);
            if queue.blocked {
                self.close_slow(&mut queue);
                return EnqueueResult::FlushDue;
            }
        }
        let was_empty = queue.frames.is_empty();
        queue.bytes += bytes.len();
        queue.frames.push_back(bytes);
        // While the kernel takes no more, no flush follows that would count the bytes.
        if queue.blocked {
            self.count(&mut queue);
        }
        if was_empty { EnqueueResult::FlushDue } else { EnqueueResult::Queued }
    }

    /// Closes the connection as a slow consumer and drops what waits for it.
    fn close_slow(&self, queue: &mut Queue) {
        if queue.corked {
            queue.frames.clear();
        }
        queue.close(Close::SLOW_CONSUMER, true);
        queue.recharge();
        self.capacity.notify_waiters();
        self.waker.wake();
    }

    /// Charges the bytes that wait. Closes the connection as a slow consumer if its user, its network or the node has no room for them.
    fn count(&self, queue: &mut Queue) {
        if !queue.recharge() && queue.closing.is_none() {
            self.close_slow(queue);
        }
    }

    /// Charges the bytes of this connection to a user too.
    pub fn set_user(&self, user_id: UserId) {
        self.lock().charge.set_user(user_id);
    }

    /// The user and the network that the connection's memory is charged to.
    pub(super) fn holder(&self) -> Holder {
        self.lock().charge.holder()
    }

    /// Enqueues bytes, and writes what the kernel takes.
    pub fn push(&self, bytes: Bytes) {
        self.write_or_enqueue(&bytes);
    }

    /// Like [`SendQueue::push`], for bytes with many recipients. If nothing waits, writes straight to the socket and enqueues only
    /// the rest that the kernel does not take.
    pub(super) fn write_or_enqueue(&self, bytes: &Bytes) {
        let mut queue = self.lock();
        if queue.is_idle() {
            // A failure comes up again in the flush.
            let written = self.sink.try_write(&[IoSlice::new(bytes)]).unwrap_or(0);
            if written == bytes.len() {
                return;
            }
            if written > 0 {
                // Under the same lock, so that no other frame comes between this one's beginning and its end.
                queue.bytes += bytes.len() - written;
                queue.written = written;
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

    /// Pushes a frame that may be lost. Drops it if more than [`limits::EPHEMERAL_QUEUED_BYTES_MAX`] wait, or if anything waits while the memory
    /// budget is scarce.
    pub fn push_ephemeral(&self, bytes: Bytes) {
        let queue = self.lock();
        let is_congested =
            queue.bytes > limits::EPHEMERAL_QUEUED_BYTES_MAX || (queue.bytes > 0 && queue.charge.budget().is_scarce());
        drop(queue);
        if !is_congested {
            self.push(bytes);
        }
    }

    /// Enqueues a close frame after what waits. Nothing is enqueued after it. Only the first close counts. A corked queue has written
    /// nothing yet: its frames are dropped, and the close frame is the only one that the client gets.
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

    /// Enqueues the answer to the client's close frame after what waits. Nothing is enqueued after it.
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

    /// Writes as much of what waits as the kernel takes.
    pub fn flush(&self) {
        let mut queue = self.lock();
        if queue.corked {
            return;
        }
        let blocked = queue.write_to(&self.sink);
        if queue.bytes < limits::CATCH_UP_QUEUED_BYTES_MAX {
            self.capacity.notify_waiters();
        }
        let must_wake = queue.broken || (blocked && !queue.blocked);
        queue.blocked = blocked;
        self.count(&mut queue);
        if must_wake {
            self.waker.wake();
        }
    }

    /// Waits until fewer than [`limits::CATCH_UP_QUEUED_BYTES_MAX`] bytes wait, so that another page may be enqueued, or until the connection is
    /// closing.
    pub async fn has_capacity(&self) {
        loop {
            let capacity = self.capacity.notified();
            tokio::pin!(capacity);
            capacity.as_mut().enable();
            if self.has_capacity_now() {
                return;
            }
            capacity.await;
        }
    }

    fn has_capacity_now(&self) -> bool {
        let queue = self.lock();
        queue.bytes < limits::CATCH_UP_QUEUED_BYTES_MAX || queue.closing.is_some() || queue.broken
    }

    /// Returns the close frame with which the server closes the connection, if it does.
    pub fn closing(&self) -> Option<Close> {
        self.lock().closing
    }

    /// Returns true if nothing more can be enqueued.
    pub fn is_closing(&self) -> bool {
        let queue = self.lock();
        queue.closing.is_some() || queue.broken
    }

    /// The number of bytes that wait.
    pub fn waiting(&self) -> usize {
        self.lock().bytes
    }

    /// Returns the reason for which the connection's task must run. If there is none, the task is woken when there is one. Only one
    /// task may poll.
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

    /// Recovers the lock after a panic: the queue stays usable.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Charges the memory of what waits. Returns false if there is no room for it.
    fn recharge(&mut self) -> bool {
        let held = self.bytes + self.written;
        if held != self.charged {
            if !self.charge.resize(held) {
                return false;
            }
            self.charged = held;
        }
        true
    }

    /// Returns true if nothing waits, and new bytes may be written at once.
    fn is_idle(&self) -> bool {
        self.frames.is_empty() && !self.corked && !self.blocked && self.closing.is_none() && !self.broken
    }

    fn close(&mut self, close: Close, drop_waiting: bool) {
        if self.closing.is_some() {
            return;
        }
        if drop_waiting {
            // The first frame may be half written, and after half a frame the client could not read the close frame.
            self.frames.truncate(1);
        }
        self.frames.push_back(framing::close(close.code, close.reason));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
        self.closing = Some(close);
    }

    /// Writes as much as the kernel takes. Returns true if frames are left because it takes no more.
    fn write_to(&mut self, sink: &(impl Sink + ?Sized)) -> bool {
        while !self.frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); limits::WRITE_SLICES_MAX];
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
                    (self.bytes, self.written) = (0, 0);
                }
            }
        }
        // An emptied queue keeps little memory, however long it was.
        self.frames.shrink_to(IDLE_CAPACITY);
        false
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(front) = self.frames.front_mut() {
            if written < front.len() {
                front.advance(written);
                self.written += written;
                return;
            }
            written -= front.len();
            self.frames.pop_front();
            self.written = 0;
        }
    }
}

#[cfg(test)]
#[path = "send_queue_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "send_queue_property_tests.rs"]
mod properties;
