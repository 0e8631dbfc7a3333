//! A server, and the packets that go there.

mod sending;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use collectd_net::Key;
use nix::net::if_::if_nametoindex;

use super::Ready;
use super::notice::{Notice, Trouble};
use super::queue::Queue;
use super::resolver::{Resolver, literal};
use super::seal::{Seal, SealError};
use super::socket::Socket;
use super::{Counts, SendError, Server};
use crate::listen::is_link_local;
use sending::Failing;

/// Octets that wait at the most for a name to be resolved.
const HELD: usize = 4 << 20;

/// Sends packets to one server. Every packet that is given to it is counted, as sent or as failed.
///
/// A name is resolved on a thread of its own, again and again; until it has an address, packets wait, as many as fit 4 MiB. Of
/// several addresses it takes the first, and the next one when that fails. After an error the socket is made anew.
///
/// ```
/// use std::net::UdpSocket;
///
/// use collectd_tap::send::Destination;
///
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// let mut destination = Destination::open(&receiver.local_addr()?.to_string().parse()?)?;
/// destination.push_octets(b"any octets", 1);
/// destination.flush();
/// assert_eq!((destination.counts().packets, destination.counts().failed_packets), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Destination {
    server: Server,
    seal: Seal,
    scratch: Vec<u8>,
    queue: Queue,
    socket: Option<Socket>,
    /// Where the server may be found, best first.
    addresses: Vec<SocketAddr>,
    /// Which of them is tried next.
    next: usize,
    /// `None` for an address that is no name.
    resolver: Option<Resolver>,
    reopen_at: Option<Instant>,
    counts: Counts,
    failing: Option<Failing>,
    tell: Box<dyn FnMut(Notice) + Send>,
}

impl Destination {
    /// Prepares to send to a server, and begins to resolve its name.
    ///
    /// # Errors
    /// When there is no password for the user, no such interface, or no thread. What the network does is no error: it is
    /// [told](Self::tell) and counted.
    pub fn open(server: &Server) -> Result<Self, SendError> {
        let credentials = |error| SendError::Credentials(Box::new(server.clone()), error);
        let seal = Seal::of(server).map_err(credentials)?;
        let literal = literal(&server.address);
        match &server.address.interface {
            Some(name) if if_nametoindex(name.as_str()).is_err() => {
                return Err(SendError::UnknownInterface(Box::new(server.clone())));
            }
            None if literal.is_some_and(|to| is_link_local(&to) && !to.ip().is_multicast()) => {
                return Err(SendError::LinkLocal(Box::new(server.clone())));
            }
            _ => {}
        }
        let resolver = match literal {
            Some(_) => None,
            None => Some(Resolver::start(&server.address, server.resolve_interval).map_err(SendError::Start)?),
        };
        Ok(Self {
            server: server.clone(),
            seal,
            scratch: Vec::new(),
            queue: Queue::default(),
            socket: None,
            addresses: literal.into_iter().collect(),
            next: 0,
            resolver,
            reopen_at: None,
            counts: Counts::default(),
            failing: None,
            tell: Box::new(|_| {}),
        })
    }

    /// Tells what changes about this server.
    #[must_use]
    pub fn tell(mut self, tell: impl FnMut(Notice) + Send + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Octets that a packet needs free for this server's seal.
    #[must_use]
    pub const fn seal_room(&self) -> usize {
        self.seal.room()
    }

    /// Whose password packets are sealed with, if they are.
    pub(crate) fn credentials(&self) -> Option<(&str, &Key)> {
        self.seal.credentials()
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// What was sent and what was not, so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The port that packets come from, as long as there is a socket.
    #[must_use]
    pub fn local_port(&self) -> Option<u16> {
        self.socket.as_ref()?.local_port()
    }

    /// Where packets go now; `None` until a name is resolved.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.as_ref().map(|socket| socket.to).or_else(|| self.addresses.first().copied())
    }

    /// Packets that are neither sent nor failed yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Seals a packet and sends it with the next batch.
    pub fn push(&mut self, ready: &Ready<'_>) {
        let Self { seal, scratch, queue, .. } = self;
        let outcome = queue.push(ready.items, |out| seal.seal(ready, scratch, out));
        self.pushed(ready, outcome);
    }

    /// Seals a packet, has the octets changed, and sends them with the next batch.
    pub fn push_altered(&mut self, ready: &Ready<'_>, alter: impl FnOnce(&mut Vec<u8>)) {
        let Self { seal, scratch, queue, .. } = self;
        let write = |out: &mut Vec<u8>| {
            let start = out.len();
            seal.seal(ready, scratch, out)?;
            let mut packet = out.split_off(start);
            alter(&mut packet);
            out.append(&mut packet);
            Ok(())
        };
        let outcome = queue.push(ready.items, write);
        self.pushed(ready, outcome);
    }

    fn pushed(&mut self, ready: &Ready<'_>, outcome: Result<(), SealError>) {
        match outcome {
            Ok(()) => self.send_full_batch(),
            Err(error) => {
                self.count_failed(ready.octets().len(), ready.items);
                self.fail(Trouble::Seal(error.to_string()));
            }
        }
    }

    /// Sends octets as they are with the next batch, and counts them as so many items.
    pub fn push_octets(&mut self, octets: &[u8], items: u64) {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(octets);
            Ok::<_, Infallible>(())
        };
        let Ok(()) = self.queue.push(items, write);
        self.send_full_batch();
    }

    /// Sends everything that waits, unless the name has no address yet.
    pub fn flush(&mut self) {
        self.follow_name(None);
        self.take_reports();
        while !self.queue.is_empty() {
            if self.socket.is_none() && !self.reopen() {
                if !self.addresses.is_empty() {
                    self.fail_all();
                }
                break;
            }
            self.send_batch();
        }
        // What waits for a name does not wait in more memory than this.
        while self.queue.octets() > HELD {
            self.fail_first();
        }
    }

    /// Sends everything that waits, gives a name that has no address yet so long to get one, and counts the rest as failed.
    pub fn finish(&mut self, patience: Duration) {
        self.flush();
        let end = Instant::now().checked_add(patience);
        while !self.queue.is_empty() {
            let left = end.map_or(patience, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            self.follow_name(Some(left));
            self.flush();
        }
        self.fail_all();
        self.take_reports();
    }
}

/// What is not sent yet is sent, as far as there is an address.
impl Drop for Destination {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, socket, addresses, counts, failing, .. } = self;
        f.debug_struct("Destination")
            .field("server", server)
            .field("socket", socket)
            .field("addresses", addresses)
            .field("counts", counts)
            .field("failing", failing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
