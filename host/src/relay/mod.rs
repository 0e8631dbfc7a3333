//! Relaying: what is heard is sent on, whole or item by item, and never twice.
//!
//! ```text
//!              Listener, Inbox          Worker                                  Outlet, one for each destination
//!
//! socket → own, duplicates → queue → ┬ whole ──────────────────────────── guard → Lane → Destination → socket
//!                                    └ open → filter → duplicates → Hosts → guard → Packer → Lane → seal → Destination → socket
//! ```
//!
//! Nothing multiplies, however relays are joined up: a packet is known again by its octets, an item by its identifier, time and
//! values, before and after its host got a new name; and what others have sent to a group already is not sent there again.

mod guard;
mod lane;
mod outlet;
mod rename;
mod report;
mod worker;

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collectd_net::{Item, PACKET_SIZE, SecurityLevel};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use lane::Amount;
pub use rename::{Hosts, Rename, RenameError};
pub use report::{Delivery, Report};
pub use worker::Tally;

use crate::Selection;
use crate::listen::{
    Change, Duplicates, Inbox, ListenError, Listener, Losses, Own, Profile, ReplayFilter, Share, Stopper, Wake,
};
use crate::send::{Destination, Level, MAX_AGE, Notice, SendError, Server};
use crate::users::{Refresh, Users};
use guard::{Guard, Keys};
use lane::Lane;
use outlet::Outlet;
use worker::{Offered, Worker};

/// How long what was heard is remembered, if nothing else is said.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How long what was heard has to be remembered at the least, or relays would send each other the same for ever.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// How long destinations may take in the end to send what waits for them.
const LAST_CALL: Duration = Duration::from_secs(5);
/// How often it is tried again to listen to a group that is sent to.
const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// How long packets gather at the socket of a group that is sent to.
const GATHER: Duration = Duration::from_millis(10);
/// How old the numbers of losses are at the most.
const FRESH: Duration = Duration::from_millis(500);

/// What to relay, where to, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where and how to listen; what it says of duplicates holds for packets and for items.
    pub listen: crate::listen::Settings,
    /// The passwords to open packets with.
    pub auth_file: Option<PathBuf>,
    /// What is accepted at the least.
    pub security_level: SecurityLevel,
    /// Where everything goes.
    pub servers: Vec<Server>,
    /// How it goes there.
    pub mode: Mode,
    /// Octets of memory for packets that wait for one destination.
    pub queue: usize,
    /// Whether the groups that are sent to are listened to, so that what is there already is not sent there again.
    pub guard: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: crate::listen::Settings::default(),
            auth_file: None,
            security_level: SecurityLevel::None,
            servers: Vec::new(),
            mode: Mode::Raw,
            queue: 16 << 20,
            guard: true,
        }
    }
}

/// What is sent on.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// Packets, octet by octet as they were sent, with their seal.
    ///
    /// They are opened only if there are passwords, a security level or a replay window to look at, and then pass if everything in
    /// them opens.
    #[default]
    Raw,
    /// Items, packed anew, and sealed as each server asks.
    Repacked(Repacking),
}

/// Which items are sent on, and how they are packed.
#[derive(Clone, Debug)]
pub struct Repacking {
    /// Only items that fit.
    pub selection: Option<Arc<Selection>>,
    /// Value lists are sent on.
    pub values: bool,
    /// Notifications are sent on.
    pub notifications: bool,
    /// What hosts are called from here on.
    pub hosts: Hosts,
    /// Octets of a packet at the most.
    pub packet_size: usize,
    /// How long an item waits for others to share its packet.
    pub max_age: Duration,
}

impl Default for Repacking {
    fn default() -> Self {
        Self {
            selection: None,
            values: true,
            notifications: true,
            hosts: Hosts::default(),
            packet_size: PACKET_SIZE,
            max_age: MAX_AGE,
        }
    }
}

