//! A server, and the packets that go there.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use collectd_net::Key;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::notice::{Notice, Trouble};
use super::packer::Ready;
use super::queue::Queue;
use super::resolver::{Resolver, literal};
use super::seal::{Seal, SealError};
use super::socket::{BATCH, Socket};
use super::{SendError, Server};
use crate::listen::is_link_local;

/// Octets that wait at the most for a name to be resolved.
const HELD: usize = 4 << 20;

/// How long nothing may come back until it is taken for granted that packets arrive again.
const QUIET: Duration = Duration::from_secs(10);

/// How soon an address is tried again that there was no socket for.
const REOPEN: Duration = Duration::from_millis(100);

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

/// Since packets have not got there.
#[derive(Clone, Copy, Debug)]
struct Failing {
    /// When that was noticed last.
    last: Instant,
    /// Whether the network said so, rather than this machine: then it takes some time to be sure that it is over.
    reported: bool,
    /// How many packets were lost already when it began.
    lost_before: u64,
}

/// What was sent to a server, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that were sent.
    pub packets: u64,
    /// Octets of these packets.
    pub octets: u64,
    /// Items in these packets.
    pub items: u64,
    /// Packets that could not be sent.
    pub failed_packets: u64,
    /// Octets of these packets.
    pub failed_octets: u64,
    /// Items in these packets.
    pub failed_items: u64,
    /// Packets that were sent, but did not arrive, as far as the network reports it.
    pub unreachable: u64,
}

