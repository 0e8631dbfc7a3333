//! The queue between the sockets and whoever reads the packets.
//!
//! Each socket has a thread that takes datagrams in, many with one call, and queues them as one batch. The queue is bounded in
//! octets. When its reader is too slow, new packets are dropped there and counted; the threads never wait for the reader.

use std::io::{self, IoSliceMut};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collectd_net::{Arrival, Batched};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

use super::drops;
use super::socket::Socket;

/// How many datagrams are taken in with one call.
const BATCH: usize = 64;
/// No UDP datagram is longer.
const MAX_DATAGRAM: usize = 65_535;
/// Octets of its buffer that the kernel charges for a datagram at the least.
const SMALLEST_DATAGRAM: usize = 512;
/// How many octets of memory may wait to be read.
const MAX_QUEUED: usize = 64 << 20;
/// How long to leave a socket alone that reports errors without end.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Packets that have arrived.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<Event>,
    sender: Sender<Event>,
    shared: Arc<Shared>,
    sockets: Vec<Arc<Socket>>,
    threads: Vec<JoinHandle<()>>,
    /// Closed to tell the threads that it is over.
    life: Option<UnixStream>,
    batch: Batch,
    /// How many packets of `batch` have been read.
    read: usize,
    /// Whether no more packets are taken in.
    stopped: bool,
}

/// What threads and reader both count.
#[derive(Debug, Default)]
struct Shared {
    queued: AtomicUsize,
    overflowed: AtomicU64,
    receive_errors: AtomicU64,
}

#[derive(Debug)]
enum Event {
    Batch(Batch),
    Stop,
}

/// Datagrams in one piece of memory.
#[derive(Debug, Default)]
struct Batch {
    octets: Vec<u8>,
    /// How they arrived; of each, [`MAX_DATAGRAM`] octets at the most are there.
    packets: Vec<Arrival>,
    /// Where in `octets` the next packet begins.
    start: usize,
}

impl Batch {
    /// Octets of memory it takes, so that a flood of tiny datagrams is bounded too.
    const fn weight(&self) -> usize {
        self.octets.capacity() + self.packets.capacity() * size_of::<Arrival>() + size_of::<Event>()
    }
}

/// Why waiting is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Packets have arrived.
    Arrived,
    /// The time is up.
    Timeout,
    /// Somebody asked to stop.
    Stopped,
}

/// What was lost on the way here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub kernel: u64,
    /// Datagrams dropped because the queue was full.
    pub queue: u64,
    /// Receive calls that failed.
    pub errors: u64,
}

/// Stops the wait for packets from another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Event>);

impl Stopper {
    /// What has arrived until now is still read.
    pub fn stop(&self) {
        // If the inbox is gone there is nothing to stop.
        let _ = self.0.send(Event::Stop);
    }
}

impl Inbox {
    pub(super) fn start(sockets: Vec<Socket>) -> io::Result<Self> {
        let (sender, queue) = mpsc::channel();
        let (life, end) = UnixStream::pair()?;
        let mut inbox = Self {
            queue,
            sender,
            shared: Arc::default(),
            sockets: sockets.into_iter().map(Arc::new).collect(),
            threads: Vec::new(),
            life: Some(life),
            batch: Batch::default(),
            read: 0,
            stopped: false,
        };
        for socket in &inbox.sockets {
            let intake = Intake {
                socket: Arc::clone(socket),
                end: end.try_clone()?,
                queue: inbox.sender.clone(),
                shared: Arc::clone(&inbox.shared),
            };
            inbox.threads.push(thread::Builder::new().name("intake".into()).spawn(move || intake.run())?);
        }
        Ok(inbox)
    }

