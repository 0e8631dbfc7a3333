//! A socket beside all that a listener has: it hears one group on one interface, for whoever sends there.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{if_indextoname, if_nametoindex};

use super::interfaces::{self, Interface};
use super::{membership, socket, socket::is_link_local};

/// A socket that never blocks, and the interface that it is on.
#[derive(Debug)]
pub(crate) struct Ear {
    pub(crate) socket: UdpSocket,
    interface: Interface,
}

impl Ear {
    /// Whether its interface is still there; another may have got the name.
    pub(crate) fn is_alive(&self) -> bool {
        if_nametoindex(self.interface.name.as_str()) == Ok(self.interface.index)
    }
}

/// A socket that hears this group on this interface, or where packets to the group leave the machine.
pub(crate) fn overhear(group: &SocketAddr, interface: Option<&str>, buffer: usize) -> io::Result<Ear> {
    let name = match interface {
        Some(name) => name.to_owned(),
        None => way_out(group)?,
    };
    let interface = interfaces::all()?.into_iter().find(|interface| interface.name == name);
    let interface = interface.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    // Alone, because an IPv6 socket would hear the group on all interfaces that anybody has joined it on.
    let socket = socket::for_group(group, &interface, true, buffer)?.socket;
    membership::join(&socket, group.ip(), None, interface.index)?;
    socket.set_nonblocking(true)?;
    Ok(Ear { socket: socket.into(), interface })
}

/// The interface that packets to this group leave by, when nothing is said about it.
fn way_out(group: &SocketAddr) -> io::Result<String> {
    let unknown = || io::Error::from(io::ErrorKind::NotFound);
    if let SocketAddr::V6(v6) = group
        && is_link_local(group)
        && v6.scope_id() != 0
    {
        return name_of(v6.scope_id());
    }
    let any: IpAddr = if group.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    // Nothing is sent; the kernel only looks up the way.
    socket.connect(group)?;
    let from = socket.local_addr()?;
    if let SocketAddr::V6(v6) = from
        && v6.scope_id() != 0
    {
        return name_of(v6.scope_id());
    }
    let has = |address: &nix::ifaddrs::InterfaceAddress| match (address.address.as_ref(), from.ip()) {
        (Some(address), IpAddr::V4(ip)) => address.as_sockaddr_in().is_some_and(|v4| v4.ip() == ip),
        (Some(address), IpAddr::V6(ip)) => address.as_sockaddr_in6().is_some_and(|v6| v6.ip() == ip),
        (None, _) => false,
    };
    getifaddrs()?.find(has).map(|address| address.interface_name).ok_or_else(unknown)
}

fn name_of(index: u32) -> io::Result<String> {
    let name = if_indextoname(index)?;
    name.into_string().map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_to_a_group_are_overheard_where_they_leave() {
        let group: SocketAddr = "239.255.77.1:27001".parse().expect("a group");
        let ear = overhear(&group, Some("lo"), 1 << 16).expect("the loopback is there");
        let sender = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
        sender.set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).expect("it has this address");
        sender.send_to(b"there", &group.into()).expect("the loopback takes everything");
        let mut buffer = [0; 10];
        let heard = loop {
            match ear.socket.recv(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                heard => break heard,
            }
        };
        assert_eq!(heard.ok(), Some(5));
        assert!(ear.is_alive());
        assert!(overhear(&group, Some("nosuch0"), 1 << 16).is_err());
    }
}