impl Repacking {
    /// Whether an item is sent on.
    fn wants(&self, item: &Item<'_>) -> bool {
        let of_kind = match item {
            Item::ValueList(_) => self.values,
            Item::Notification(_) => self.notifications,
        };
        of_kind && self.selection.as_ref().is_none_or(|selection| selection.matches(item))
    }
}

/// Why a relay did not begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelayError {
    /// There is nowhere to send to.
    NoServer,
    /// What was heard is to be forgotten at once.
    Window,
    /// A server asks for a seal, which packets cannot get that stay as they are.
    SealedRaw(String),
    /// A security level without passwords.
    NoPasswords,
    /// The password file.
    AuthFile(PathBuf, io::Error),
    /// Where to listen.
    Listen(ListenError),
    /// Where to send.
    Send(SendError),
    /// The threads.
    Start(io::Error),
}

impl RelayError {
    /// Whether what was asked for is wrong, rather than the machine unable.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Listen(error) => error.is_usage(),
            Self::Send(error) => error.is_usage(),
            Self::Start(_) => false,
            Self::NoServer | Self::Window | Self::SealedRaw(_) | Self::NoPasswords | Self::AuthFile(..) => true,
        }
    }
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => f.write_str("there is no server to send to"),
            Self::Window => {
                write!(f, "what was heard has to be remembered for {} s or more", SHORTEST_WINDOW.as_secs())
            }
            Self::SealedRaw(server) => {
                write!(f, "packets that stay as they are cannot be sealed anew for {server}")
            }
            Self::NoPasswords => f.write_str("this security level needs passwords"),
            Self::AuthFile(path, error) => write!(f, "cannot read {}: {error}", crate::cli::shown(path.as_os_str())),
            Self::Listen(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Start(error) => write!(f, "cannot start to relay: {error}"),
        }
    }
}

impl std::error::Error for RelayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AuthFile(_, error) | Self::Start(error) => Some(error),
            Self::Listen(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::NoServer | Self::Window | Self::SealedRaw(_) | Self::NoPasswords => None,
        }
    }
}

/// What there is to tell while relaying. [`Display`](fmt::Display) gives a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// About listening.
    Listening(Change),
    /// About a destination.
    Sending(Notice),
    /// The passwords in this file were read again, so many users; or they could not be read.
    Users(PathBuf, io::Result<usize>),
    /// The group of this server cannot be listened to, so what is there already may be sent there again.
    Unguarded(String, io::Error),
}

impl News {
    /// Whether something does not work.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        match self {
            Self::Listening(change) => matches!(change, Change::Trouble(_) | Change::SmallBuffer { .. }),
            Self::Sending(notice) => matches!(notice, Notice::Failing { .. }),
            Self::Users(_, outcome) => outcome.is_err(),
            Self::Unguarded(..) => true,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| crate::cli::shown(path.as_os_str()).to_string();
        match self {
            Self::Listening(change) => change.fmt(f),
            Self::Sending(notice) => notice.fmt(f),
            Self::Users(path, Ok(count)) => write!(f, "read {count} users again from {}", name(path)),
            Self::Users(path, Err(error)) => {
                write!(f, "cannot read {} again: {error}; the users stay as they were", name(path))
            }
            Self::Unguarded(server, error) => {
                write!(f, "cannot listen to {server} ({error}), so what others send there may be sent there again")
            }
        }
    }
}

type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// What all threads have in common.
pub(crate) struct Common {
    mode: Mode,
    /// By the profiles of the listener.
    profiles: Vec<(Option<Users>, SecurityLevel)>,
    replays: Option<Arc<ReplayFilter>>,
    duplicates: Arc<Duplicates>,
    outlets: Vec<Arc<Outlet>>,
    /// Of each worker.
    published: Vec<Mutex<(Tally, Vec<Offered>)>>,
    losses: Mutex<Losses>,
    tell: Tell,
}