    /// The next packet of those that were waited for; `None` when all are read.
    pub fn pop(&mut self) -> Option<Batched<'_>> {
        let packet = self.batch.packets.get(self.read)?;
        self.read += 1;
        let start = self.batch.start;
        self.batch.start += packet.len.min(MAX_DATAGRAM);
        let octets = self.batch.octets.get_mut(start..self.batch.start)?;
        Some(Batched::new(*packet, octets))
    }

    /// All packets of those that were waited for which have not been read yet, to be decrypted together.
    pub fn pop_all(&mut self) -> Vec<Batched<'_>> {
        let packets = self.batch.packets.get(self.read..).unwrap_or_default();
        self.read = self.batch.packets.len();
        let mut octets = self.batch.octets.get_mut(self.batch.start..).unwrap_or_default();
        let split = |packet: &Arrival| {
            let (packet_octets, rest) = mem::take(&mut octets).split_at_mut(packet.len.min(MAX_DATAGRAM));
            octets = rest;
            Batched::new(*packet, packet_octets)
        };
        packets.iter().map(split).collect()
    }

    /// Waits until packets arrive, somebody stops it, or the time is up; without a time, for ever.
    ///
    /// After a stop, what had arrived until then still comes, and then [`Wake::Stopped`] for good.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Wake {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let event = match deadline {
                _ if self.stopped => self.queue.try_recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => self.queue.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Batch(batch)) => {
                    self.take(batch);
                    return Wake::Arrived;
                }
                Ok(Event::Stop) => self.stop(),
                Err(RecvTimeoutError::Timeout) => return Wake::Timeout,
                Err(RecvTimeoutError::Disconnected) => return Wake::Stopped,
            }
        }
    }

    /// Lets another thread end the wait.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        Losses {
            kernel: self.sockets.iter().filter_map(|socket| drops::of(&socket.socket)).sum(),
            queue: self.shared.overflowed.load(Ordering::Relaxed),
            errors: self.shared.receive_errors.load(Ordering::Relaxed),
        }
    }

    fn take(&mut self, batch: Batch) {
        self.shared.queued.fetch_sub(batch.weight(), Ordering::Relaxed);
        self.batch = batch;
        self.read = 0;
    }
}

impl Inbox {
    /// Lets the threads take in what the kernel has, and end.
    fn stop(&mut self) {
        self.stopped = true;
        self.life = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A thread that takes the datagrams of one socket in.
struct Intake {
    socket: Arc<Socket>,
    /// Hangs up when the inbox is dropped.
    end: UnixStream,
    queue: Sender<Event>,
    shared: Arc<Shared>,
}

impl Intake {
    fn run(self) {
        let mut room = Room::new();
        while self.wait() {
            match self.receive(&mut room) {
                Ok(batch) => self.enqueue(batch),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                // A link that is down, memory that is short: it may pass.
                Err(_) => {
                    self.shared.receive_errors.fetch_add(1, Ordering::Relaxed);
                    self.pause();
                }
            }
        }
        // It is over; the kernel still holds this many datagrams at the most.
        let mut left = self.socket.receive_buffer() / SMALLEST_DATAGRAM;
        while left > 0
            && let Ok(batch) = self.receive(&mut room)
        {
            left = left.saturating_sub(batch.packets.len());
            self.enqueue(batch);
        }
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

    fn receive(&self, room: &mut Room) -> nix::Result<Batch> {
        let mut packets = Vec::with_capacity(BATCH);
        {
            let mut slices: Vec<_> = room.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let messages = recvmmsg(self.socket.socket.as_raw_fd(), &mut room.headers, &mut slices, flags, None)?;
            for message in messages {
                // With MSG_TRUNC this is the length on the wire.
                let len = message.bytes;
                packets.push(Arrival { len, from: message.address.and_then(sender) });
            }
        }
        let total = packets.iter().map(|packet| packet.len.min(MAX_DATAGRAM)).sum();
        let mut octets = Vec::with_capacity(total);
        for (buffer, packet) in room.buffers.iter().zip(&packets) {
            octets.extend_from_slice(&buffer[..packet.len.min(MAX_DATAGRAM)]);
        }
        Ok(Batch { octets, packets, start: 0 })
    }

    /// Queues a batch, or drops and counts it.
    fn enqueue(&self, batch: Batch) {
        let weight = batch.weight();
        if self.shared.queued.load(Ordering::Relaxed) + weight > MAX_QUEUED {
            let lost = u64::try_from(batch.packets.len()).unwrap_or(u64::MAX);
            self.shared.overflowed.fetch_add(lost, Ordering::Relaxed);
            return;
        }
        self.shared.queued.fetch_add(weight, Ordering::Relaxed);
        // The inbox outlives its threads, so it takes everything.
        let _ = self.queue.send(Event::Batch(batch));
    }
}

/// Where the kernel puts datagrams.
struct Room {
    buffers: Vec<Vec<u8>>,
    headers: MultiHeaders<SockaddrStorage>,
}

impl Room {
    fn new() -> Self {
        Self { buffers: vec![vec![0; MAX_DATAGRAM]; BATCH], headers: MultiHeaders::preallocate(BATCH, None) }
    }
}

fn sender(address: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}
