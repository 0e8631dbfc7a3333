//! The network interfaces of this machine.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use collectd_tap_stream::intake::socket_address;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

/// A network interface.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) flags: InterfaceFlags,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Whether anything can arrive at an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    /// Switched on, and connected to nothing.
    NoCarrier,
    /// Switched off.
    Down,
}

impl Interface {
    /// Whether multicast may arrive here: it is up and can do multicast, or is the loopback.
    pub(crate) fn hears_groups(&self) -> bool {
        self.flags.contains(InterfaceFlags::IFF_UP)
            && self.flags.intersects(InterfaceFlags::IFF_MULTICAST | InterfaceFlags::IFF_LOOPBACK)
    }

    pub(super) fn link(&self) -> Link {
        match self.flags {
            flags if !flags.contains(InterfaceFlags::IFF_UP) => Link::Down,
            flags if !flags.contains(InterfaceFlags::IFF_RUNNING) => Link::NoCarrier,
            _ => Link::Up,
        }
    }

    /// Whether this is one of its addresses.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }
}

/// All interfaces, with an address or without.
pub(crate) fn all() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for address in getifaddrs()? {
        let ip = address.address.and_then(socket_address).map(|address| address.ip());
        let name = address.interface_name;
        if let Some(known) = interfaces.iter_mut().find(|known| known.name == name) {
            known.addresses.extend(ip);
            continue;
        }
        // One that has gone since the list was made has no index any more; an alias (eth0:1) never had.
        if let Ok(index) = if_nametoindex(name.as_str()) {
            interfaces.push(Interface { name, index, flags: address.flags, addresses: ip.into_iter().collect() });
        }
    }
    Ok(interfaces)
}

/// Hears from the kernel that an interface or an address has come, gone or changed.
///
/// What has changed is found by looking at all interfaces again; what is told serves as the signal. Only that an interface is gone
/// is taken from there, because another of its name and index may have followed at once.
#[derive(Debug)]
pub(super) struct Changes(OwnedFd);

impl Changes {
    pub(super) fn watch() -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups.unsigned_abs()))?;
        Ok(Self(fd))
    }

    /// Reads everything that was told: whether that was anything, and the indices of the interfaces that are gone.
    pub(super) fn read(&self) -> (bool, Vec<u32>) {
        let mut buffer = [0; 32 << 10];
        let (mut any, mut gone) = (false, Vec::new());
        loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) | Err(Errno::EAGAIN) => return (any, gone),
                Ok(len) => gone.extend(gone_links(buffer.get(..len).unwrap_or_default())),
                Err(Errno::EINTR) => continue,
                // More was told than the kernel keeps.
                Err(Errno::ENOBUFS) => {}
                Err(_) => return (any, gone),
            }
            any = true;
        }
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The interfaces of which these messages (`struct nlmsghdr`, `struct ifinfomsg`) say that they are gone.
fn gone_links(mut messages: &[u8]) -> Vec<u32> {
    const HEADER: usize = 16;
    let mut gone = Vec::new();
    while let Some(len) = messages.first_chunk().map(|len| u32::from_ne_bytes(*len)) {
        let Some((message, rest)) = usize::try_from(len).ok().and_then(|len| messages.split_at_checked(len)) else {
            break;
        };
        let kind = message.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes);
        let family = message.get(HEADER);
        let index = message.get(HEADER + 4..HEADER + 8).and_then(|index| index.try_into().ok());
        // The family of bridges says that the interface is no longer a port of one.
        if let (Some(libc::RTM_DELLINK), Some(0), Some(index)) = (kind, family, index) {
            gone.push(u32::from_ne_bytes(index));
        }
        // Messages begin at multiples of four. One without a header ends it.
        let gap = message.len().wrapping_neg() % 4;
        messages = if message.len() < HEADER { &[] } else { rest.get(gap..).unwrap_or_default() };
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, index: u32, padding: usize) -> Vec<u8> {
        let len = u32::try_from(32 + padding).expect("it is short").to_ne_bytes();
        let mut message = [&len[..], &kind.to_ne_bytes(), &[0; 10], &[family, 0, 0, 0], &index.to_ne_bytes()].concat();
        message.resize(32 + padding, 0);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn links_that_are_gone_are_found_among_messages() {
        let messages = [
            message(libc::RTM_NEWLINK, 0, 7, 0),
            message(libc::RTM_DELLINK, 0, 8, 1),
            message(libc::RTM_DELLINK, 7, 9, 0),
            message(libc::RTM_DELLINK, 0, 10, 6),
        ]
        .concat();
        assert_eq!(gone_links(&messages), [8, 10]);
        // Whatever is cut off, what is there is read and nothing else.
        for len in 0..messages.len() {
            assert!(gone_links(&messages[..len]).len() <= 2);
        }
        assert_eq!(gone_links(&[0; 64]), [0; 0]);
    }

    #[test]
    fn the_loopback_is_among_all() {
        assert!(all().expect("a list").iter().any(|interface| interface.name == "lo" && interface.index > 0));
    }

    #[test]
    fn a_link_is_up_when_it_is_switched_on_and_connected() {
        let link = |flags| Interface { name: "eth0".into(), index: 1, flags, addresses: Vec::new() }.link();
        let (up, running) = (InterfaceFlags::IFF_UP, InterfaceFlags::IFF_RUNNING);
        let links = [up | running, up, running, InterfaceFlags::empty()].map(link);
        assert_eq!(links, [Link::Up, Link::NoCarrier, Link::Down, Link::Down]);
    }
}