impl Common {
    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.outlets.iter().filter_map(|outlet| outlet.guard.as_ref())
    }

    /// Reads a password file again if it has changed; the first worker tells.
    fn refresh(&self, users: &mut Users, worker: usize) {
        let outcome = match users.refresh() {
            Refresh::Same => return,
            Refresh::Read(count) => Ok(count),
            Refresh::Failed(error) => Err(error),
        };
        if worker == 0 {
            (self.tell)(News::Users(users.path().to_owned(), outcome));
        }
    }

    fn publish(&self, worker: usize, tally: &Tally, offered: impl Iterator<Item = Offered>) {
        if let Some(place) = self.published.get(worker) {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            place.0.clone_from(tally);
            place.1.clear();
            place.1.extend(offered);
        }
    }

    fn publish_losses(&self, losses: Losses) {
        *self.losses.lock().unwrap_or_else(PoisonError::into_inner) = losses;
    }

    fn report(&self) -> Report {
        let losses = *self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let published: Vec<_> =
            self.published.iter().map(|place| place.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect();
        Report::new(&self.outlets, &published, losses)
    }
}

/// A relay at work, on threads of its own; it ends when it is dropped.
///
/// ```no_run
/// use collectd_tap::relay::{Relay, Settings};
///
/// let settings = Settings { servers: vec!["collector.example".parse()?], ..Settings::default() };
/// let relay = Relay::start(&settings, |news| eprintln!("{news}"))?;
/// std::thread::sleep(std::time::Duration::from_secs(3600));
/// println!("{}", relay.stop());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Relay {
    common: Arc<Common>,
    listening: String,
    stopper: Stopper,
    lead: Option<JoinHandle<()>>,
    outlets: Vec<JoinHandle<()>>,
    /// Hangs up when the guards' thread is to end.
    guarding: Option<(UnixStream, JoinHandle<()>)>,
}

impl Relay {
    /// Begins to relay. What there is to say meanwhile is told on any of its threads.
    ///
    /// # Errors
    /// What is wrong with the settings, or what the machine refuses. What may come later, such as the address of a name, is waited
    /// for and told.
    pub fn start(settings: &Settings, tell: impl Fn(News) + Send + Sync + 'static) -> Result<Self, RelayError> {
        let tell: Tell = Arc::new(tell);
        let mut listen = settings.listen.clone();
        let window = *listen.dedup.get_or_insert(WINDOW);
        if window < SHORTEST_WINDOW {
            return Err(RelayError::Window);
        }
        let destinations = destinations(settings, &tell)?;
        let mut listener = Listener::open(&listen).map_err(RelayError::Listen)?;
        let open = |profile: &Profile| opened(profile, settings);
        let profiles = listener.profiles().iter().map(open).collect::<Result<Vec<_>, _>>()?;
        for error in listener.left_out() {
            tell(News::Listening(Change::Trouble(error.to_string())));
        }
        listener.buffer_advice().into_iter().for_each(|advice| tell(News::Listening(advice)));
        let listening = listener.to_string();
        let own = Arc::new(Own::default());
        listener.leave_out(Arc::clone(&own));
        let told = Arc::clone(&tell);
        let inbox = listener.start_and_tell(move |change| told(News::Listening(change))).map_err(RelayError::Start)?;

        // Set above, so there is one.
        let duplicates = inbox.duplicates().unwrap_or_else(|| Arc::new(Duplicates::new(window)));
        let outlets = destinations.iter().map(|destination| {
            let guard = settings.guard.then(|| guard(destination, settings, window, &own, &duplicates)).flatten();
            Arc::new(Outlet::new(destination, Lane::new(settings.queue, listen.drop_policy), guard))
        });
        let common = Arc::new(Common {
            mode: settings.mode.clone(),
            profiles,
            replays: inbox.replays(),
            outlets: outlets.collect(),
            duplicates,
            published: (0..listen.workers.max(1)).map(|_| Mutex::default()).collect(),
            losses: Mutex::default(),
            tell,
        });
        let mut relay =
            Self { stopper: inbox.stopper(), common, listening, lead: None, outlets: Vec::new(), guarding: None };
        relay.spawn(inbox, destinations, &own).map_err(RelayError::Start)?;
        Ok(relay)
    }

