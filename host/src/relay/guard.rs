//! What is there already: relays listen to the groups that they send to.
//!
//! ```text
//!             ┌─ relay ─┐
//!   group A ──┤         ├── group B        what one carries from A to B, the other does not carry back to A,
//!             └─ relay ─┘                  because it has heard it there
//! ```
//!
//! A packet can come back only after it was there, so everything that waits at the group's socket is looked at before anything is
//! sent on.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use collectd_net::{Key, Passwords, SecurityLevel, open};

use crate::listen::{Duplicates, Ear, Own, REMEMBERED, RecentHashes, overhear};
use crate::users::Users;

/// Octets of receive buffer to ask for.
const BUFFER: usize = 4 << 20;
/// How many datagrams the kernel keeps in that at the most: it doubles it, and charges 512 octets for a datagram at the least.
const HELD: usize = 2 * BUFFER / 512;
/// No UDP datagram is longer.
const MAX_DATAGRAM: usize = 65_535;

/// The group that one destination is.
#[derive(Debug)]
pub(super) struct Guard {
    group: SocketAddr,
    interface: Option<String>,
    state: Mutex<State>,
    own: Arc<Own>,
    duplicates: Arc<Duplicates>,
}

#[derive(Debug)]
struct State {
    ear: Option<Ear>,
    known: RecentHashes,
    buffer: Box<[u8]>,
    /// What packets are opened with, to know their items; `None` if they are known by their octets.
    keys: Option<Keys>,
}

/// The passwords of those who send to the group: of all who are known, and our own.
#[derive(Debug)]
pub(super) struct Keys {
    /// What protects less does not count: whoever wants an item protected so does not take it.
    pub(super) level: SecurityLevel,
    pub(super) users: Option<Users>,
    pub(super) own: Option<(String, Key)>,
}

impl Passwords for &Keys {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        let own = self.own.as_ref().filter(|(name, _)| name.as_bytes() == user).map(|(_, key)| key);
        own.or_else(|| self.users.as_ref()?.key(user))
    }
}

impl Guard {
    /// For a destination of this address; `None` if it is not a group.
    pub(super) fn new(
        address: &crate::listen::Address,
        keys: Option<Keys>,
        window: Duration,
        own: Arc<Own>,
        duplicates: Arc<Duplicates>,
    ) -> Option<Self> {
        let ip = address.host.parse::<IpAddr>().ok().filter(IpAddr::is_multicast)?;
        let known = RecentHashes::new(window, REMEMBERED);
        let state = State { ear: None, known, buffer: vec![0; MAX_DATAGRAM].into(), keys };
        Some(Self {
            group: SocketAddr::new(ip, address.port),
            interface: address.interface.clone(),
            state: Mutex::new(state),
            own,
            duplicates,
        })
    }

    /// Begins to listen, unless it does already, on the interface that there is now.
    pub(super) fn open(&self) -> io::Result<()> {
        let mut state = self.lock();
        if !state.ear.as_ref().is_some_and(Ear::is_alive) {
            state.ear = None;
            state.ear = Some(overhear(&self.group, self.interface.as_deref(), BUFFER)?);
        }
        Ok(())
    }

    /// Looks at everything that has come to the group by now.
    pub(super) fn look(&self) {
        let mut state = self.lock();
        let State { ear, known, buffer, keys } = &mut *state;
        let Some(open_ear) = ear else { return };
        if let Some(users) = keys.as_mut().and_then(|keys| keys.users.as_mut()) {
            users.refresh();
        }
        let now = Instant::now();
        // No more than what was there already, should somebody flood the group.
        for _ in 0..HELD {
            let (len, from) = match open_ear.socket.recv_from(buffer) {
                Ok(heard) => heard,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The interface may be gone; it is opened again.
                Err(_) => {
                    *ear = None;
                    return;
                }
            };
            // What we sent ourselves is known by other means.
            if self.own.has(from) {
                continue;
            }
            let octets = buffer.get_mut(..len).unwrap_or_default();
            let Some(keys) = keys else {
                known.note(self.duplicates.packet_key(octets), now);
                continue;
            };
            for item in open(octets, &*keys, keys.level).flatten() {
                known.note(self.duplicates.item_key(&item), now);
            }
        }
    }

    /// Whether the packet or item of this key is there.
    pub(super) fn knows(&self, key: u64, now: Instant) -> bool {
        self.lock().known.knows(&key, now)
    }

    /// How many packets and items were forgotten within the window because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.lock().known.forgotten()
    }

    /// The socket, to wait for packets at.
    pub(super) fn socket(&self) -> Option<UdpSocket> {
        self.lock().ear.as_ref().and_then(|ear| ear.socket.try_clone().ok())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
