//! A socket that packets arrive at.

use std::net::SocketAddr;

use nix::sys::socket::{SockaddrStorage, setsockopt, sockopt};

use super::drops::{self, Drops};

/// A socket that packets arrive at.
#[derive(Debug)]
pub struct Socket {
    /// The socket, bound.
    pub socket: socket2::Socket,
    /// The group, or the address that it is bound to.
    pub address: SocketAddr,
    /// Octets that the kernel keeps for it.
    pub buffer: usize,
    /// What the kernel dropped there.
    pub drops: Drops,
}

impl Socket {
    /// Makes a socket ready that is bound to `address`, and asks for so many octets of receive buffer.
    #[must_use]
    pub fn new(socket: socket2::Socket, address: SocketAddr, buffer: usize) -> Self {
        drops::tell(&socket);
        let buffer = ask_for_buffer(&socket, buffer);
        Self { socket, address, buffer, drops: Drops::default() }
    }

    /// Has the counter of drops up to date.
    pub fn ask_for_drops(&self) {
        self.drops.ask(&self.socket);
    }
}

/// Asks for so many octets of receive buffer, and tells how many are granted.
///
/// Linux doubles what it is asked for, because what it keeps of each datagram besides the octets counts, too.
fn ask_for_buffer(socket: &socket2::Socket, octets: usize) -> usize {
    let granted = || socket.recv_buffer_size().unwrap_or_default();
    // It may refuse numbers beyond 31 bits; what was granted says it all.
    let _ = socket.set_recv_buffer_size(octets);
    if granted() < octets.saturating_mul(2) {
        // Whoever may administer the network is not bound by net.core.rmem_max.
        let _ = setsockopt(socket, sockopt::RcvBufForce, &octets);
    }
    granted()
}

/// The kernel's form of an address as ours; `None` if it is of another family.
#[must_use]
pub fn socket_address(address: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}
