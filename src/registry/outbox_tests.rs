//! Order, corks and slow readers.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Backlog, Outbox, Put, Sink, Stir};
use crate::limits;
use crate::wire::close::Close;
use crate::wire::framing;

/// Takes so many bytes and then blocks.
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

fn outbox(backlog: &Arc<Backlog>) -> (Outbox<Kernel>, Kernel) {
    let kernel = Kernel::default();
    (Outbox::new(kernel.clone(), Arc::clone(backlog)), kernel)
}

#[test]
fn bytes_keep_their_order_over_partial_writes() {
    let (outbox, kernel) = outbox(&Arc::default());
    outbox.uncork();
    kernel.allow(4);
    outbox.push(Bytes::from_static(b"abc"));
    outbox.push(Bytes::from_static(b"def"));
    assert_eq!(outbox.put(Bytes::from_static(b"ghi")), Put::Joined);
    assert_eq!(outbox.stir(), Some(Stir::Blocked));
    kernel.allow(100);
    outbox.flush();
    assert_eq!((kernel.taken().as_slice(), outbox.waiting(), outbox.stir()), (&b"abcdefghi"[..], 0, None));
}

#[test]
fn nothing_is_written_while_it_is_corked() {
    let (outbox, kernel) = outbox(&Arc::default());
    kernel.allow(100);
    outbox.push(Bytes::from_static(b"hello"));
    outbox.push(Bytes::from_static(b"news"));
    assert_eq!(kernel.taken(), b"");
    outbox.uncork();
    assert_eq!(kernel.taken(), b"hellonews");
}

#[test]
fn a_reader_that_does_not_read_is_closed_and_its_memory_freed() {
    let (outbox, kernel) = outbox(&Arc::default());
    outbox.uncork();
    let chunk = Bytes::from(vec![b'x'; limits::OUTBOX_BYTES / 4]);
    kernel.allow(10);
    for _ in 0..5 {
        outbox.push(chunk.clone());
    }
    assert_eq!(outbox.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)), "even while the kernel is full");
    assert!(outbox.waiting() <= chunk.len() + 32, "what waited is dropped");
    assert_eq!(outbox.put(chunk.clone()), Put::Closed);
    kernel.allow(usize::MAX);
    outbox.flush();
    let close = framing::close(Close::SLOW_CONSUMER.code, Close::SLOW_CONSUMER.reason);
    assert_eq!(kernel.taken().len(), chunk.len() + close.len(), "the frame that was begun is finished");
    assert!(kernel.taken().ends_with(&close));
    assert_eq!(outbox.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)));
}

#[test]
fn much_at_once_is_not_slowness() {
    let (outbox, kernel) = outbox(&Arc::default());
    outbox.uncork();
    kernel.allow(usize::MAX);
    let chunk = Bytes::from(vec![b'x'; limits::OUTBOX_BYTES / 3]);
    for _ in 0..5 {
        assert_ne!(outbox.put(chunk.clone()), Put::Closed);
    }
    outbox.push(Bytes::from(vec![b'x'; 2 * limits::OUTBOX_BYTES]));
    outbox.flush();
    assert_eq!((outbox.stir(), outbox.waiting()), (None, 0));
    assert_eq!(kernel.taken().len(), 5 * chunk.len() + 2 * limits::OUTBOX_BYTES);
}

#[test]
fn the_first_frame_comes_first() {
    let (outbox, kernel) = outbox(&Arc::default());
    kernel.allow(100);
    outbox.push(Bytes::from_static(b"news"));
    outbox.lead(Bytes::from_static(b"hello"));
    outbox.uncork();
    assert_eq!(kernel.taken(), b"hellonews");
}

#[test]
fn what_waits_is_counted_and_what_is_written_at_once_is_not() {
    let backlog = Arc::default();
    let (outbox, kernel) = outbox(&backlog);
    outbox.push(Bytes::from_static(b"hello"));
    kernel.allow(6);
    outbox.uncork();
    outbox.push(Bytes::from_static(b"news"));
    assert_eq!(backlog.bytes(), 3, "the kernel took one byte of it");
    outbox.push(Bytes::from_static(b"more"));
    assert_eq!((backlog.bytes(), outbox.waiting()), (7, 7));
    kernel.allow(5);
    outbox.flush();
    assert_eq!(backlog.bytes(), 2);
    drop(outbox);
    assert_eq!(backlog.bytes(), 0, "it takes its own along");
}

