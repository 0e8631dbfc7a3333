//! The blog's five lines: an iterator over everything that is heard.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collectd_net::{Counters, Item, SecurityLevel};
use collectd_tap_stream::Opened;
use ipnet::IpNet;

use crate::OwnedItem;
use crate::listen::{
    Duplicates, Endpoint, Inbox, ListenError, Listener, Losses, Profile, ReplayFilter, Settings, Wake,
};
use crate::users::Users;

/// Hears collectd, and iterates over the items for ever.
///
/// An `Err` is about the machine, not about what strangers send: packets that are refused are [counted](Self::counters).
#[derive(Debug)]
pub struct Reader {
    inbox: Inbox,
    /// By the profiles of the listener.
    profiles: Vec<(Option<Users>, SecurityLevel)>,
    replays: Option<Arc<ReplayFilter>>,
    duplicates: Option<Arc<Duplicates>>,
    counters: Counters,
    ready: VecDeque<OwnedItem>,
}

impl Reader {
    /// Joins collectd's two default groups on all interfaces.
    ///
    /// # Errors
    /// When the machine has no socket or thread to give. A group that no interface takes is tried again until one does.
    pub fn new() -> Result<Self, ReaderError> {
        Self::builder().open()
    }

    /// Listens elsewhere, or with passwords.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What has been received and refused so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was lost on the way, or kept out, so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.inbox.losses()
    }

    /// Opens all packets that have arrived.
    fn read(&mut self) {
        let Some((users, level)) = self.profiles.get_mut(self.inbox.share().profile()) else { return };
        if let Some(users) = users {
            // One that cannot be read any more leaves the users as they were.
            let _ = users.refresh();
        }
        // No more than a packet at once, so that memory stays bounded.
        while self.ready.is_empty() {
            let Some(packet) = self.inbox.pop() else {
                return;
            };
            let from = packet.arrival.from;
            let packet = Opened::new(packet, users.as_ref(), *level, self.replays.as_deref(), &mut self.counters);
            let now = Instant::now();
            let is_new = |item: &Item<'_>| self.duplicates.as_ref().is_none_or(|known| known.item_is_new(item, now));
            packet.each(&mut |item| {
                if let Ok(item) = item
                    && is_new(item)
                {
                    self.ready.push_back(OwnedItem::new(item, from));
                }
                ControlFlow::Continue(())
            });
        }
    }
}

impl Iterator for Reader {
    type Item = Result<OwnedItem, ReaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            self.read();
            if self.ready.is_empty() && self.inbox.wait(None) == Wake::Stopped {
                return None;
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Says where a [`Reader`] listens, and what it accepts.
///
/// ```no_run
/// use collectd_tap::Reader;
///
/// let reader = Reader::builder().listen("239.192.74.66:25826".parse()?).interface("eth0").open()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    settings: Settings,
    auth_file: Option<PathBuf>,
    level: SecurityLevel,
}

impl Builder {
    /// Listens on this group or address, instead of the default groups; may be said again.
    #[must_use]
    pub fn listen(mut self, endpoint: Endpoint) -> Self {
        self.settings.endpoints.push(endpoint);
        self
    }

    /// Listens on this interface, instead of all; may be said again.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.settings.interfaces.push(name.into());
        self
    }

    /// Hears the senders of this network alone; may be said again.
    #[must_use]
    pub fn allowed_source(mut self, network: IpNet) -> Self {
        self.settings.allowed_sources.push(network);
        self
    }

    /// Refuses sealed packets that were opened within this time before.
    #[must_use]
    pub const fn replay_window(mut self, window: Duration) -> Self {
        self.settings.replay_window = Some(window);
        self
    }

    /// Leaves out what was heard within this time before, over another interface, group or relay.
    #[must_use]
    pub const fn dedup(mut self, window: Duration) -> Self {
        self.settings.dedup = Some(window);
        self
    }

    /// Asks the kernel for a receive buffer of so many octets.
    #[must_use]
    pub const fn receive_buffer(mut self, octets: usize) -> Self {
        self.settings.receive_buffer = octets;
        self
    }

    /// Verifies and decrypts with the passwords of this file.
    #[must_use]
    pub fn auth_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth_file = Some(path.into());
        self
    }

    /// Accepts only items that are protected at least so.
    #[must_use]
    pub const fn security_level(mut self, level: SecurityLevel) -> Self {
        self.level = level;
        self
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// When the machine refuses what was asked for, or the password file cannot be read.
    pub fn open(self) -> Result<Reader, ReaderError> {
        let listener = Listener::open(&self.settings).map_err(ReaderError::Listen)?;
        let open = |profile: &Profile| {
            let level = profile.security_level.unwrap_or(self.level);
            let path = profile.auth_file.as_ref().or(self.auth_file.as_ref());
            let open = |path: &PathBuf| Users::open(path).map_err(|error| ReaderError::AuthFile(path.clone(), error));
            Ok((path.map(open).transpose()?, level))
        };
        let profiles = listener.profiles().iter().map(open).collect::<Result<_, _>>()?;
        let inbox = listener.start().map_err(ReaderError::Start)?;
        let (replays, duplicates) = (inbox.replays(), inbox.duplicates());
        Ok(Reader { inbox, profiles, replays, duplicates, counters: Counters::new(), ready: VecDeque::new() })
    }
}

/// Why a [`Reader`] did not begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReaderError {
    /// The sockets.
    Listen(ListenError),
    /// The threads.
    Start(std::io::Error),
    /// The password file.
    AuthFile(PathBuf, std::io::Error),
}

impl std::fmt::Display for ReaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::Start(error) => write!(f, "cannot start to listen: {error}"),
            Self::AuthFile(path, error) => write!(f, "cannot read {}: {error}", crate::cli::shown(path.as_os_str())),
        }
    }
}

impl std::error::Error for ReaderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            Self::Start(error) | Self::AuthFile(_, error) => Some(error),
        }
    }
}