impl Counts {
    /// Packets that did not get there, as far as it is known.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.failed_packets.saturating_add(self.unreachable)
    }
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

    fn send_full_batch(&mut self) {
        if self.queue.len() >= BATCH && (!self.addresses.is_empty() || self.queue.octets() > HELD) {
            self.flush();
        } else if self.queue.len().is_multiple_of(BATCH) {
            self.follow_name(None);
        }
    }

    /// Takes what the resolver has found, and waits for it so long.
    fn follow_name(&mut self, patience: Option<Duration>) {
        let Some(resolver) = &self.resolver else { return };
        let found = match patience {
            Some(patience) => resolver.wait(patience),
            None => resolver.take(),
        };
        match found {
            None => {}
            Some(Ok(addresses)) => {
                let now = self.socket.as_ref().map(|socket| socket.to.ip());
                let still = now.is_some_and(|now| addresses.iter().any(|address| address.ip() == now));
                if !self.addresses.is_empty() && !still && self.addresses != addresses {
                    let to = addresses[0];
                    self.notify(|server| Notice::Moved { server, to });
                }
                if !still {
                    self.socket = None;
                    self.next = 0;
                    self.reopen_at = None;
                }
                self.addresses = addresses;
            }
            // The addresses of before may still be right.
            Some(Err(_)) if !self.addresses.is_empty() => {}
            Some(Err(error)) => self.fail(Trouble::Resolve(error)),
        }
    }

    /// Opens a socket for the first address that gives one.
    fn reopen(&mut self) -> bool {
        let now = Instant::now();
        if self.reopen_at.is_some_and(|at| now < at) {
            return false;
        }
        let mut trouble = None;
        for step in 0..self.addresses.len() {
            let place = (self.next + step) % self.addresses.len();
            let to = self.addresses[place];
            match Socket::open(&self.server, to) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.next = place;
                    self.reopen_at = None;
                    return true;
                }
                Err(error) => trouble = trouble.or(Some(Trouble::Open(to, error))),
            }
        }
        if let Some(trouble) = trouble {
            self.reopen_at = now.checked_add(REOPEN);
            self.fail(trouble);
        }
        false
    }

    /// Sends the first packets that wait. If that fails, the first one counts as failed, and the socket is given up.
    fn send_batch(&mut self) {
        let Some(socket) = &self.socket else { return };
        let mut outcome = socket.send(self.queue.first(BATCH));
        if outcome.is_err() {
            // It may be the report of an earlier packet that keeps this one from being sent.
            self.take_reports();
            let Some(socket) = &self.socket else { return };
            outcome = socket.send(self.queue.first(BATCH));
        }
        let Some(socket) = &self.socket else { return };
        let to = socket.to;
        match outcome {
            Ok(sent) => {
                for _ in 0..sent {
                    let Some(packet) = self.queue.pop() else { break };
                    self.counts.packets += 1;
                    self.counts.octets += packet.len as u64;
                    self.counts.items += packet.items;
                }
                self.recover();
            }
            Err(error) => {
                // What has no room in a second will have none for the others either.
                if error == Errno::EAGAIN {
                    self.fail_all()
                } else {
                    self.fail_first()
                }
                // The length is the packet's fault, and a full queue will be empty again; other errors are the address'.
                if !matches!(error, Errno::EMSGSIZE | Errno::ENOBUFS | Errno::EAGAIN) {
                    self.give_up_socket();
                }
                self.fail(Trouble::Send(to, io::Error::from(error)));
            }
        }
    }

    /// Tries the next address from now on, and asks for others.
    fn give_up_socket(&mut self) {
        self.socket = None;
        self.next = if self.addresses.is_empty() { 0 } else { (self.next + 1) % self.addresses.len() };
        if let Some(resolver) = &self.resolver {
            resolver.ask();
        }
    }

    /// Counts what the network reports as undelivered.
    fn take_reports(&mut self) {
        let Some(socket) = &self.socket else { return };
        let (count, said) = socket.take_reports();
        if count > 0 {
            let to = socket.to;
            self.counts.unreachable += count;
            self.fail(Trouble::Unreachable(to, said));
            if let Some(resolver) = &self.resolver {
                resolver.ask();
            }
        }
    }

    /// Notes that packets do not get there, and tells it if that is new.
    fn fail(&mut self, trouble: Trouble) {
        let (last, reported) = (Instant::now(), matches!(trouble, Trouble::Unreachable(..)));
        let lost = self.counts.lost();
        match &mut self.failing {
            Some(failing) => {
                failing.last = last;
                failing.reported = reported;
            }
            None => {
                self.failing = Some(Failing { last, reported, lost_before: lost.saturating_sub(1) });
                self.notify(|server| Notice::Failing { server, trouble });
            }
        }
    }

    /// Notes that a packet was sent.
    fn recover(&mut self) {
        let Some(failing) = self.failing else { return };
        if !failing.reported || failing.last.elapsed() >= QUIET {
            self.failing = None;
            let lost = self.counts.lost().saturating_sub(failing.lost_before);
            self.notify(|server| Notice::Recovered { server, lost });
        }
    }

    fn notify(&mut self, notice: impl FnOnce(String) -> Notice) {
        let server = self.server.to_string();
        (self.tell)(notice(server));
    }

    fn fail_first(&mut self) {
        if let Some(packet) = self.queue.pop() {
            self.count_failed(packet.len, packet.items);
        }
    }

    fn fail_all(&mut self) {
        while !self.queue.is_empty() {
            self.fail_first();
        }
    }

    const fn count_failed(&mut self, octets: usize, items: u64) {
        self.counts.failed_packets += 1;
        self.counts.failed_octets += octets as u64;
        self.counts.failed_items += items;
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
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc::{self, Receiver};

    use collectd_net::{Decoder, PACKET_SIZE, SecurityLevel, User, open};

    use super::super::Packer;
    use super::*;

    fn receiver() -> (UdpSocket, String) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let address = socket.local_addr().expect("an address").to_string();
        (socket, address)
    }

    fn destination(server: &str) -> (Destination, Receiver<String>) {
        let (tell, told) = mpsc::channel();
        let server = server.parse().expect("a server");
        // At the end of a test nobody hears it any more.
        let tell = move |notice: Notice| drop(tell.send(notice.to_string()));
        (Destination::open(&server).expect("a destination").tell(tell), told)
    }

    #[test]
    fn packets_arrive_in_order_in_batches_and_are_counted() {
        let (socket, address) = receiver();
        let (mut destination, told) = destination(&address);
        for number in 0..200_u8 {
            destination.push_octets(&[number; 3], 2);
        }
        assert_eq!(destination.waiting(), 200 % BATCH);
        destination.flush();
        for number in 0..200 {
            let mut buffer = [0; 10];
            let len = socket.recv(&mut buffer).expect("a packet");
            assert_eq!(buffer[..len], [number; 3]);
        }
        let counts = destination.counts();
        assert_eq!((counts.packets, counts.octets, counts.items), (200, 600, 400));
        assert_eq!((counts.failed_packets, counts.unreachable), (0, 0));
        assert!(told.try_recv().is_err());
        assert!(destination.local_port().is_some_and(|port| port != 0));
    }

    #[test]
    fn every_seal_opens_and_every_encryption_has_its_own_iv() {
        let octets = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "wonderland\n").expect("a password");
        let users = [User::new("alice", "wonderland")];
        for (level, least) in [
            ("sign", SecurityLevel::Sign),
            ("encrypt", SecurityLevel::Encrypt),
            ("encrypt-and-sign", SecurityLevel::Encrypt),
        ] {
            let (socket, address) = receiver();
            let path = file.path().display();
            let server = format!("{address},security-level={level},username=alice,password-file={path}");
            let (mut destination, _told) = destination(&server);
            let mut packer = Packer::new(PACKET_SIZE, Duration::ZERO, destination.seal_room());
            let item = Decoder::new(octets).next().expect("an item").expect("a good one");
            for _ in 0..2 {
                packer.push(&item, Instant::now(), |_| panic!("not yet")).expect("room");
                packer.flush(|ready| destination.push(&ready));
            }
            destination.flush();
            let mut packets = [(); 2].map(|()| {
                let mut buffer = [0; 2000];
                let len = socket.recv(&mut buffer).expect("a packet");
                buffer[..len].to_vec()
            });
            assert_eq!(packets[0] == packets[1], level == "sign", "{level}");
            for packet in &mut packets {
                assert_eq!(packet.len(), octets.len() + destination.seal_room());
                let opened: Vec<_> = open(packet, &users, least).map(|item| item.expect("it opens").time()).collect();
                assert_eq!(opened, [item.time()], "{level}");
            }
        }
    }

    #[test]
    fn nobody_who_listens_is_told_once_and_counted() {
        let (socket, address) = receiver();
        drop(socket);
        let (mut destination, told) = destination(&address);
        for _ in 0..10 {
            destination.push_octets(b"x", 1);
            destination.flush();
        }
        destination.finish(Duration::ZERO);
        let counts = destination.counts();
        assert_eq!(counts.packets + counts.failed_packets, 10);
        assert_eq!(counts.lost(), 10);
        assert_eq!(told.try_recv(), Ok(format!("packets to {address} do not arrive: nobody listens there")));
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn what_cannot_be_sent_fails_alone_and_is_counted() {
        let (socket, address) = receiver();
        let (mut destination, told) = destination(&address);
        destination.push_octets(b"before", 1);
        destination.push_octets(&[0; 65_535], 7);
        destination.push_octets(b"behind", 1);
        destination.flush();
        for expected in [b"before", b"behind"] {
            let mut buffer = [0; 10];
            assert_eq!(socket.recv(&mut buffer).map(|len| buffer[..len] == *expected).ok(), Some(true));
        }
        let counts = destination.counts();
        assert_eq!((counts.packets, counts.items), (2, 2));
        assert_eq!((counts.failed_packets, counts.failed_octets, counts.failed_items), (1, 65_535, 7));
        assert!(told.try_recv().expect("a complaint").contains("Message too long"));
        assert_eq!(told.try_recv(), Ok(format!("sending to {address} works again; 1 packet was lost")));
    }

    #[test]
    fn a_name_without_an_address_loses_nothing_uncounted() {
        let (mut destination, told) = destination("no-such-host.invalid");
        for _ in 0..100 {
            destination.push_octets(&[0; 60_000], 1);
        }
        assert!(destination.waiting() * 60_000 <= HELD && destination.counts().failed_packets > 0);
        destination.finish(Duration::from_millis(1));
        assert_eq!(destination.counts().failed_packets, 100);
        drop(destination);
        // What the name server says differs, and may come late.
        let said: Vec<_> = told.iter().collect();
        assert!(said.len() <= 1 && said.iter().all(|said| said.contains("no-such-host.invalid")), "{said:?}");
    }

    #[test]
    fn a_name_is_waited_for() {
        let (socket, address) = receiver();
        let port = address.rsplit_once(':').expect("a port").1;
        let (mut destination, _told) = destination(&format!("localhost:{port}"));
        destination.push_octets(b"x", 1);
        destination.finish(Duration::from_secs(20));
        // The name may be ::1 first, where nobody listens; that is known, too.
        let counts = destination.counts();
        assert_eq!(counts.packets, 1);
        if counts.unreachable == 0 {
            assert_eq!(socket.recv(&mut [0; 2]).expect("a packet"), 1);
        }
    }

    #[test]
    fn what_is_wrong_with_a_server_is_an_error() {
        for (server, said) in [
            ("239.1.1.1%no-such-interface", "no-such-interface"),
            ("fe80::1", "add %NAME"),
            ("a,security-level=sign,username=u,password-file=/nonexistent/file", "/nonexistent/file"),
            ("a,security-level=sign,username=u,auth-file=/dev/null", "no user 'u'"),
            ("a,security-level=sign,username=u,password-file=/dev/null", "is empty"),
        ] {
            let error = Destination::open(&server.parse().expect("a server")).expect_err(server);
            assert!(error.is_usage() && error.to_string().contains(said), "{server}: {error}");
        }
    }
}
