//! One socket that sends to one address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use collectd_tap_stream::transmit;
use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::Server;
use crate::listen::is_link_local;

/// How long a packet waits for room in the kernel's send buffer.
const PATIENCE: Duration = Duration::from_secs(1);

mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(
        /// The interface that packets to groups leave through, by its index.
        Ipv4MulticastInterface,
        SetOnly,
        libc::IPPROTO_IP,
        libc::IP_MULTICAST_IF,
        libc::ip_mreqn
    );
}

/// A socket, and where its packets go.
#[derive(Debug)]
pub(super) struct Socket {
    socket: socket2::Socket,
    pub(super) to: SocketAddr,
}

impl Socket {
    /// A socket that sends to `to` as the server's options say.
    pub(super) fn open(server: &Server, to: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // What the network gives back, and what a full queue of an interface drops, is reported. Where it is not, it is not counted.
        let _ = match to {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
        };
        let interface = match &server.address.interface {
            Some(name) => Some((name, if_nametoindex(name.as_str())?)),
            None => None,
        };
        if let Some((name, index)) = interface {
            match (to, to.ip().is_multicast()) {
                (SocketAddr::V4(_), true) => {
                    let none = libc::in_addr { s_addr: 0 };
                    let index = i32::try_from(index).unwrap_or_default();
                    let interface = libc::ip_mreqn { imr_multiaddr: none, imr_address: none, imr_ifindex: index };
                    setsockopt(&socket, option::Ipv4MulticastInterface, &interface)?;
                }
                (SocketAddr::V6(_), true) => socket.set_multicast_if_v6(index)?,
                (_, false) => socket.bind_device(Some(name.as_bytes()))?,
            }
        }
        if let Some(ttl) = server.ttl.map(u32::from) {
            match (to, to.ip().is_multicast()) {
                (SocketAddr::V4(_), true) => socket.set_multicast_ttl_v4(ttl)?,
                (SocketAddr::V4(_), false) => socket.set_ttl_v4(ttl)?,
                (SocketAddr::V6(_), true) => socket.set_multicast_hops_v6(ttl)?,
                (SocketAddr::V6(_), false) => socket.set_unicast_hops_v6(ttl)?,
            }
        }
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let from = SocketAddr::new(server.bind_address.unwrap_or(any), 0);
        let index = interface.map(|(_, index)| index);
        socket.bind(&SockAddr::from(scoped(from, index)))?;
        Ok(Self { socket, to: scoped(to, index) })
    }

    /// Sends the first of these packets, up to [`BATCH`](transmit::BATCH), and returns how many.
    pub(super) fn send<'p>(&self, mut packets: impl Iterator<Item = &'p [u8]>) -> nix::Result<usize> {
        transmit::send(self.socket.as_fd(), self.to, &mut packets)
    }

    /// Takes the reports of packets that did not arrive: how many there are, and what the last one says.
    pub(super) fn take_reports(&self) -> (u64, Option<io::Error>) {
        let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        let (mut count, mut last) = (0, None);
        loop {
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let report = match recvmsg::<()>(self.socket.as_raw_fd(), &mut [], Some(&mut control), flags) {
                Ok(report) => report,
                Err(Errno::EINTR) => continue,
                Err(_) => break,
            };
            for message in report.cmsgs().into_iter().flatten() {
                let (ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _)) = message
                else {
                    continue;
                };
                // What this machine says, it says to whoever sends as well.
                if error.ee_origin != libc::SO_EE_ORIGIN_LOCAL {
                    count += 1;
                    last = i32::try_from(error.ee_errno).ok().map(io::Error::from_raw_os_error);
                }
            }
        }
        // With the last report the error goes that the socket keeps for the next call; in case it does not:
        let _ = self.socket.take_error();
        (count, last)
    }

    /// The port that packets come from.
    pub(super) fn local_port(&self) -> Option<u16> {
        Some(self.socket.local_addr().ok()?.as_socket()?.port())
    }
}

/// The address with the interface as its scope, where the address means nothing without.
fn scoped(address: SocketAddr, interface: Option<u32>) -> SocketAddr {
    match (address, interface) {
        (SocketAddr::V6(v6), Some(index)) if is_link_local(&address) => {
            SocketAddrV6::new(*v6.ip(), v6.port(), v6.flowinfo(), index).into()
        }
        _ => address,
    }
}
