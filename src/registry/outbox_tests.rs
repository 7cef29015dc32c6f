//! Order, corks and slow readers.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Close, Outbox, Put, Sink, Stir};
use crate::limits;
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

#[test]
fn bytes_keep_their_order_over_partial_writes() {
    let kernel = Kernel::default();
    let outbox = Outbox::new(Box::new(kernel.clone()));
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
    let kernel = Kernel::default();
    let outbox = Outbox::new(Box::new(kernel.clone()));
    kernel.allow(100);
    outbox.push(Bytes::from_static(b"hello"));
    outbox.push(Bytes::from_static(b"news"));
    assert_eq!(kernel.taken(), b"");
    outbox.uncork();
    assert_eq!(kernel.taken(), b"hellonews");
}

#[test]
fn a_reader_that_does_not_read_is_closed_and_its_memory_freed() {
    let kernel = Kernel::default();
    let outbox = Outbox::new(Box::new(kernel.clone()));
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
    let kernel = Kernel::default();
    let outbox = Outbox::new(Box::new(kernel.clone()));
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
    let kernel = Kernel::default();
    let outbox = Outbox::new(Box::new(kernel.clone()));
    kernel.allow(100);
    outbox.push(Bytes::from_static(b"news"));
    outbox.lead(Bytes::from_static(b"hello"));
    outbox.uncork();
    assert_eq!(kernel.taken(), b"hellonews");
}
