//! The socket of an HTTP client, which the call of a request watches for its client's end while hyper reads and writes.

use std::future::{pending, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::limits;

/// A handle to the socket of an HTTP client. hyper has one, and each request another. All are used by the task of the connection alone, so that
/// nobody ever waits for the lock.
#[derive(Clone)]
pub struct ClientSocket(Arc<Mutex<TcpStream>>);

impl ClientSocket {
    /// Makes the first handle.
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    /// Returns the socket. `None` if there is another handle.
    pub fn into_stream(self) -> Option<TcpStream> {
        Some(Arc::into_inner(self.0)?.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the client has gone: at once if it resets the connection, and after [`limits::ABANDONED_READ_GRACE`] if it closes its sending
    /// side. A client that has sent more than its request is not watched, because its end comes after bytes that only hyper may read.
    ///
    /// The task of the connection polls this, as it polls hyper: a socket wakes only the last one who waits to read.
    pub async fn client_gone(&self) {
        let mut byte = [0];
        match poll_fn(|cx| self.lock().poll_peek(cx, &mut ReadBuf::new(&mut byte))).await {
            Ok(0) => sleep(limits::ABANDONED_READ_GRACE).await,
            Ok(_) => pending().await,
            Err(_) => {}
        }
    }

    /// A panic under the lock leaves a valid socket.
    fn lock(&self) -> MutexGuard<'_, TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_shutdown(cx)
    }
}
