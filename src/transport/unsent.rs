//! The bound of what the kernel keeps of an answer that its client does not read.

use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

use crate::limits;

/// Makes the kernel take few bytes that it cannot send yet. The others wait in the process, where they are charged to their client.
pub fn bound_unsent_bytes(socket: &TcpStream) -> io::Result<()> {
    set(socket, limits::HTTP_UNSENT_BYTES_MAX)
}

/// Removes the bound from a socket that has become a WebSocket: the kernel's buffer lets a client that reads, but not at this moment, get more
/// than its send queue holds.
pub fn unbound_unsent_bytes(socket: &TcpStream) -> io::Result<()> {
    // The setting of the system, which is no bound by default.
    set(socket, 0)
}

#[cfg(target_os = "linux")]
fn set(socket: &TcpStream, bytes: u32) -> io::Result<()> {
    SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}

#[cfg(not(target_os = "linux"))]
fn set(_: &TcpStream, _: u32) -> io::Result<()> {
    Ok(())
}
