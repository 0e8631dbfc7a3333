//! One membership tried out, to see what becomes of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use collectd_tap_stream::intake::Socket;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interfaces::Interface;
use super::membership;
use super::socket;

/// Octets of receive buffer, which is ample for what a probe sends to itself.
const BUFFER: usize = 64 << 10;

/// A socket that has joined a group on one interface, and hears it there alone.
#[derive(Debug)]
pub(crate) struct Probe(Socket);

impl Probe {
    /// Joins. Other programs that hear the group are not disturbed.
    pub(crate) fn join(group: &SocketAddr, source: Option<IpAddr>, interface: &Interface) -> io::Result<Self> {
        let socket = socket::for_group(group, interface, true, BUFFER)?;
        membership::join(&socket.socket, group.ip(), source, interface.index)?;
        Ok(Self(socket))
    }

    /// Whether a datagram of exactly these octets arrives within this time.
    pub(crate) fn hears(&self, expected: &[u8], within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut buffer = vec![0; expected.len() + 1];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.socket.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(_) if left.is_zero() => return false,
                Err(_) => continue,
            }
            // An error that waits in the socket is as good as another datagram.
            let read = io::Read::read(&mut &self.0.socket, &mut buffer);
            if read.is_ok_and(|len| buffer.get(..len) == Some(expected)) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }
}
