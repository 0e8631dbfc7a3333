//! Taking in: what a socket receives, on its way to whoever decodes it.
//!
//! ```text
//! socket → Intake: recvmmsg → sources, own → duplicates → Queue → Share
//! ```
//!
//! Each socket has a thread of its own, which takes datagrams in, many with one call, and queues them as batches.

mod batch;
mod drops;
mod own;
mod queue;
mod recent;
mod replay;
mod share;
mod sieve;
mod socket;
mod stamp;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use collectd_net::Arrival;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

pub use batch::MAX_DATAGRAM;
pub use own::Own;
pub use queue::{DropPolicy, Next, Queue};
pub use recent::{Recent, RecentHashes};
pub use replay::{Opening, ReplayFilter};
pub use share::{Share, Wake};
pub use sieve::{Duplicates, REMEMBERED, Sources, network};
pub use socket::{Socket, socket_address};
pub use stamp::Stamp;

use batch::Batch;

/// How many datagrams are taken in with one call.
const BATCH: usize = 64;
/// Octets of its buffer that the kernel charges for a datagram at the least.
const SMALLEST_DATAGRAM: usize = 512;
/// How long to leave a socket alone that reports errors without end.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// What the threads of all sockets share.
#[derive(Debug)]
pub struct Shared {
    /// One for each of those who decode. All packets of a sender go to the same, so they stay in order.
    pub queues: Box<[Queue]>,
    /// Who may send.
    pub sources: Sources,
    /// Of whom nothing is heard: ourselves.
    pub own: Option<Arc<Own>>,
    /// What was heard before, if that is to be left out.
    pub duplicates: Option<Arc<Duplicates>>,
    /// How many receive calls failed.
    pub receive_errors: AtomicU64,
    /// What the kernel dropped at sockets that are closed by now.
    pub kernel: AtomicU64,
    /// How many octets of a datagram are taken in.
    pub max_packet: usize,
    /// Whether it is to be known how each datagram came.
    pub stamps: bool,
}

/// The thread of one socket.
pub struct Intake {
    /// Where it takes in.
    pub socket: Arc<Socket>,
    /// By which of the profiles its packets are opened.
    pub profile: usize,
    /// Hangs up when it is over.
    pub end: UnixStream,
    /// Where it puts what it takes in.
    pub shared: Arc<Shared>,
}

impl Intake {
    /// Takes in until it is over, and then what the kernel still holds.
    #[inline(never)]
    pub fn run(self) {
        if self.shared.stamps {
            stamp::ask(&self.socket.socket, &self.socket.address);
        }
        let mut room = Room::new(&self);
        let mut pace = Pace::new(self.socket.buffer);
        let mut quiet = true;
        for call in 0_u64.. {
            // While datagrams come in numbers, there is no need to wait for one; but now and then it is asked whether it is over.
            if (quiet || call.is_multiple_of(BATCH as u64)) && !self.wait() {
                break;
            }
            match self.receive(&mut room) {
                Ok(taken) => {
                    let pause = pace.after(taken, Instant::now());
                    pause.into_iter().for_each(thread::sleep);
                    quiet = pause.is_none() && taken < BATCH;
                }
                Err(Errno::EAGAIN | Errno::EINTR) => quiet = true,
                // A link that is down, memory that is short: it may pass.
                Err(_) => {
                    self.shared.receive_errors.fetch_add(1, Ordering::Relaxed);
                    self.pause();
                }
            }
        }
        // The kernel holds this many datagrams at the most.
        let mut left = self.socket.buffer / SMALLEST_DATAGRAM;
        while left > 0
            && let Ok(taken) = self.receive(&mut room)
        {
            left = left.saturating_sub(taken);
        }
        self.socket.ask_for_drops();
    }

