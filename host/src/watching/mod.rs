//! What feeds a [`Fleet`] while others look at it: a network, or captures at their own speed.
//!
//! ```text
//! listen::Inbox  ─┐
//!                 ├─ open → decode → filter → Fleet ← whoever shows it
//! capture, paced ─┘
//! ```
//!
//! It happens on threads of its own. Whoever shows the fleet locks it for a moment now and then, so that nobody who looks holds
//! up whoever receives; see [`Cursor`](crate::fleet::Cursor).

mod clock;
mod feed;
mod live;
mod play;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use collectd_net::SecurityLevel;

use crate::Selection;
use crate::fleet::{Fleet, Limits, Moment, Store};
use crate::listen::{Listener, Losses, Stopper};
use crate::sources::Dictionary;
use crate::types_db::TypesDb;
use crate::users::Users;

use clock::Clock;
pub(crate) use play::{Playing, Speed};

/// How packets of each of a listener's profiles are opened.
pub(crate) type Profiles = Vec<(Option<Users>, SecurityLevel)>;

/// Who is told what happens beside what arrives.
pub(crate) type Tell = Arc<dyn Fn(Tone, &str) + Send + Sync>;

/// How something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It is so.
    Plain,
    /// It had better not be so.
    Warning,
    /// It went wrong.
    Error,
}

/// What is remembered of what comes.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How much.
    pub(crate) limits: Limits,
    /// What the values of types are called, and which rates they may have.
    pub(crate) types: TypesDb,
    /// Which items; the others are counted.
    pub(crate) filter: Option<Arc<Selection>>,
}

/// A fleet, and what feeds it.
pub(crate) struct Watching {
    shared: Arc<Shared>,
    dictionary: Dictionary,
    source: String,
    stopper: Option<Stopper>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What all threads have in common.
struct Shared {
    fleet: Fleet,
    filter: Option<Arc<Selection>>,
    clock: Mutex<Clock>,
    losses: Mutex<Losses>,
    filtered: AtomicU64,
    skipped: AtomicU64,
    state: Mutex<State>,
    is_stopped: AtomicBool,
    tell: Tell,
}

/// Whether there may be more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There may.
    Running,
    /// It was stopped, or there is no more.
    Ended,
    /// Something went wrong, and there is no more.
    Failed(String),
}

/// What was counted so far. What is lost, left out or refused is part of it, each with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// What the store counted: packets, values, refusals by cause, and what it had no room for.
    pub(crate) counts: crate::fleet::Counts,
    /// What did not come through the sockets and the queue.
    pub(crate) losses: Losses,
    /// Items that the filter left out.
    pub(crate) filtered: u64,
    /// Frames and datagrams of captures that are not collectd's, or are no whole datagrams.
    pub(crate) skipped: u64,
}

impl Watching {
    /// Watches what a listener hears.
    ///
    /// # Errors
    /// When the system has no thread or descriptor to give.
    pub(crate) fn listen(listener: Listener, profiles: Profiles, settings: Settings, tell: Tell) -> io::Result<Self> {
        let source = listener.to_string();
        let (shared, dictionary) = Shared::new(settings, Clock::start(), Arc::clone(&tell));
        for error in listener.left_out() {
            tell(Tone::Warning, &format!("{error}; trying again"));
        }
        for lost in listener.without_link().iter().chain(&listener.buffer_advice()) {
            tell(Tone::Warning, &lost.to_string());
        }
        let inbox = listener.start_and_tell(move |change| live::tell_change(&tell, &change))?;
        let stopper = Some(inbox.stopper());
        let for_thread = Arc::clone(&shared);
        let thread = spawn(move || live::run(&for_thread, inbox, profiles))?;
        Ok(Self { shared, dictionary, source, stopper, thread: Mutex::new(Some(thread)) })
    }

