//! The thread that watches interfaces and drops, and starts and ends the threads of the sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collectd_tap_stream::intake::{Intake, Queue, Shared, Socket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::interfaces;
use super::seats::{Change, Changes, Seats, Wanted};
use super::{Address, ListenError};

/// How often the kernel is asked for drops, and what failed is tried again.
const TICK: Duration = Duration::from_secs(1);
/// How long an interface that could not be joined is tried again without a sign of change.
const GIVE_UP: Duration = Duration::from_secs(10);
/// How long the start waits for names to be resolved.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(2);

/// What is wanted, and how far that is so.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) seats: Seats,
    wanted: Vec<Wanted>,
    /// Names that are being resolved: what each is wanted for comes when it is.
    unresolved: Option<Receiver<Resolved>>,
    /// `None` where the system does not tell; then all interfaces are looked at every tick.
    signals: Option<interfaces::Changes>,
    /// What was told already.
    troubles: BTreeSet<String>,
    /// Names that have no addresses yet; for each the host, and why.
    unresolved_troubles: BTreeMap<String, (String, String)>,
    /// When to stop to try again to join where it fails.
    retry_until: Option<Instant>,
}

/// What came of a name: the addresses, or why there are none yet.
type Resolved = (String, Result<Vec<Wanted>, (String, String)>);

impl Watch {
    /// Begins to watch before it looks, so that nothing is missed in between.
    pub(super) fn new(buffer: usize) -> Self {
        Self {
            seats: Seats { buffer, ..Seats::default() },
            wanted: Vec::new(),
            unresolved: None,
            signals: interfaces::Changes::watch().ok(),
            troubles: BTreeSet::new(),
            unresolved_troubles: BTreeMap::new(),
            retry_until: None,
        }
    }

    /// Adds what is wanted: of each address with a name, everything but the IP address.
    pub(super) fn want(&mut self, wanted: Vec<(Address, Wanted)>) {
        let (sender, receiver) = mpsc::channel();
        let mut names = 0_usize;
        for (address, wanted) in wanted {
            if address.is_name() {
                names += 1;
                let sender = sender.clone();
                let resolve = move || resolve_until_it_works(&address, &wanted, &sender);
                // Where there is no thread to be had, nothing else works either, and that is said elsewhere.
                let _ = thread::Builder::new().name("resolver".into()).spawn(resolve);
            } else {
                self.add(wanted);
            }
        }
        drop(sender);
        self.unresolved = Some(receiver);
        let deadline = Instant::now() + RESOLVE_PATIENCE;
        while names > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.unresolved.as_ref().map(|receiver| receiver.recv_timeout(left)) {
                Some(Ok(resolved)) => self.take_resolved(resolved),
                Some(Err(RecvTimeoutError::Timeout)) | None => break,
                Some(Err(RecvTimeoutError::Disconnected)) => break,
            }
            names -= 1;
        }
    }

    fn add(&mut self, wanted: Wanted) {
        if !self.wanted.contains(&wanted) {
            self.wanted.push(wanted);
        }
    }

    fn take_resolved(&mut self, (name, resolved): Resolved) {
        match resolved {
            Ok(wanted) => {
                self.unresolved_troubles.remove(&name);
                wanted.into_iter().for_each(|wanted| self.add(wanted));
            }
            Err(trouble) => {
                self.unresolved_troubles.insert(name, trouble);
            }
        }
    }

    /// Whether this interface is one that somebody has named, or whose address is listened on, rather than one of all.
    pub(super) fn is_meant(&self, interface: &str) -> bool {
        self.seats.is_meant(interface, &self.wanted)
    }

    /// What could not be resolved yet.
    pub(super) fn unresolved(&self) -> impl Iterator<Item = ListenError> {
        self.unresolved_troubles.values().map(|(host, error)| ListenError::Resolve(host.clone(), error.clone()))
    }

    /// Opens, joins and leaves what is to be; what cannot be done is returned.
    pub(super) fn reconcile(&mut self, gone: &[u32], tell: &mut dyn FnMut(Change)) -> Vec<ListenError> {
        let interfaces = match interfaces::all() {
            Ok(interfaces) => interfaces,
            Err(error) => return vec![ListenError::Interfaces(error)],
        };
        let mut changes = Changes { tell, troubles: Vec::new(), incomplete: false };
        self.seats.reconcile(&self.wanted, &interfaces, gone, &mut changes);
        if changes.incomplete {
            self.retry_until.get_or_insert_with(|| Instant::now() + GIVE_UP);
        } else {
            self.retry_until = None;
        }
        changes.troubles
    }

    /// Tells troubles that were not told before.
    pub(super) fn tell_troubles(&mut self, troubles: &[ListenError], tell: &mut dyn FnMut(Change)) {
        let unresolved = self.unresolved().map(|trouble| trouble.to_string());
        let now: BTreeSet<_> = troubles.iter().map(ToString::to_string).chain(unresolved).collect();
        now.difference(&self.troubles).for_each(|trouble| tell(Change::Trouble(trouble.clone())));
        self.troubles = now;
    }

    /// Whether something is to be tried again though nothing has changed.
    fn is_to_retry(&self) -> bool {
        self.signals.is_none()
            || !self.troubles.is_empty()
            || self.retry_until.is_some_and(|until| Instant::now() < until)
    }

    /// Takes over what resolvers have found; whether that was anything.
    fn look_for_resolved(&mut self) -> bool {
        let mut any = false;
        while let Some(Ok(resolved)) = self.unresolved.as_ref().map(Receiver::try_recv) {
            self.take_resolved(resolved);
            any = true;
        }
        any
    }
}

