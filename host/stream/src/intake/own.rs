//! Sockets that this program sends from, so that it does not take for news what it has said itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;

/// How long the addresses of this machine are taken to be the same.
const FRESH: Duration = Duration::from_secs(1);

/// The sockets that this program sends from; for `Listener::leave_out`.
#[derive(Debug, Default)]
pub struct Own {
    /// Each with the number of its sender.
    sockets: RwLock<Vec<(usize, SocketAddr)>>,
    /// The addresses of this machine, and when they were looked up.
    machine: Mutex<Option<(Instant, Vec<IpAddr>)>>,
    heard: AtomicU64,
}

impl Own {
    /// Says which sockets the sender of this number has now, as [`local_addr`](std::net::UdpSocket::local_addr) gives them.
    ///
    /// One that is bound to no address in particular is known by its port and by any address of this machine.
    pub fn set(&self, sender: usize, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut sockets = self.sockets.write().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|(known, _)| *known != sender);
        sockets.extend(addresses.into_iter().map(|address| (sender, address)));
    }

    /// Whether a packet from there is our own; counted if so.
    #[doc(hidden)]
    pub fn is_own(&self, from: Option<SocketAddr>) -> bool {
        let own = from.is_some_and(|from| self.has(from));
        if own {
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
        own
    }

    /// How many packets of our own were heard.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Whether a packet from there is our own.
    #[doc(hidden)]
    pub fn has(&self, from: SocketAddr) -> bool {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().filter(|(_, own)| own.port() == from.port()).any(|(_, own)| match own.ip() {
            ip if ip.is_unspecified() => ip.is_ipv4() == from.is_ipv4() && self.is_of_this_machine(from.ip()),
            ip => ip == from.ip(),
        })
    }

    fn is_of_this_machine(&self, ip: IpAddr) -> bool {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &*machine {
            Some((read, addresses)) if now.saturating_duration_since(*read) < FRESH => addresses.contains(&ip),
            _ => {
                let addresses = addresses();
                let is_there = addresses.contains(&ip);
                *machine = Some((now, addresses));
                is_there
            }
        }
    }
}

/// The addresses of this machine.
fn addresses() -> Vec<IpAddr> {
    // Without a list there is no telling, and what is ours is still known as a duplicate.
    let interfaces = getifaddrs().into_iter().flatten();
    let ip = |address: nix::ifaddrs::InterfaceAddress| {
        let address = address.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    interfaces.filter_map(ip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_socket_without_an_address_is_known_by_its_port_on_this_machine() {
        let own = Own::default();
        own.set(0, [address("0.0.0.0:4000")]);
        assert!(own.is_own(Some(address("127.0.0.1:4000"))));
        for other in ["127.0.0.1:4001", "192.0.2.1:4000", "[::1]:4000"] {
            assert!(!own.is_own(Some(address(other))), "{other}");
        }
        assert!(!own.is_own(None));
        assert_eq!(own.heard(), 1);
    }

    #[test]
    fn a_sender_that_has_another_socket_has_lost_the_first() {
        let own = Own::default();
        own.set(0, [address("10.0.0.1:4000"), address("[fd00::1]:4000")]);
        own.set(1, [address("10.0.0.1:4001")]);
        own.set(0, [address("10.0.0.1:4002")]);
        let known = ["10.0.0.1:4000", "[fd00::1]:4000", "10.0.0.1:4001", "10.0.0.1:4002", "10.0.0.2:4002"]
            .map(|from| own.is_own(Some(address(from))));
        assert_eq!(known, [false, false, true, true, false]);
    }
}