    /// Waits for a datagram; `false` when it is over.
    fn wait(&self) -> bool {
        let mut ends = [
            PollFd::new(self.socket.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.end.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut ends, PollTimeout::NONE) {
            Ok(_) => ends[1].revents().is_none_or(|events| events.is_empty()),
            Err(_) => true,
        }
    }

    /// Leaves the socket alone for a while, unless it is over.
    fn pause(&self) {
        let timeout = PollTimeout::try_from(AFTER_ERROR).unwrap_or(PollTimeout::ZERO);
        // Whatever ends it, there is nothing to do about it.
        let _ = poll(&mut [PollFd::new(self.end.as_fd(), PollFlags::empty())], timeout);
    }

    /// Takes in what is there, up to a batch, and queues it; how many datagrams that was.
    fn receive(&self, room: &mut Room) -> nix::Result<usize> {
        room.arrivals.clear();
        room.stamps.clear();
        {
            // The kernel writes into the headers how much of them it used, so they are made anew.
            room.headers = MultiHeaders::preallocate(BATCH, Some(stamp::room(self.shared.stamps)));
            let mut slices = room.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            for message in recvmmsg(self.socket.socket.as_raw_fd(), &mut room.headers, &mut slices, flags, None)? {
                let mut stamp = self.shared.stamps.then(|| Stamp::now(self.socket.address));
                for control in message.cmsgs().into_iter().flatten() {
                    if let ControlMessageOwned::RxqOvfl(drops) = control {
                        self.socket.drops.note(drops);
                    } else if let Some(stamp) = &mut stamp {
                        stamp.learn(&control);
                    }
                }
                room.stamps.extend(stamp);
                // With MSG_TRUNC this is the length on the wire.
                room.arrivals.push(Arrival { len: message.bytes, from: message.address.and_then(socket_address) });
            }
        }
        let now = self.shared.duplicates.as_ref().map(|_| Instant::now());
        for (place, (buffer, arrival)) in room.buffers.iter().zip(&room.arrivals).enumerate() {
            let octets = buffer.get(..arrival.len).unwrap_or(buffer);
            if self.admits(arrival, octets, now)
                && let Some(batch) = room.batches.get_mut(shard(arrival.from, self.shared.queues.len()))
            {
                batch.push(*arrival, octets);
                room.stamps.get(place).into_iter().for_each(|stamp| batch.stamp(*stamp));
            }
        }
        for (batch, queue) in room.batches.iter_mut().zip(&self.shared.queues) {
            if !batch.is_empty() {
                queue.push(batch);
            }
        }
        Ok(room.arrivals.len())
    }

    /// Whether a datagram is to be decoded; counted if not.
    fn admits(&self, arrival: &Arrival, octets: &[u8], now: Option<Instant>) -> bool {
        if !self.shared.sources.allow(arrival.from)
            || self.shared.own.as_ref().is_some_and(|own| own.is_own(arrival.from))
        {
            return false;
        }
        match (&self.shared.duplicates, now) {
            (Some(duplicates), Some(now)) => duplicates.packet_is_new(octets, now),
            _ => true,
        }
    }
}

/// Which of so many decodes what this sender sends.
fn shard(from: Option<SocketAddr>, shards: usize) -> usize {
    if shards < 2 {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    from.hash(&mut hasher);
    let shards = u64::try_from(shards).unwrap_or(u64::MAX);
    usize::try_from(hasher.finish() % shards).unwrap_or_default()
}

/// Where the kernel puts datagrams, and where they go to from there.
struct Room {
    buffers: [Box<[u8]>; BATCH],
    headers: MultiHeaders<SockaddrStorage>,
    arrivals: Vec<Arrival>,
    /// Of each arrival, if they are asked for.
    stamps: Vec<Stamp>,
    batches: Vec<Batch>,
}

impl Room {
    fn new(intake: &Intake) -> Self {
        Self {
            // Memory that no datagram is long enough for is never touched, so it costs nothing.
            buffers: std::array::from_fn(|_| vec![0; intake.shared.max_packet].into_boxed_slice()),
            headers: MultiHeaders::preallocate(0, None),
            arrivals: Vec::with_capacity(BATCH),
            stamps: Vec::new(),
            batches: intake.shared.queues.iter().map(|_| Batch::new(intake.profile)).collect(),
        }
    }
}

/// Lets datagrams gather for a moment while they come in numbers, so that calls and wake-ups are shared by many of them.
///
/// The first one after a silence is handed on at once, and none waits longer than the pause.
struct Pace {
    last: Instant,
    /// Whether the kernel has room for what comes in a pause.
    allowed: bool,
}

impl Pace {
    const PAUSE: Duration = Duration::from_millis(2);
    /// So many in a pause are worth it.
    const WORTH: u32 = 4;
    /// Octets of receive buffer that are ample for a pause, even at 300,000 datagrams a second.
    const AMPLE: usize = 2 << 20;

    fn new(buffer: usize) -> Self {
        Self { last: Instant::now(), allowed: buffer >= Self::AMPLE }
    }

    /// How long to pause after so many were taken in.
    fn after(&mut self, taken: usize, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(std::mem::replace(&mut self.last, now));
        // With a full batch, more are waiting already.
        let taken = u32::try_from(taken).ok().filter(|_| taken < BATCH && self.allowed)?;
        (Self::PAUSE * taken >= since * Self::WORTH).then_some(Self::PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_gather_only_while_they_come_in_numbers() {
        let mut pace = Pace::new(8 << 20);
        let start = pace.last;
        let mut now = start;
        let mut after = |taken, microseconds| {
            now += Duration::from_micros(microseconds);
            pace.after(taken, now).is_some()
        };
        assert!(!after(1, 1_000_000), "one a second");
        assert!(!after(1, 1_000), "one a millisecond");
        assert!(after(1, 50), "20,000 a second");
        assert!(after(20, 1_050), "20,000 a second after a pause");
        assert!(!after(BATCH, 640), "a full batch");
        assert!(!Pace::new(212_992).allowed);
    }

    fn intake() -> (Intake, UnixStream, SocketAddr) {
        let (life, end) = UnixStream::pair().expect("a pair");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let socket = Socket::new(socket.into(), address, 2048);
        let shared = Shared {
            queues: Box::new([Queue::new(1 << 20, Default::default())]),
            sources: Sources::new(Vec::new()),
            own: None,
            duplicates: None,
            receive_errors: AtomicU64::new(0),
            kernel: AtomicU64::new(0),
            max_packet: 1500,
            stamps: false,
        };
        (Intake { socket: Arc::new(socket), profile: 0, end, shared: Arc::new(shared) }, life, address)
    }

    #[test]
    fn drops_are_told_with_the_next_datagram() {
        let (intake, _life, address) = intake();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let send = || sender.send_to(&[0; 1000], address).expect("the loopback takes everything");
        let mut room = Room::new(&intake);
        // The first time nothing is dropped, and the headers come back empty; they must do again all the same.
        for round in 1..=3 {
            (0..100).for_each(|_| assert_eq!(send(), 1000));
            let kept = intake.receive(&mut room).expect("some are kept") as u64;
            send();
            assert_eq!(intake.receive(&mut room), Ok(1));
            assert_eq!(intake.socket.drops.count(), round * (100 - kept), "round {round}");
        }
    }

    #[test]
    fn an_error_is_counted_and_survived() {
        let (intake, life, address) = intake();
        let shared = Arc::clone(&intake.shared);
        // Who sends to a port that nobody has is told so by an error of the next call.
        let vacant = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        intake.socket.socket.connect(&vacant.into()).expect("any address will do");
        intake.socket.socket.send(&[0]).expect("the loopback takes everything");
        let thread = thread::spawn(move || intake.run());
        while shared.receive_errors.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        let sender = std::net::UdpSocket::bind(vacant).expect("it is vacant");
        sender.send_to(&[0; 100], address).expect("the loopback takes everything");
        let mut batch = Batch::default();
        let deadline = Instant::now() + Duration::from_secs(20);
        let next = shared.queues[0].pop(&mut batch, Some(deadline));
        assert_eq!((next, batch.len()), (queue::Next::Batch, 1));
        drop(life);
        thread.join().expect("it ends");
        assert_eq!(shared.receive_errors.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_sender_always_has_the_same_shard_and_senders_are_spread() {
        let mut counts = [0; 4];
        for port in 1..=4000 {
            let from = Some(SocketAddr::from(([10, 0, 0, 1], port)));
            assert_eq!(shard(from, 4), shard(from, 4));
            counts[shard(from, 4)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        assert_eq!(shard(None, 1), 0);
    }
}