/// Tries until the name has addresses, or nobody wants to know any more.
fn resolve_until_it_works(address: &Address, wanted: &Wanted, sender: &mpsc::Sender<Resolved>) {
    let name = address.to_string();
    loop {
        let resolved = match address.resolve() {
            Ok(addresses) => Ok(addresses.into_iter().map(|address| Wanted { address, ..wanted.clone() }).collect()),
            Err(error) => Err((address.host.clone(), error.to_string())),
        };
        let is_done = resolved.is_ok();
        if sender.send((name.clone(), resolved)).is_err() || is_done {
            return;
        }
        thread::sleep(2 * TICK);
    }
}

/// The threads at work.
#[derive(Debug)]
pub(super) struct Watching {
    /// Closed to tell the watcher that it is over.
    life: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    sockets: Arc<Mutex<Vec<Arc<Socket>>>>,
    shared: Arc<Shared>,
}

impl Watching {
    /// Starts a thread for each socket, and one that watches.
    pub(super) fn start(watch: Watch, shared: Arc<Shared>, tell: Box<dyn FnMut(Change) + Send>) -> io::Result<Self> {
        let (life, end) = UnixStream::pair()?;
        let sockets = Arc::default();
        let mut watcher = Watcher {
            watch,
            threads: Vec::new(),
            sockets: Arc::clone(&sockets),
            shared: Arc::clone(&shared),
            end,
            tell,
        };
        watcher.follow()?;
        let thread = thread::Builder::new().name("watcher".into()).spawn(move || watcher.run())?;
        Ok(Self { life: Some(life), thread: Some(thread), sockets, shared })
    }

    /// How many datagrams the kernel dropped until now.
    pub(super) fn kernel_drops(&self) -> u64 {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sockets.iter().map(|socket| {
            socket.ask_for_drops();
            socket.drops.count()
        });
        open.sum::<u64>() + self.shared.kernel.load(Ordering::Relaxed)
    }

