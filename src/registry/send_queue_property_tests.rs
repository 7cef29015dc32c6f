//! A send queue writes whole frames, in order and bounded, and nothing after a close, however many bytes the kernel takes.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use super::{EnqueueResult, SendQueue, Sink};
use crate::limits;
use crate::registry::{Charge, Holder};
use crate::wire::close::Close;
use crate::wire::framing;

/// Takes the given number of bytes and then blocks. Keeps the bytes taken.
#[derive(Clone, Default)]
struct Kernel(Arc<Mutex<(usize, Vec<u8>)>>);

impl Sink for Kernel {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let (room, taken) = &mut *self.0.lock().expect("not poisoned");
        let before = taken.len();
        for slice in slices {
            let count = slice.len().min(*room);
            taken.extend_from_slice(&slice[..count]);
            *room -= count;
        }
        if taken.len() == before { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken.len() - before) }
    }
}

impl Kernel {
    fn allow(&self, bytes: usize) {
        self.0.lock().expect("not poisoned").0 = bytes;
    }
    fn taken(&self) -> Vec<u8> {
        self.0.lock().expect("not poisoned").1.clone()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue(usize),
    Push(usize),
    PushFront(usize),
    Uncork,
    Flush,
    Allow(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let length =
        || prop_oneof![8 => 1_usize..200, 1 => limits::SEND_QUEUE_BYTES_MAX / 5..limits::SEND_QUEUE_BYTES_MAX / 2];
    prop_oneof![
        4 => length().prop_map(Step::Enqueue),
        8 => length().prop_map(Step::Push),
        1 => length().prop_map(Step::PushFront),
        2 => Just(Step::Uncork),
        4 => Just(Step::Flush),
        4 => prop_oneof![0_usize..400, Just(limits::SEND_QUEUE_BYTES_MAX)].prop_map(Step::Allow),
        1 => Just(Step::Close),
    ]
}

const OTHER: Close = Close { code: 4000, reason: "other" };

/// A frame that differs from all others.
fn frame(number: usize, length: usize) -> Bytes {
    let byte = u8::try_from(number).expect("few steps");
    Bytes::from(vec![byte; length])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn writes_whole_frames_in_order_and_nothing_after_a_close(steps in prop::collection::vec(step(), 1..60)) {
        let kernel = Kernel::default();
        let send_queue = SendQueue::new(kernel.clone(), Charge::new(&Arc::default(), Holder::LOCAL));
        let (mut accepted, mut corked, mut closed, mut longest) = (Vec::new(), true, None, 0);
        for (number, step) in steps.into_iter().enumerate() {
            let was_closing = send_queue.is_closing();
            match step {
                Step::Enqueue(length) | Step::Push(length) => {
                    longest = longest.max(length);
                    if matches!(step, Step::Enqueue(_)) {
                        let result = send_queue.enqueue(frame(number, length));
                        prop_assert_eq!(result == EnqueueResult::Closed, was_closing);
                    } else {
                        send_queue.push(frame(number, length));
                    }
                    match (was_closing, send_queue.is_closing()) {
                        (false, false) => accepted.push(frame(number, length)),
                        (false, true) => closed = Some(Close::SLOW_CONSUMER),
                        (true, _) => {}
                    }
                }
                Step::PushFront(length) => {
                    send_queue.push_front(frame(number, length));
                    if corked && !was_closing {
                        longest = longest.max(length);
                        accepted.insert(0, frame(number, length));
                    }
                }
                Step::Uncork => {
                    send_queue.uncork();
                    corked = false;
                }
                Step::Flush => send_queue.flush(),
                Step::Allow(bytes) => kernel.allow(bytes),
                Step::Close => {
                    if corked && !was_closing {
                        accepted.clear();
                    }
                    send_queue.close(OTHER);
                    closed = closed.or(Some(OTHER));
                    corked = false;
                }
            }
            prop_assert!(send_queue.waiting() <= limits::SEND_QUEUE_BYTES_MAX + 2 * longest + 32, "the bound, the first frame and one delivery");
            if corked {
                prop_assert!(kernel.taken().is_empty());
            } else {
                send_queue.flush();
                let wake = send_queue.poll_wake(&Context::from_waker(Waker::noop()));
                prop_assert!(send_queue.waiting() == 0 || wake.is_ready(), "the connection's task is woken");
            }
        }
        send_queue.uncork();
        let before = kernel.taken();
        kernel.allow(usize::MAX);
        send_queue.flush();
        let written = kernel.taken();
        prop_assert!(written.starts_with(&before) && send_queue.waiting() == 0);
        let close_frame = closed.map(|close| framing::close(close.code, close.reason)).unwrap_or_default();
        let (frames, end) = written.split_at(written.len() - close_frame.len());
        prop_assert_eq!(end, &close_frame[..]);
        let all: Vec<_> = accepted.concat();
        prop_assert!(all.starts_with(frames), "the frames that were enqueued, in order");
        if closed == Some(Close::SLOW_CONSUMER) {
            let mut ends = accepted.iter().scan(0, |end, frame| { *end += frame.len(); Some(*end) });
            prop_assert!(frames.is_empty() || ends.any(|end| end == frames.len()), "a frame that was begun is finished");
        } else {
            prop_assert_eq!(frames.len(), all.len());
        }
    }
}