#[test]
fn beyond_what_all_may_hold_whoever_has_more_than_a_share_is_closed_when_it_changes() {
    let backlog = Arc::new(Backlog::new(1_000));
    let stuck = |bytes: usize| {
        let (outbox, kernel) = outbox(&backlog);
        outbox.uncork();
        outbox.push(vec![b'x'; bytes].into());
        (outbox, kernel)
    };
    let (large, other) = (stuck(600), stuck(400));
    assert_eq!((backlog.bytes(), large.0.stir(), other.0.stir()), (1_000, Some(Stir::Blocked), Some(Stir::Blocked)));
    large.0.push(Bytes::from_static(b"more"));
    assert_eq!(large.0.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)), "it wanted more than there is");
    let (healthy, kernel) = outbox(&backlog);
    healthy.uncork();
    kernel.allow(usize::MAX);
    healthy.push(vec![b'x'; 5_000].into());
    assert_eq!((healthy.stir(), healthy.waiting()), (None, 0), "whoever reads notices nothing");
    let late = stuck(600);
    assert_eq!(late.0.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)), "nor may one that begins to wait");
    assert_eq!(other.0.stir(), Some(Stir::Blocked), "whoever does not change is left alone");
    drop((large, late));
    assert_eq!(backlog.bytes(), 400);
    other.0.push(vec![b'x'; 500].into());
    assert_eq!(other.0.stir(), Some(Stir::Blocked), "there is room again");
}

#[test]
fn a_share_is_kept_whatever_all_hold() {
    let backlog = Arc::new(Backlog::new(10 * limits::SOCKETS));
    let greedy: Vec<_> = (0..2)
        .map(|_| {
            let (outbox, kernel) = outbox(&backlog);
            outbox.uncork();
            outbox.push(vec![b'x'; 5 * limits::SOCKETS].into());
            (outbox, kernel)
        })
        .collect();
    let (modest, _kernel) = outbox(&backlog);
    modest.uncork();
    modest.push(Bytes::from_static(b"0123456789"));
    assert_eq!((modest.stir(), backlog.bytes()), (Some(Stir::Blocked), 10 * limits::SOCKETS + 10));
    modest.push(Bytes::from_static(b"!"));
    assert_eq!(modest.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)));
    assert!(greedy.iter().all(|(outbox, _)| !outbox.is_closing()));
}

#[test]
fn what_may_be_lost_is_dropped_where_much_waits() {
    let backlog = Arc::new(Backlog::new(limits::OUTBOX_BYTES));
    let (outbox, kernel) = outbox(&backlog);
    outbox.uncork();
    outbox.push(vec![b'x'; limits::EPHEMERAL_BYTES].into());
    outbox.push_ephemeral(Bytes::from_static(b"presence"));
    outbox.push_ephemeral(Bytes::from_static(b"typing"));
    outbox.push(Bytes::from_static(b"event"));
    kernel.allow(usize::MAX);
    outbox.flush();
    assert!(kernel.taken().ends_with(b"xpresenceevent"));
    outbox.push_ephemeral(Bytes::from_static(b"typing"));
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
fn those_who_push_at_once_do_not_cut_into_one_another() {
    const FRAMES: usize = 2_000;
    const LENGTH: usize = 8;
    let sips = Arc::new(Sips::default());
    let outbox = Outbox::new(Arc::clone(&sips), Arc::default());
    outbox.uncork();
    std::thread::scope(|scope| {
        for letter in [b'a', b'b', b'c'] {
            let frame = Bytes::from(vec![letter; LENGTH]);
            let outbox = &outbox;
            scope.spawn(move || {
                for _ in 0..FRAMES {
                    outbox.push(frame.clone());
                    // So that the next one, too, finds it idle as a rule.
                    outbox.flush();
                }
            });
        }
    });
    while outbox.waiting() > 0 {
        outbox.flush();
    }
    let taken = &sips.0.lock().expect("not poisoned").1;
    assert_eq!(taken.len(), 3 * FRAMES * LENGTH);
    assert!(taken.chunks(LENGTH).all(|frame| frame.iter().all(|letter| *letter == frame[0])), "each frame is whole");
}

#[test]
fn many_small_frames_are_much_as_well() {
    for corked in [true, false] {
        let (outbox, _kernel) = outbox(&Arc::default());
        if !corked {
            outbox.uncork();
        }
        for _ in 0..limits::OUTBOX_FRAMES {
            outbox.push(Bytes::from_static(b"\x8A\0"));
        }
        assert!(!outbox.is_closing());
        outbox.push(Bytes::from_static(b"\x8A\0"));
        assert_eq!(outbox.stir(), Some(Stir::Closing(Close::SLOW_CONSUMER)), "corked: {corked}");
    }
}
