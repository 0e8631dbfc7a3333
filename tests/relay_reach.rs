//! How far `collectd-tap relay` sends: the hop limit of what arrives.

use std::{
    io::IoSliceMut,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};

use collectd_net_tests::{
    heard::VALUE,
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_THIRD},
    relayed::{THIRD, address},
    tap::Tap,
    until,
};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

#[test]
fn packets_to_a_group_go_no_further_than_the_link_unless_a_ttl_says_so() {
    let net = Net::new();
    let third = net.third();
    let listen = SocketAddr::new(RECEIVER[0], PORT);
    for family in [0, 1] {
        let group = SocketAddr::new(GROUPS[family], PORT);
        let machine = address(THIRD[family], PORT);
        for (to, options, expected) in [
            (group, format!("%{TO_THIRD}"), 1),
            (group, format!("%{TO_THIRD},ttl=7"), 7),
            (machine, String::new(), 64),
            (machine, ",ttl=255".to_owned(), 255),
        ] {
            let end = third.witness(TO_RECEIVER, to);
            if to.is_ipv4() {
                setsockopt(&end, sockopt::Ipv4RecvTtl, &true).expect("IPv4 has it");
            } else {
                setsockopt(&end, sockopt::Ipv6RecvHopLimit, &true).expect("IPv6 has it");
            }
            let relay =
                Tap::start(&net.receiver, &["relay", "-L", &listen.to_string(), "-S", &format!("{to}{options}")]);
            net.sender.send(TO_RECEIVER, listen, &VALUE);
            let mut limit = None;
            until("the packet on the other side", || {
                limit = hop_limit(&end);
                limit.is_some()
            });
            assert_eq!(limit, Some(expected), "{to}{options}");
            drop(relay);
        }
    }
}

/// The hop limit of the packet that waits, if one does.
fn hop_limit(socket: &UdpSocket) -> Option<i32> {
    let (mut buffer, mut control) = ([0; 100], nix::cmsg_space!(i32));
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty()).ok()?;
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => Some(limit),
        _ => None,
    })
}
