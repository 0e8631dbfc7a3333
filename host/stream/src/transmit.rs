//! Giving packets to the kernel, many with one call.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

/// Packets that are given to the kernel at once.
pub const BATCH: usize = 64;

/// Sends the first of these packets from a socket, up to [`BATCH`], and returns how many.
///
/// # Errors
/// What the kernel says about the first of them.
#[inline(never)]
pub fn send(socket: BorrowedFd<'_>, to: SocketAddr, packets: &mut dyn Iterator<Item = &[u8]>) -> nix::Result<usize> {
    let slices: Vec<[IoSlice<'_>; 1]> = packets.take(BATCH).map(|packet| [IoSlice::new(packet)]).collect();
    let addresses = vec![Some(SockaddrStorage::from(to)); slices.len()];
    let mut headers = MultiHeaders::preallocate(slices.len(), None);
    let nothing: [ControlMessage<'_>; 0] = [];
    loop {
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        match sendmmsg(fd, &mut headers, slices.iter(), &addresses, nothing, flags) {
            Ok(sent) => return Ok(sent.count()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_batch_goes_at_once_and_the_rest_is_left() {
        let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
        let (sender, receiver) = (sender.expect("a port"), receiver.expect("a port"));
        let to = receiver.local_addr().expect("it is bound");
        let packets: Vec<_> = (0..=BATCH).map(|number| vec![7; number]).collect();
        let mut packets = packets.iter().map(Vec::as_slice);
        assert_eq!(send(sender.as_fd(), to, &mut packets), Ok(BATCH));
        let mut octets = [0; BATCH];
        for number in 0..BATCH {
            assert_eq!(receiver.recv(&mut octets).expect("it has come"), number);
        }
        assert_eq!(packets.next().map(<[u8]>::len), Some(BATCH));
    }
}