    /// Has the threads take in what the kernel holds, and end.
    pub(super) fn stop(&mut self) {
        self.life = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

struct Watcher {
    watch: Watch,
    /// Of each socket that is taken in from.
    threads: Vec<SocketThread>,
    /// The same sockets, to be asked for drops.
    sockets: Arc<Mutex<Vec<Arc<Socket>>>>,
    shared: Arc<Shared>,
    end: UnixStream,
    tell: Box<dyn FnMut(Change) + Send>,
}

struct SocketThread {
    socket: Arc<Socket>,
    /// Closed to tell the thread that it is over.
    life: UnixStream,
    thread: JoinHandle<()>,
}

impl SocketThread {
    fn start(socket: &Arc<Socket>, profile: usize, shared: &Arc<Shared>) -> io::Result<Self> {
        let (life, end) = UnixStream::pair()?;
        let intake = Intake { socket: Arc::clone(socket), profile, end, shared: Arc::clone(shared) };
        let thread = thread::Builder::new().name("intake".into()).spawn(move || intake.run())?;
        Ok(Self { socket: Arc::clone(socket), life, thread })
    }
}

impl Watcher {
    fn run(mut self) {
        while let Some((changed, gone)) = self.wait() {
            for thread in &self.threads {
                thread.socket.ask_for_drops();
            }
            if changed {
                self.watch.retry_until = None;
            }
            let resolved = self.watch.look_for_resolved();
            if changed || resolved || self.watch.is_to_retry() {
                let troubles = self.watch.reconcile(&gone, &mut self.tell);
                self.watch.tell_troubles(&troubles, &mut self.tell);
                if let Err(error) = self.follow() {
                    (self.tell)(Change::Trouble(format!("cannot start a thread for a socket: {error}")));
                }
            }
        }
        self.watch.seats.seats.clear();
        self.end_threads();
        self.shared.queues.iter().for_each(Queue::close);
    }

    /// Waits for a tick or a change: whether there was one, and the interfaces that are gone. `None` when it is over.
    fn wait(&self) -> Option<(bool, Vec<u32>)> {
        let timeout = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
        let mut ends = vec![PollFd::new(self.end.as_fd(), PollFlags::empty())];
        ends.extend(self.watch.signals.as_ref().map(|signals| PollFd::new(signals.as_fd(), PollFlags::POLLIN)));
        let outcome = poll(&mut ends, timeout);
        if outcome.is_ok() && ends[0].revents().is_some_and(|events| !events.is_empty()) {
            return None;
        }
        Some(self.watch.signals.as_ref().map(interfaces::Changes::read).unwrap_or_default())
    }

    /// Starts threads for sockets that have none, and ends those whose socket is no longer wanted.
    fn follow(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        for seat in &self.watch.seats.seats {
            if !self.threads.iter().any(|thread| Arc::ptr_eq(&thread.socket, &seat.socket)) {
                match SocketThread::start(&seat.socket, seat.profile, &self.shared) {
                    Ok(thread) => self.threads.push(thread),
                    Err(error) => outcome = Err(error),
                }
            }
        }
        self.end_threads();
        let sockets = self.threads.iter().map(|thread| Arc::clone(&thread.socket)).collect();
        *self.sockets.lock().unwrap_or_else(PoisonError::into_inner) = sockets;
        outcome
    }

    /// Ends the threads whose socket is not among the seats.
    fn end_threads(&mut self) {
        let seats = &self.watch.seats.seats;
        let is_wanted = |thread: &SocketThread| seats.iter().any(|seat| Arc::ptr_eq(&thread.socket, &seat.socket));
        let (wanted, unwanted) = mem::take(&mut self.threads).into_iter().partition(is_wanted);
        self.threads = wanted;
        // All of them hang up before the first is waited for.
        let hung_up: Vec<_> =
            Vec::into_iter(unwanted).map(|thread| (thread.socket, thread.thread, drop(thread.life))).collect();
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for (socket, thread, ()) in hung_up {
            // A thread that panicked has said so already.
            let _ = thread.join();
            sockets.retain(|other| !Arc::ptr_eq(other, &socket));
            self.shared.kernel.fetch_add(socket.drops.count(), Ordering::Relaxed);
        }
    }
}
