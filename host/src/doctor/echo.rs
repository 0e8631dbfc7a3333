//! A packet to oneself, which shows whether what is sent comes through.
//!
//! It is a packet with a host and nothing else, so no receiver makes an item of it. Its hop limit is 0: it does not leave the machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use collectd_net::PartType;
use socket2::{Domain, Protocol, Socket, Type};

use crate::listen::{Interface, Probe};

/// How long the way through this machine may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of it.
#[derive(Debug)]
pub(super) enum Echo {
    Heard,
    Lost,
    /// It could not even be sent.
    NotSent(io::Error),
}

/// Sends a packet to a group through an interface that has joined it.
pub(super) fn through(probe: &Probe, group: &SocketAddr, interface: &Interface) -> Echo {
    let packet = packet();
    match send(group, Some(interface), &packet) {
        Err(error) => Echo::NotSent(error),
        Ok(()) if probe.hears(&packet, PATIENCE) => Echo::Heard,
        Ok(()) => Echo::Lost,
    }
}

/// A packet that is no other's.
pub(super) fn packet() -> Vec<u8> {
    static NEXT: AtomicU32 = AtomicU32::new(0);

    let (number, now) = (NEXT.fetch_add(1, Ordering::Relaxed), SystemTime::now().duration_since(UNIX_EPOCH));
    let now = now.unwrap_or_default().as_nanos();
    let host = format!("collectd-tap-doctor-{}-{now:x}-{number}\0", process::id());
    let len = u16::try_from(host.len() + 4).unwrap_or(u16::MAX);
    [&PartType::HOST.0.to_be_bytes()[..], &len.to_be_bytes(), host.as_bytes()].concat()
}

/// Sends it, without its leaving this machine.
pub(super) fn send(to: &SocketAddr, interface: Option<&Interface>, packet: &[u8]) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(*to), Type::DGRAM, Some(Protocol::UDP))?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.name.as_bytes()))?;
    }
    match to.ip() {
        IpAddr::V4(_) => {
            socket.set_multicast_ttl_v4(0)?;
            socket.set_multicast_loop_v4(true)?;
        }
        IpAddr::V6(_) => {
            socket.set_multicast_hops_v6(0)?;
            socket.set_multicast_loop_v6(true)?;
        }
    }
    // Who listens on any address hears what is sent to this machine.
    let to = match to.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), to.port()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), to.port()),
        _ => *to,
    };
    socket.send_to(packet, &to.into()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_item_is_in_it_and_no_two_are_the_same() {
        let packets = [packet(), packet()];
        assert_ne!(packets[0], packets[1]);
        for packet in packets {
            let part = collectd_net::Parts::new(&packet).map(|part| part.map(|part| part.type_)).collect::<Vec<_>>();
            assert_eq!(part, [Ok(PartType::HOST)]);
            assert_eq!(collectd_net::Decoder::new(&packet).count(), 0);
        }
    }
}
