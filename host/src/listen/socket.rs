//! One socket: bound so that it hears its own group or address and nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use collectd_tap_stream::intake::Socket;
use socket2::{Domain, Protocol, SockAddr, Type};

use super::interfaces::Interface;

/// A socket for an address of this machine, on one interface if it is given.
pub(super) fn bind(address: &SocketAddr, interface: Option<&Interface>, buffer: usize) -> io::Result<Socket> {
    let socket = new(address)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.name.as_bytes()))?;
    }
    // Without SO_REUSEADDR: two programs on one unicast address would steal datagrams from each other.
    socket.bind(&SockAddr::from(scoped(address, interface)))?;
    // Port 0 asked for any.
    let address = socket.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(*address);
    Ok(Socket::new(socket, address, buffer))
}

/// A socket for a group, not joined anywhere yet. If it is `alone`, it hears the group on this interface only.
pub(super) fn for_group(group: &SocketAddr, interface: &Interface, alone: bool, buffer: usize) -> io::Result<Socket> {
    let socket = new(group)?;
    if alone {
        socket.bind_device(Some(interface.name.as_bytes()))?;
    }
    // Other programs on this machine may hear the group too; each gets its copy.
    socket.set_reuse_address(true)?;
    // Bound to the group, the socket hears neither unicast nor the groups that other programs joined.
    let address = if is_link_local(group) { scoped(group, Some(interface)) } else { *group };
    socket.bind(&SockAddr::from(address))?;
    Ok(Socket::new(socket, *group, buffer))
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
