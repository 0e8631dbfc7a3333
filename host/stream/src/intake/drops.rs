//! What the kernel dropped because a socket's receive buffer was full.
//!
//! The kernel counts it for each socket. It tells the count with each datagram that is queued after a drop (`SO_RXQ_OVFL`), and
//! at any time to whoever asks (`SO_MEMINFO`). The first costs nothing; the second is needed because after the last drop there may
//! be no further datagram.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};

mod option {
    use nix::{getsockopt_impl, libc, sockopt_impl};

    sockopt_impl!(
        /// What a socket holds, and what it dropped: numbers in the order of the kernel's `SK_MEMINFO_…`.
        MemInfo,
        GetOnly,
        libc::SOL_SOCKET,
        libc::SO_MEMINFO,
        [u32; 9]
    );
}

/// How many datagrams the kernel dropped at a socket.
///
/// Its counter has 32 bits. As it is looked at every second, this one, which has 64, follows it exactly.
#[derive(Debug, Default)]
pub struct Drops(AtomicU64);

impl Drops {
    /// Takes the kernel's counter to be this; reports that are older than what is known change nothing.
    pub(super) fn note(&self, counter: u32) {
        let further = |known: u64| {
            let [.., a, b, c, d] = known.to_be_bytes();
            // What lies behind by less than half the circle is old.
            let ahead = counter.wrapping_sub(u32::from_be_bytes([a, b, c, d]));
            (ahead != 0 && ahead <= u32::MAX / 2).then(|| known.wrapping_add(ahead.into()))
        };
        // It fails where nothing is to be changed.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, further);
    }

    /// Asks the kernel.
    pub(super) fn ask(&self, socket: &impl AsFd) {
        if let Ok(numbers) = getsockopt(socket, option::MemInfo) {
            self.note(numbers[libc::SK_MEMINFO_DROPS as usize]);
        }
    }

    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Has the kernel tell its counter with each datagram. Where it does not, it is asked every second all the same.
pub(super) fn tell(socket: &impl AsFd) {
    let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn the_kernel_is_asked_and_counts_to_the_datagram() {
        let receiver = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
        receiver.set_recv_buffer_size(4096).expect("any size can be asked for");
        receiver.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let to = receiver.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound");
        for _ in 0..100 {
            sender.send_to(&[0; 1000], to).expect("the loopback takes everything");
        }
        let receiver = UdpSocket::from(receiver);
        receiver.set_nonblocking(true).expect("any socket may");
        let drops = Drops::default();
        drops.ask(&receiver);
        let mut octet = [0];
        let kept = (0..100).take_while(|_| receiver.recv(&mut octet).is_ok()).count();
        assert!(kept < 100);
        assert_eq!(drops.count(), 100 - kept as u64);
    }

    #[test]
    fn a_counter_of_32_bits_is_followed_over_its_end() {
        let drops = Drops::default();
        for (told, count) in [
            (5, 5),
            (3, 5),
            (0x7fff_ffff, 0x7fff_ffff),
            (0xffff_fffe, 0xffff_fffe),
            (2, 0x1_0000_0002),
            (0xffff_ffff, 0x1_0000_0002),
            (3, 0x1_0000_0003),
        ] {
            drops.note(told);
            assert_eq!(drops.count(), count, "after {told:#x}");
        }
    }
}