    /// Watches what captures hold.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn play(playing: Playing, settings: Settings, tell: Tell) -> io::Result<Self> {
        let source = playing.to_string();
        let (shared, dictionary) = Shared::new(settings, Clock::played(playing.speed()), tell);
        let for_thread = Arc::clone(&shared);
        let thread = spawn(move || playing.run(&for_thread))?;
        Ok(Self { shared, dictionary, source, stopper: None, thread: Mutex::new(Some(thread)) })
    }

    /// The fleet.
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.shared.fleet
    }

    /// What time it is for the fleet: that of this machine, or of the captures.
    pub(crate) fn now(&self) -> Moment {
        lock(&self.shared.clock).now()
    }

    /// What data sources are called.
    pub(crate) const fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Where packets come from, for people. The names in it are harmless.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// What was counted so far.
    pub(crate) fn totals(&self) -> Totals {
        let Shared { fleet, losses, filtered, skipped, .. } = &*self.shared;
        let counts = fleet.lock().counts();
        let (filtered, skipped) = (filtered.load(Ordering::Relaxed), skipped.load(Ordering::Relaxed));
        Totals { counts, losses: *lock(losses), filtered, skipped }
    }

    /// Whether there may be more.
    pub(crate) fn state(&self) -> State {
        lock(&self.shared.state).clone()
    }

    /// Takes in what has arrived until now, and nothing more. It can be looked at as before.
    pub(crate) fn stop(&self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        if let Some(stopper) = &self.stopper {
            stopper.stop();
        }
        if let Some(thread) = lock(&self.thread).take() {
            thread.thread().unpark();
            // It has told why, if it did not end well.
            let _ = thread.join();
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("source", &self.source).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(settings: Settings, clock: Clock, tell: Tell) -> (Arc<Self>, Dictionary) {
        let Settings { limits, types, filter } = settings;
        let store = Store::new(limits).with_types(types.clone());
        let shared = Self {
            fleet: store.into(),
            filter,
            clock: Mutex::new(clock),
            losses: Mutex::default(),
            filtered: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            state: Mutex::new(State::Running),
            is_stopped: AtomicBool::new(false),
            tell,
        };
        (Arc::new(shared), Dictionary::new(types))
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn tell(&self, tone: Tone, message: fmt::Arguments<'_>) {
        (self.tell)(tone, &message.to_string());
    }

    /// Ends, with what went wrong.
    fn end(&self, failure: Option<String>) {
        *lock(&self.state) = failure.map_or(State::Ended, State::Failed);
    }
}

impl Totals {
    /// What did not come through, in the order of the way: how much, what one of it is, and what happened to it.
    pub(crate) fn losses(&self) -> impl Iterator<Item = (u64, &'static str, &'static str)> {
        let Self { counts, losses, filtered, skipped } = self;
        let refused = counts.refused.iter().map(|(_, count)| count).sum();
        [
            (losses.kernel, "datagram", " dropped by the kernel: receive buffer full"),
            (losses.errors, "receive error", ""),
            (losses.sources, "datagram", " from sources that are not allowed"),
            (losses.own, "datagram", " of our own"),
            (losses.duplicate_packets, "datagram", " heard before"),
            (losses.queue, "datagram", " dropped in the queue: decoding too slow"),
            (losses.forgotten_seals, "seal", " forgotten before the replay window was over"),
            (*skipped, "frame", " of captures left out: not collectd's, or not whole"),
            (refused, "refusal", ""),
            (losses.duplicate_items, "item", " heard before"),
            (*filtered, "item", " left out by the filter"),
            (counts.old, "value list", " not newer than the one before"),
            (counts.refused_hosts, "value list", " of hosts that are too many (--max-hosts)"),
            (counts.refused_series, "value list", " of series that are too many (--max-series)"),
            (counts.refused_names, "value list", " with names too long to keep"),
            (counts.untold, "change", " of hosts not told: the same one again and again"),
        ]
        .into_iter()
    }

    /// How many datagrams were lost on the way, which nobody wanted to be.
    #[cfg(any(feature = "tui", test))]
    pub(crate) const fn lost(&self) -> u64 {
        self.losses.kernel + self.losses.queue + self.losses.errors
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("watch".into()).spawn(work)
}

/// What a thread that is gone left is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
