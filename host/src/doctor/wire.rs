//! What reaches the interfaces, whether a socket gets it or not: a packet socket, which needs the right `CAP_NET_RAW`.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use collectd_net::{Decoder, PartType, Parts};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{LinkAddr, recvfrom, setsockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::capture::Wire as Datagrams;

/// How many flows are told apart. Whoever sends can make more.
const FLOWS: usize = 4096;
/// Octets of receive buffer to ask for.
const BUFFER: usize = 8 << 20;
/// How many packets are looked at in one go.
const TURN: usize = 10_000;

mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    use super::PacketMembership;

    sockopt_impl!(AddMembership, SetOnly, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, PacketMembership);
}

/// The kernel's `struct packet_mreq`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(unreachable_pub, reason = "it is the value of an option, which is")]
pub struct PacketMembership {
    index: u32,
    type_: u16,
    length: u16,
    address: [u8; 8],
}

/// Where collectd's packets come from, go to and arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// The index of the interface.
    pub(super) interface: u32,
}

/// Everything of UDP that arrives at any interface.
pub(super) struct Wire {
    socket: Socket,
    datagrams: Datagrams,
    flows: HashMap<Flow, u64>,
    start: Instant,
    buffer: Box<[u8]>,
}

impl Wire {
    /// Begins to look. The interfaces of these indices let in all groups from now on, whether they are joined or not.
    ///
    /// # Errors
    /// Most often, that the user may not.
    pub(super) fn open(interfaces: &[u32]) -> io::Result<Self> {
        let all = i32::from(u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be());
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(all)))?;
        socket.attach_filter(&udp_alone())?;
        socket.set_nonblocking(true)?;
        // Whatever is granted, is.
        _ = socket.set_recv_buffer_size(BUFFER);
        for index in interfaces {
            let type_ = u16::try_from(libc::PACKET_MR_ALLMULTI).unwrap_or_default();
            let membership = PacketMembership { index: *index, type_, length: 0, address: [0; 8] };
            // Where it cannot be, less is seen.
            _ = setsockopt(&socket, option::AddMembership, &membership);
        }
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(Self { socket, datagrams: Datagrams::default(), flows: HashMap::new(), start: Instant::now(), buffer })
    }

    /// Looks at what has arrived.
    pub(super) fn look(&mut self) {
        for _ in 0..TURN {
            let (len, address) = match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
                Ok((len, Some(address))) => (len, address),
                Ok((_, None)) | Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            // What this machine sends, and what is for others.
            if matches!(address.pkttype(), libc::PACKET_OUTGOING | libc::PACKET_OTHERHOST) {
                continue;
            }
            let octets = self.buffer.get(..len).unwrap_or_default();
            let Some(datagram) = self.datagrams.receive(octets, self.start.elapsed().as_secs()) else { continue };
            let interface = u32::try_from(address.ifindex()).unwrap_or_default();
            let flow = Flow { from: datagram.from, to: datagram.to, interface };
            if let Some(count) = self.flows.get_mut(&flow) {
                *count += 1;
            } else if self.flows.len() < FLOWS && is_collectd(&datagram.payload) {
                self.flows.insert(flow, 1);
            }
        }
    }

    /// What looks like collectd's packets, and how many came.
    pub(super) const fn flows(&self) -> &HashMap<Flow, u64> {
        &self.flows
    }

    /// How many datagrams came in fragments, of which some are missing.
    pub(super) fn unfinished(&mut self) -> u64 {
        self.datagrams.unfinished()
    }
}

/// Whether this looks like a packet of collectd's: it begins with an item, or with a seal.
fn is_collectd(payload: &[u8]) -> bool {
    match Parts::new(payload).next() {
        Some(Ok(part)) if part.type_ == PartType::SIGNATURE => {
            is_name(part.body.get(32..)) && payload.len() > part.body.len() + 4
        }
        Some(Ok(part)) if part.type_ == PartType::ENCRYPTION => {
            let user = part.body.split_first_chunk().map(|(len, rest)| rest.get(..u16::from_be_bytes(*len).into()));
            is_name(user.flatten())
        }
        // Whatever is wrong with the rest.
        Some(Ok(part)) if part.type_ <= PartType::INTERVAL_HR || part.type_ == PartType::MESSAGE => {
            Decoder::new(payload).next().is_some_and(|item| item.is_ok())
        }
        _ => false,
    }
}

fn is_name(user: Option<&[u8]>) -> bool {
    user.is_some_and(|user| !user.is_empty() && user.iter().all(|octet| !octet.is_ascii_control()))
}

/// A program for the kernel that lets UDP pass, and whatever it may be inside of. Frames of VLANs pass at the interface of the VLAN.
fn udp_alone() -> Vec<SockFilter> {
    const LOAD_WORD: u16 = 0x20;
    const LOAD_OCTET: u16 = 0x30;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let special = |offset: i32| (libc::SKF_AD_OFF + offset).cast_unsigned();
    let load = |code, at| SockFilter::new(code, 0, 0, at);
    let if_equal = |value, then, or| SockFilter::new(IF_EQUAL, then, or, value);
    vec![
        load(LOAD_WORD, special(libc::SKF_AD_VLAN_TAG_PRESENT)),
        if_equal(0, 0, 12),
        load(LOAD_WORD, special(libc::SKF_AD_PROTOCOL)),
        if_equal(0x0800, 0, 2),
        load(LOAD_OCTET, 9), // IPv4's protocol
        if_equal(17, 7, 8),
        if_equal(0x86dd, 0, 7),
        load(LOAD_OCTET, 6), // IPv6's, or the first extension
        if_equal(17, 4, 0),
        if_equal(44, 3, 0),
        if_equal(0, 2, 0),
        if_equal(60, 1, 0),
        if_equal(43, 0, 1),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_collectd_are_known_by_their_looks() {
        for packet in [
            &include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin")[..],
            include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal-signed.bin"),
            include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal-encrypted.bin"),
        ] {
            assert!(is_collectd(packet));
            assert!(!is_collectd(&packet[1..]));
        }
        let dns = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01";
        for other in [&b""[..], b"\0", &[0; 100], b"GET / HTTP/1.1", dns, b"\x02\0\0\x04", b"\x02\x10\0\x04"] {
            assert!(!is_collectd(other), "{other:?}");
        }
        // What the doctor sends to itself.
        assert!(!is_collectd(&super::super::echo::packet()));
    }
}
