//! The blog's five lines: an iterator over everything that is heard.

use std::collections::VecDeque;
use std::path::PathBuf;

use collectd_net::{Counters, Packet, SecurityLevel};

use crate::OwnedItem;
use crate::listen::{Address, Inbox, ListenError, Listener, Settings, Wake};
use crate::users::Users;

/// Hears collectd, and iterates over the items for ever.
///
/// An `Err` is about the machine, not about what strangers send: packets that are refused are [counted](Self::counters).
#[derive(Debug)]
pub struct Reader {
    inbox: Inbox,
    users: Option<Users>,
    level: SecurityLevel,
    counters: Counters,
    ready: VecDeque<OwnedItem>,
}

impl Reader {
    /// Joins collectd's two default groups on all interfaces.
    ///
    /// # Errors
    /// When none of them can be joined.
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

    /// Opens all packets that have arrived.
    fn read(&mut self) {
        if let Some(users) = &mut self.users {
            // One that cannot be read any more leaves the users as they were.
            let _ = users.refresh();
        }
        // No more than a batch at once, so that memory stays bounded.
        while self.ready.is_empty() {
            let Some(packet) = self.inbox.pop() else {
                return;
            };
            let from = packet.arrival.from;
            let packet = Packet::of_batch(packet, self.users.as_ref(), self.level, (), &mut self.counters);
            self.ready.extend(packet.flatten().map(|item| OwnedItem::new(&item, from)));
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
    pub fn listen(mut self, address: Address) -> Self {
        self.settings.addresses.push(address);
        self
    }

    /// Listens on this interface, instead of all; may be said again.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.settings.interfaces.push(name.into());
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
        let users = match self.auth_file {
            Some(path) => match Users::open(&path) {
                Ok(users) => Some(users),
                Err(error) => return Err(ReaderError::AuthFile(path, error)),
            },
            None => None,
        };
        let listener = Listener::open(&self.settings).map_err(ReaderError::Listen)?;
        let inbox = listener.start().map_err(ReaderError::Start)?;
        Ok(Reader { inbox, users, level: self.level, counters: Counters::new(), ready: VecDeque::new() })
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
