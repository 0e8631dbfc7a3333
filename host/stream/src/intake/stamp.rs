//! What the kernel knows about a datagram besides its sender: when it came, whom it was sent to, and its hop limit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, setsockopt, sockopt};

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it came to this machine, as the time since the start of 1970 in UTC: to the nanosecond, by the kernel.
    pub time: Duration,
    /// Whom it was sent to: a group, or the address of this machine.
    pub to: SocketAddr,
    /// The time to live, or hop limit, that it still had.
    pub hop_limit: Option<u8>,
}

impl Stamp {
    /// What is known of a datagram that a socket of this address was given now.
    pub(super) fn now(to: SocketAddr) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { time, to, hop_limit: None }
    }

    /// Takes over what the kernel says.
    pub(super) fn learn(&mut self, message: &ControlMessageOwned) {
        match message {
            ControlMessageOwned::ScmTimestampns(time) => {
                let (seconds, nanos) = (u64::try_from(time.tv_sec()), u32::try_from(time.tv_nsec()));
                if let (Ok(seconds), Ok(nanos)) = (seconds, nanos) {
                    self.time = Duration::new(seconds, nanos);
                }
            }
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                self.to.set_ip(IpAddr::V4(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                self.to.set_ip(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
            }
            ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => {
                self.hop_limit = u8::try_from(*limit).ok();
            }
            _ => {}
        }
    }
}

/// Has the kernel tell all that with each datagram. What it does not tell is known less precisely.
pub(super) fn ask(socket: &impl AsFd, address: &SocketAddr) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
    if address.is_ipv4() {
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &true);
        let _ = setsockopt(socket, sockopt::Ipv4RecvTtl, &true);
    } else {
        let _ = setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true);
        let _ = setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true);
    }
}

/// Room for what the kernel tells: the counter of drops, and if it is asked for, all that.
pub(super) fn room(stamps: bool) -> Vec<u8> {
    if stamps { nix::cmsg_space!(u32, libc::timespec, libc::in6_pktinfo, libc::c_int) } else { nix::cmsg_space!(u32) }
}
