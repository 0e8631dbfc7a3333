//! Joining and leaving groups, always by interface index, so that it does not matter which addresses an interface has.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{SetSockOpt, setsockopt};
use socket2::{InterfaceIndexOrAddress, Socket};

mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    use super::GroupSource;

    sockopt_impl!(JoinSourceV4, SetOnly, libc::IPPROTO_IP, libc::MCAST_JOIN_SOURCE_GROUP, GroupSource);
    sockopt_impl!(JoinSourceV6, SetOnly, libc::IPPROTO_IPV6, libc::MCAST_JOIN_SOURCE_GROUP, GroupSource);
    sockopt_impl!(LeaveSourceV4, SetOnly, libc::IPPROTO_IP, libc::MCAST_LEAVE_SOURCE_GROUP, GroupSource);
    sockopt_impl!(LeaveSourceV6, SetOnly, libc::IPPROTO_IPV6, libc::MCAST_LEAVE_SOURCE_GROUP, GroupSource);
}

/// Joins `group` on the interface with this index, and hears only `source` there if one is given.
pub(super) fn join(socket: &Socket, group: IpAddr, source: Option<IpAddr>, index: u32) -> io::Result<()> {
    match (group, source) {
        (IpAddr::V4(group), None) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
        (IpAddr::V6(group), None) => socket.join_multicast_v6(&group, index),
        (IpAddr::V4(_), Some(source)) => set(socket, option::JoinSourceV4, group, source, index),
        (IpAddr::V6(_), Some(source)) => set(socket, option::JoinSourceV6, group, source, index),
    }
}

/// Leaves `group` there. The interface may be gone: the membership is the socket's, and there are only so many of them.
pub(super) fn leave(socket: &Socket, group: IpAddr, source: Option<IpAddr>, index: u32) {
    // Where the kernel has forgotten it already, it is left.
    let _ = match (group, source) {
        (IpAddr::V4(group), None) => socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
        (IpAddr::V6(group), None) => socket.leave_multicast_v6(&group, index),
        (IpAddr::V4(_), Some(source)) => set(socket, option::LeaveSourceV4, group, source, index),
        (IpAddr::V6(_), Some(source)) => set(socket, option::LeaveSourceV6, group, source, index),
    };
}

fn set(
    socket: &Socket,
    option: impl SetSockOpt<Val = GroupSource>,
    group: IpAddr,
    source: IpAddr,
    index: u32,
) -> io::Result<()> {
    setsockopt(socket, option, &GroupSource { index, group: group.into(), source: source.into() })?;
    Ok(())
}

/// The kernel's `struct group_source_req`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(unreachable_pub, reason = "it is the value of options, which are")]
pub struct GroupSource {
    index: u32,
    group: Storage,
    source: Storage,
}

/// The kernel's `struct sockaddr_storage`: 128 octets, aligned like a pointer.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Storage([usize; 128 / size_of::<usize>()]);

impl From<IpAddr> for Storage {
    fn from(ip: IpAddr) -> Self {
        let address = socket2::SockAddr::from(SocketAddr::new(ip, 0));
        let mut octets = [0; 128];
        let family = address.family().to_ne_bytes();
        octets[..family.len()].copy_from_slice(&family);
        // Family and port take four octets; in IPv6 there is the flow label, too.
        match ip {
            IpAddr::V4(ip) => octets[4..8].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => octets[8..24].copy_from_slice(&ip.octets()),
        }
        let mut words = octets.chunks_exact(size_of::<usize>());
        Self(std::array::from_fn(|_| {
            let word = words.next().and_then(|word| word.try_into().ok()).unwrap_or_default();
            usize::from_ne_bytes(word)
        }))
    }
}
