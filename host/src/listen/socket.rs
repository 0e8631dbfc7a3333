//! One socket: bound so that it hears its own group or address and nothing else.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use nix::errno::Errno;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Type};

use super::ListenError;
use super::interfaces::Interface;

/// Octets of receive buffer to ask for. Linux gives twice as much, if `net.core.rmem_max` lets it.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket that packets arrive at.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) socket: socket2::Socket,
    pub(super) address: SocketAddr,
    /// Names of the interfaces that the group is joined on, or that the socket is bound to.
    interfaces: Vec<String>,
}

impl Socket {
    /// A socket for an address of this machine, on one interface if it is given.
    pub(super) fn bind(address: &SocketAddr, interface: Option<&Interface>) -> Result<Self, ListenError> {
        if interface.is_none() && is_link_local(address) {
            return Err(ListenError::LinkLocal(*address));
        }
        let open = || {
            let socket = new(address)?;
            if let Some(interface) = interface {
                socket.bind_device(Some(interface.name.as_bytes()))?;
            }
            // Without SO_REUSEADDR: two programs on one unicast address would steal datagrams from each other.
            socket.bind(&SockAddr::from(scoped(address, interface)))?;
            Ok(socket)
        };
        let socket = open().map_err(|error| ListenError::Bind(address.to_string(), error))?;
        let interfaces = interface.into_iter().map(|interface| interface.name.clone()).collect();
        // Port 0 asked for any.
        let address = socket.local_addr().ok().and_then(|bound| bound.as_socket()).unwrap_or(*address);
        Ok(Self { socket, address, interfaces })
    }

    /// A socket for a group, not joined anywhere yet. If it is `alone`, it hears the group on this interface only.
    fn for_group(group: &SocketAddr, interface: &Interface, alone: bool) -> io::Result<Self> {
        let socket = new(group)?;
        if alone {
            socket.bind_device(Some(interface.name.as_bytes()))?;
        }
        // Other programs on this machine may hear the group too; each gets its copy.
        socket.set_reuse_address(true)?;
        // Bound to the group, the socket hears neither unicast nor the groups that other programs joined.
        let address = if is_link_local(group) { scoped(group, Some(interface)) } else { *group };
        socket.bind(&SockAddr::from(address))?;
        match group {
            SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
            SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
        }
        Ok(Self { socket, address: *group, interfaces: Vec::new() })
    }

    /// Joins by index, so that it does not matter which addresses the interface has, or whether it has any.
    fn join(&mut self, interface: &Interface) -> io::Result<()> {
        match self.address.ip() {
            IpAddr::V4(group) => {
                self.socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index))?;
            }
            IpAddr::V6(group) => self.socket.join_multicast_v6(&group, interface.index)?,
        }
        self.interfaces.push(interface.name.clone());
        Ok(())
    }

    /// Octets that the kernel keeps for the socket.
    pub(super) fn receive_buffer(&self) -> usize {
        self.socket.recv_buffer_size().unwrap_or_default()
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        for (place, name) in self.interfaces.iter().enumerate() {
            let before = if place == 0 { " (" } else { ", " };
            write!(f, "{before}{}", super::shown(name))?;
        }
        f.write_str(if self.interfaces.is_empty() { "" } else { ")" })
    }
}

/// Joins a group on an interface that was asked for by name: nothing is to be heard on others.
pub(super) fn join_alone(
    sockets: &mut Vec<Socket>,
    group: &SocketAddr,
    interface: &Interface,
) -> Result<(), ListenError> {
    // An IPv6 socket hears its group on every interface where any program has joined it, an IPv4 socket does not.
    let alone = group.is_ipv6();
    join_with(sockets, group, interface, alone)
}

/// Joins a group on one of all interfaces.
pub(super) fn join(sockets: &mut Vec<Socket>, group: &SocketAddr, interface: &Interface) -> Result<(), ListenError> {
    join_with(sockets, group, interface, is_link_local(group))
}

/// Joins with the last socket of the group if it can take one more membership, or with a new one.
fn join_with(
    sockets: &mut Vec<Socket>,
    group: &SocketAddr,
    interface: &Interface,
    alone: bool,
) -> Result<(), ListenError> {
    let refused = |error| Err(ListenError::Join(group.to_string(), interface.name.clone(), error));
    let mut of_group = sockets.iter_mut().filter(|socket| socket.address == *group);
    if of_group.any(|socket| socket.interfaces.contains(&interface.name)) {
        return Ok(());
    }
    if let Some(last) = sockets.iter_mut().rfind(|socket| socket.address == *group && !alone) {
        match last.join(interface) {
            Ok(()) => return Ok(()),
            // A socket takes only so many memberships (net.ipv4.igmp_max_memberships).
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {}
            Err(error) => return refused(error),
        }
    }
    let mut socket =
        Socket::for_group(group, interface, alone).map_err(|error| ListenError::Bind(group.to_string(), error))?;
    match socket.join(interface) {
        Ok(()) => {
            sockets.push(socket);
            Ok(())
        }
        Err(error) => refused(error),
    }
}

fn new(address: &SocketAddr) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(*address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // Otherwise an IPv6 socket takes the port of the IPv4 one.
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
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
fn is_link_local(address: &SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => {
            let scope = ip.segments()[0] & 0xf;
            ip.is_unicast_link_local() || ip.is_multicast() && (scope == 1 || scope == 2)
        }
    }
}