    /// Starts the threads. Should one not start, the others end with the relay.
    fn spawn(&mut self, inbox: Inbox, destinations: Vec<Destination>, own: &Arc<Own>) -> io::Result<()> {
        if self.common.guards().next().is_some() {
            let troubles = open_guards(&self.common);
            let (life, end) = UnixStream::pair()?;
            let common = Arc::clone(&self.common);
            let thread = thread::Builder::new().name("guards".into());
            self.guarding = Some((life, thread.spawn(move || watch_guards(&common, &end, troubles))?));
        }
        for (number, destination) in destinations.into_iter().enumerate() {
            let Some(outlet) = self.common.outlets.get(number).map(Arc::clone) else { continue };
            let own = Arc::clone(own);
            let thread = thread::Builder::new().name("outlet".into());
            self.outlets.push(thread.spawn(move || outlet.run(destination, number, &own))?);
        }
        let common = Arc::clone(&self.common);
        self.lead = Some(thread::Builder::new().name("relay".into()).spawn(move || lead(inbox, &common))?);
        Ok(())
    }

    /// What is listened on, for people: addresses, interfaces and the size of the receive buffer.
    #[must_use]
    pub fn listening(&self) -> &str {
        &self.listening
    }

    /// What has happened so far. Losses may be half a second old.
    #[must_use]
    pub fn report(&self) -> Report {
        self.common.report()
    }

    /// Sends on what has arrived until now, ends, and tells what has happened. Destinations get some seconds for what waits for
    /// them.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.end();
        self.common.report()
    }

    fn end(&mut self) {
        self.stopper.stop();
        // A thread that has panicked has said so.
        let _ = self.lead.take().map(JoinHandle::join);
        self.common.outlets.iter().for_each(|outlet| outlet.lane.close());
        let deadline = Instant::now() + LAST_CALL;
        for outlet in &self.common.outlets {
            if !outlet.lane.wait_for_end(deadline.saturating_duration_since(Instant::now())) {
                outlet.lane.end();
            }
        }
        for outlet in self.outlets.drain(..) {
            let _ = outlet.join();
        }
        if let Some((life, thread)) = self.guarding.take() {
            drop(life);
            let _ = thread.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("mode", &self.mode).field("outlets", &self.outlets).finish_non_exhaustive()
    }
}

/// Prepares to send to every server.
fn destinations(settings: &Settings, tell: &Tell) -> Result<Vec<Destination>, RelayError> {
    if settings.servers.is_empty() {
        return Err(RelayError::NoServer);
    }
    let open = |server: &Server| {
        if matches!(settings.mode, Mode::Raw) && server.level != Level::None {
            return Err(RelayError::SealedRaw(server.to_string()));
        }
        let tell = Arc::clone(tell);
        let destination = Destination::open(server).map_err(RelayError::Send)?;
        Ok(destination.tell(move |notice| tell(News::Sending(notice))))
    };
    settings.servers.iter().map(open).collect()
}

/// How packets of a profile are opened.
fn opened(profile: &Profile, settings: &Settings) -> Result<(Option<Users>, SecurityLevel), RelayError> {
    let level = profile.security_level.unwrap_or(settings.security_level);
    let path = profile.auth_file.as_ref().or(settings.auth_file.as_ref());
    let open = |path: &PathBuf| Users::open(path).map_err(|error| RelayError::AuthFile(path.clone(), error));
    let users = path.map(open).transpose()?;
    if users.is_none() && level != SecurityLevel::None {
        return Err(RelayError::NoPasswords);
    }
    Ok((users, level))
}

