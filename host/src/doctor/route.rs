//! Which way the kernel would send, asked over netlink.
//!
//! ```text
//! struct nlmsghdr  length(4) type(2) flags(2) sequence(4) port(4)
//! struct rtmsg     family(1) destination bits(1) source bits(1) service(1) table(1) protocol(1) scope(1) type(1) flags(4)
//! struct rtattr    length(2) type(2) value, padded to four octets
//! ```

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

const HEADER: usize = 16;
const ROUTE: usize = 12;

/// The interface, by index, that a datagram to this address would leave by.
///
/// # Errors
/// What the kernel says; no route is an error of its own kind.
pub(super) fn interface_to(address: IpAddr) -> io::Result<u32> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::seconds(1))?;
    sendto(netlink.as_raw_fd(), &request(address), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut buffer = [0; 4096];
    let len = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    answer(buffer.get(..len).unwrap_or_default())
}

fn request(address: IpAddr) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    let octet = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    let mut message = vec![0; HEADER];
    message[4..6].copy_from_slice(&libc::RTM_GETROUTE.to_ne_bytes());
    message[6..8].copy_from_slice(&1_u16.to_ne_bytes()); // NLM_F_REQUEST
    message.extend([u8::try_from(family).unwrap_or_default(), octet(octets.len() * 8)]);
    message.extend([0; ROUTE - 2]);
    message.extend(u16::from(octet(octets.len() + 4)).to_ne_bytes());
    message.extend(libc::RTA_DST.to_ne_bytes());
    message.extend(octets);
    let len = u32::from(octet(message.len()));
    message[..4].copy_from_slice(&len.to_ne_bytes());
    message
}

/// The outgoing interface of the kernel's answer, or its error.
fn answer(message: &[u8]) -> io::Result<u32> {
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer cannot be read");
    let u16_at = |at: usize| message.get(at..at + 2).and_then(|octets| octets.try_into().ok()).map(u16::from_ne_bytes);
    let u32_at = |at: usize| message.get(at..at + 4).and_then(|octets| octets.try_into().ok()).map(u32::from_ne_bytes);
    let kind = u16_at(4).ok_or_else(unreadable)?;
    if i32::from(kind) == libc::NLMSG_ERROR {
        let code = u32_at(HEADER).map(u32::cast_signed).ok_or_else(unreadable)?;
        return Err(io::Error::from_raw_os_error(code.saturating_neg()));
    }
    match message.get(HEADER + 7) {
        Some(&libc::RTN_UNREACHABLE) => return Err(io::Error::from_raw_os_error(libc::EHOSTUNREACH)),
        Some(&libc::RTN_BLACKHOLE) => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        Some(&libc::RTN_PROHIBIT) => return Err(io::Error::from_raw_os_error(libc::EACCES)),
        _ => {}
    }
    let mut at = HEADER + ROUTE;
    while let (Some(len), Some(type_)) = (u16_at(at), u16_at(at + 2)) {
        if type_ == libc::RTA_OIF {
            return u32_at(at + 4).ok_or_else(unreadable);
        }
        if len < 4 {
            break;
        }
        at += usize::from(len).next_multiple_of(4);
    }
    Err(unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_machine_is_the_loopback() {
        let loopback = nix::net::if_::if_nametoindex("lo").expect("every machine has one");
        assert_eq!(interface_to([127, 0, 0, 1].into()).ok(), Some(loopback));
    }

    #[test]
    fn the_interface_stands_among_attributes() {
        let mut message = vec![0; HEADER + ROUTE];
        message[4..6].copy_from_slice(&libc::RTM_NEWROUTE.to_ne_bytes());
        for (type_, value) in
            [(libc::RTA_DST, &[10, 0, 0, 1][..]), (libc::RTA_PREFSRC, &[1, 2, 3]), (libc::RTA_OIF, &[7; 4])]
        {
            message.extend((u16::try_from(value.len()).expect("short") + 4).to_ne_bytes());
            message.extend(type_.to_ne_bytes());
            message.extend(value);
            message.resize(message.len().next_multiple_of(4), 0);
        }
        assert_eq!(answer(&message).ok(), Some(0x0707_0707));
        for end in 0..message.len() {
            assert!(answer(&message[..end]).is_err());
        }
        message[HEADER + ROUTE..][..2].fill(0);
        assert!(answer(&message).is_err(), "no length");
    }

    #[test]
    fn an_error_of_the_kernel_is_passed_on() {
        let mut message = vec![0; HEADER + 4];
        message[4..6].copy_from_slice(&u16::try_from(libc::NLMSG_ERROR).expect("small").to_ne_bytes());
        message[HEADER..].copy_from_slice(&(-libc::ENETUNREACH).to_ne_bytes());
        assert_eq!(answer(&message).map_err(|error| error.kind()), Err(io::ErrorKind::NetworkUnreachable));
    }
}
