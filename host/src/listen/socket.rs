//! One socket: bound so that it hears its own group or address and nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::drops::{self, Drops};
use super::interfaces::Interface;

/// A socket that packets arrive at.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) socket: socket2::Socket,
    /// The group, or the address that it is bound to.
    pub(super) address: SocketAddr,
    /// Octets that the kernel keeps for it.
    pub(super) buffer: usize,
    pub(super) drops: Drops,
}

impl Socket {
    /// A socket for an address of this machine, on one interface if it is given.
    pub(super) fn bind(address: &SocketAddr, interface: Option<&Interface>, buffer: usize) -> io::Result<Self> {
        let socket = new(address)?;
        if let Some(interface) = interface {
            socket.bind_device(Some(interface.name.as_bytes()))?;
        }
        // Without SO_REUSEADDR: two programs on one unicast address would steal datagrams from each other.
        socket.bind(&SockAddr::from(scoped(address, interface)))?;
        // Port 0 asked for any.
        let address = socket.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(*address);
        Ok(Self::ready(socket, address, buffer))
    }

    /// A socket for a group, not joined anywhere yet. If it is `alone`, it hears the group on this interface only.
    pub(super) fn for_group(group: &SocketAddr, interface: &Interface, alone: bool, buffer: usize) -> io::Result<Self> {
        let socket = new(group)?;
        if alone {
            socket.bind_device(Some(interface.name.as_bytes()))?;
        }
        // Other programs on this machine may hear the group too; each gets its copy.
        socket.set_reuse_address(true)?;
        // Bound to the group, the socket hears neither unicast nor the groups that other programs joined.
        let address = if is_link_local(group) { scoped(group, Some(interface)) } else { *group };
        socket.bind(&SockAddr::from(address))?;
        Ok(Self::ready(socket, *group, buffer))
    }

    fn ready(socket: socket2::Socket, address: SocketAddr, buffer: usize) -> Self {
        drops::tell(&socket);
        let buffer = ask_for_buffer(&socket, buffer);
        Self { socket, address, buffer, drops: Drops::default() }
    }

    /// Has the counter of drops up to date.
    pub(super) fn ask_for_drops(&self) {
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

fn new(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(*address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // Otherwise an IPv6 socket takes the port of the IPv4 one.
        socket.set_only_v6(true)?;
    }
    // What others have joined is theirs, though a socket for any address would hear it.
    match address {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    Ok(socket)
}

/// The address with the interface as its scope, where the address means nothing without.
fn scoped(address: &SocketAddr, interface: Option<&Interface>) -> SocketAddr {
    match (address, interface) {
        (SocketAddr::V6(v6), Some(interface)) if is_link_local(address) => {
            SocketAddrV6::new(*v6.ip(), v6.port(), v6.flowinfo(), interface.index).into()
        }
        _ => *address,
    }
}

/// Whether the address is of IPv6's link-local or interface-local scope, unicast or group.
pub(crate) fn is_link_local(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => {
            let scope = ip.segments()[0] & 0xf;
            ip.is_unicast_link_local() || ip.is_multicast() && (scope == 1 || scope == 2)
        }
    }
}