/// What listens to the group that a destination is, if it is one.
fn guard(
    destination: &Destination,
    settings: &Settings,
    window: Duration,
    own: &Arc<Own>,
    duplicates: &Arc<Duplicates>,
) -> Option<Guard> {
    let keys = matches!(settings.mode, Mode::Repacked(_)).then(|| Keys {
        level: match destination.server().level {
            Level::None => SecurityLevel::None,
            Level::Sign => SecurityLevel::Sign,
            Level::Encrypt | Level::EncryptAndSign => SecurityLevel::Encrypt,
        },
        // Read before, so it can be read; else packets that need it stay closed here.
        users: settings.auth_file.as_ref().and_then(|path| Users::open(path).ok()),
        own: destination.credentials().map(|(user, key)| (user.to_owned(), key.clone())),
    });
    Guard::new(&destination.server().address, keys, window, Arc::clone(own), Arc::clone(duplicates))
}

/// Opens the guards that are not open; which of them cannot be.
fn open_guards(common: &Common) -> Vec<(usize, io::Error)> {
    let open = |(number, outlet): (usize, &Arc<Outlet>)| Some((number, outlet.guard.as_ref()?.open().err()?));
    common.outlets.iter().enumerate().filter_map(open).collect()
}

/// Keeps the guards open and their sockets empty, until it is over. That one cannot be opened is told once, until it can.
fn watch_guards(common: &Common, end: &UnixStream, mut troubles: Vec<(usize, io::Error)>) {
    let mut told = Vec::new();
    let mut opened = Instant::now();
    loop {
        let failing: Vec<_> = troubles.iter().map(|(number, _)| *number).collect();
        for (number, error) in troubles.drain(..) {
            if !told.contains(&number)
                && let Some(outlet) = common.outlets.get(number)
            {
                (common.tell)(News::Unguarded(outlet.server.clone(), error));
            }
        }
        told = failing;
        while opened.elapsed() < OPEN_AGAIN {
            let sockets: Vec<_> = common.guards().filter_map(Guard::socket).collect();
            let mut ends = vec![PollFd::new(end.as_fd(), PollFlags::empty())];
            ends.extend(sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
            let left = OPEN_AGAIN.saturating_sub(opened.elapsed()) + Duration::from_millis(1);
            let count = poll(&mut ends, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)).unwrap_or_default();
            if ends.first().and_then(PollFd::revents).is_some_and(|events| !events.is_empty()) {
                return;
            }
            if count > 0 {
                thread::sleep(GATHER);
                common.guards().for_each(Guard::look);
            }
        }
        opened = Instant::now();
        troubles = open_guards(common);
    }
}

/// Works on the first share of what arrives, has others work on theirs, and ends all of them.
fn lead(mut inbox: Inbox, common: &Arc<Common>) {
    let shares = inbox.take_shares();
    let mut worker = Worker::new(Arc::clone(common), 0);
    thread::scope(|scope| {
        for (number, share) in shares.into_iter().enumerate() {
            let common = Arc::clone(common);
            scope.spawn(move || help(share, Worker::new(common, number + 1)));
        }
        let mut looked: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if looked.is_none_or(|looked| now.saturating_duration_since(looked) >= FRESH) {
                common.publish_losses(inbox.losses());
                looked = Some(now);
            }
            let left = worker.due().map_or(FRESH, |due| due.saturating_duration_since(now).min(FRESH));
            match inbox.wait(Some(left)) {
                Wake::Arrived => worker.take(inbox.share()),
                Wake::Timeout => worker.flush_due(Instant::now()),
                Wake::Stopped => break,
            }
        }
        worker.flush();
        // The others end after what has arrived until now.
        inbox.stop();
    });
    common.publish_losses(inbox.losses());
}

fn help(mut share: Share, mut worker: Worker) {
    loop {
        let left = worker.due().map(|due| due.saturating_duration_since(Instant::now()));
        match share.wait(left) {
            Wake::Arrived => worker.take(&mut share),
            Wake::Timeout => worker.flush_due(Instant::now()),
            Wake::Stopped => break,
        }
    }
    worker.flush();
}
