//! Listening: groups joined, addresses bound, packets taken in by threads that never wait for anything else.
//!
//! ```text
//!            interfaces come and go: watch → join, leave, open, close
//!
//! socket → intake: recvmmsg → sources, own → duplicates ┐   ┌ queue → Inbox
//! socket → intake: recvmmsg → sources, own → duplicates ┴→──┴ queue → Share      one for each worker, by sender
//! ```

mod address;
mod ear;
mod endpoint;
mod inbox;
mod interfaces;
mod links;
mod membership;
#[cfg(feature = "doctor")]
mod probe;
mod seats;
mod socket;
mod watch;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use collectd_tap_stream::intake::{MAX_DATAGRAM, Queue, Shared, Sources};
use ipnet::IpNet;

pub use address::{Address, AddressError};
#[doc(inline)]
pub use collectd_tap_stream::intake::{
    DropPolicy, Duplicates, Opening, Own, ReplayFilter, Share, Stamp, Wake, network,
};
pub(crate) use collectd_tap_stream::intake::{REMEMBERED, RecentHashes};
pub(crate) use ear::{Ear, overhear};
#[cfg(feature = "config")]
pub(crate) use endpoint::OPTIONS;
pub use endpoint::{Endpoint, EndpointError, Profile};
pub use inbox::{Inbox, Losses, Stopper};
#[cfg(feature = "doctor")]
pub(crate) use interfaces::{Interface, all as interfaces};
#[cfg(feature = "doctor")]
pub(crate) use probe::Probe;
pub use seats::Change;
pub(crate) use socket::is_link_local;

use seats::{Seat, Wanted};
use watch::Watch;

/// Where to listen, and how, as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Groups to join and addresses to bind; none stands for collectd's two default groups.
    pub endpoints: Vec<Endpoint>,
    /// Names of the interfaces to use; none stands for all that are up and can do multicast, and the loopback.
    pub interfaces: Vec<String>,
    /// Whether named interfaces that do not exist are waited for, rather than taken for misspelt.
    pub wait_for_interfaces: bool,
    /// Octets of receive buffer to ask for. Linux gives twice as much, if `net.core.rmem_max` lets it.
    pub receive_buffer: usize,
    /// Octets of a datagram that are taken in; longer ones are truncated, and counted.
    pub max_packet: usize,
    /// Octets of memory for packets that wait to be decoded, and what is dropped when they are full.
    pub queue: usize,
    /// What is dropped when packets take more memory than that.
    pub drop_policy: DropPolicy,
    /// How many decode at once; see [`Inbox::take_shares`].
    pub workers: usize,
    /// Who may send; none stands for everybody. What others send is counted and not decoded.
    pub allowed_sources: Vec<IpNet>,
    /// How long what was heard is remembered, to leave it out when it is heard again.
    pub dedup: Option<Duration>,
    /// How long seals that were opened are remembered, to refuse replays.
    pub replay_window: Option<Duration>,
    /// Whether it is told [how each packet came](Share::next_stamp).
    pub stamps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            interfaces: Vec::new(),
            wait_for_interfaces: false,
            receive_buffer: 4 << 20,
            max_packet: MAX_DATAGRAM,
            queue: 64 << 20,
            drop_policy: DropPolicy::default(),
            workers: 1,
            allowed_sources: Vec::new(),
            dedup: None,
            replay_window: None,
            stamps: false,
        }
    }
}

impl Settings {
    /// The endpoints, or collectd's default groups if none are named.
    pub(crate) fn wanted_endpoints(&self) -> Vec<Endpoint> {
        if !self.endpoints.is_empty() {
            return self.endpoints.clone();
        }
        let group = |group: SocketAddr| Address { host: group.ip().to_string(), port: group.port(), interface: None };
        Address::default_groups().map(group).map(Endpoint::from).into()
    }
}

/// Why listening did not begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// There is no interface of this name.
    UnknownInterface(String),
    /// The interfaces of this machine cannot be listed.
    Interfaces(io::Error),
    /// The host name cannot be resolved.
    Resolve(String, String),
    /// The address is of a link, and no interface says of which.
    LinkLocal(SocketAddr),
    /// A socket for this address cannot be had.
    Bind(String, io::Error),
    /// The group cannot be joined on this interface.
    Join(String, String, io::Error),
    /// The group cannot be joined on any interface.
    JoinAnywhere(String),
}

impl ListenError {
    /// Whether what was asked for is wrong, rather than the machine unable.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownInterface(_) | Self::LinkLocal(_))
    }

    /// Whether it makes no sense to try again.
    fn is_final(&self, settings: &Settings) -> bool {
        match self {
            Self::UnknownInterface(_) => !settings.wait_for_interfaces,
            Self::Bind(_, error) => {
                matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
            }
            Self::LinkLocal(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownInterface(name) => write!(f, "no interface is called '{}'", shown(name)),
            Self::Interfaces(error) => write!(f, "cannot list the network interfaces: {error}"),
            Self::Resolve(host, error) => write!(f, "cannot resolve '{}': {error}", shown(host)),
            Self::LinkLocal(address) => {
                write!(f, "{address} means nothing without its interface: add %NAME")
            }
            Self::Bind(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: another program does, and a datagram goes to one of them only")
            }
            Self::Bind(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Join(group, interface, error) => {
                write!(f, "cannot join {group} on {}: {error}", shown(interface))
            }
            Self::JoinAnywhere(group) => write!(f, "cannot join {group} on any interface"),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Interfaces(error) | Self::Bind(_, error) | Self::Join(_, _, error) => Some(error),
            Self::UnknownInterface(_) | Self::Resolve(..) | Self::LinkLocal(_) | Self::JoinAnywhere(_) => None,
        }
    }
}

fn shown(text: &str) -> collectd_net::Text<'_> {
    text.into()
}

/// Sockets that are open and joined, as far as that is possible yet. Packets wait in the kernel until [`start`](Self::start).
#[derive(Debug)]
pub struct Listener {
    settings: Settings,
    watch: Watch,
    profiles: Vec<Profile>,
    left_out: Vec<ListenError>,
    without_link: Vec<Change>,
    own: Option<Arc<Own>>,
}

impl Listener {
    /// Opens the sockets that `settings` ask for.
    ///
    /// What cannot be had yet is tried again for as long as it takes: a name that does not resolve, an address that this machine has
    /// not got, a group that no interface takes.
    ///
    /// # Errors
    /// What is wrong with the settings, and what will not get better by itself: another program has the address, or the user may
    /// not.
    pub fn open(settings: &Settings) -> Result<Self, ListenError> {
        let mut listener = Self {
            settings: settings.clone(),
            watch: Watch::new(settings.receive_buffer),
            profiles: Vec::new(),
            left_out: Vec::new(),
            without_link: Vec::new(),
            own: None,
        };
        let endpoints = settings.wanted_endpoints();
        let wanted = endpoints.iter().map(|endpoint| listener.wanted(endpoint)).collect::<Result<_, _>>()?;
        listener.watch.want(wanted);
        let mut changes = Vec::new();
        let troubles = listener.watch.reconcile(&[], &mut |change| changes.push(change));
        // Told by whoever opened it, so it is not told again.
        listener.watch.tell_troubles(&troubles, &mut |_| {});
        for trouble in troubles {
            if trouble.is_final(settings) {
                return Err(trouble);
            }
            listener.left_out.push(trouble);
        }
        listener.left_out.extend(listener.watch.unresolved());
        // Of all interfaces, some are always without.
        changes.retain(|change| match change {
            Change::Down(interface) | Change::NoCarrier(interface) => listener.watch.is_meant(interface),
            _ => false,
        });
        listener.without_link = changes;
        Ok(listener)
    }

    /// What an endpoint asks for; of a name, all but the address.
    fn wanted(&mut self, endpoint: &Endpoint) -> Result<(Address, Wanted), ListenError> {
        if let Some(error) = endpoint.without_interface(&self.settings.interfaces) {
            return Err(error);
        }
        let Endpoint { address, source, profile } = endpoint;
        let known = self.profiles.iter().position(|known| known == profile);
        let profile = known.unwrap_or_else(|| {
            self.profiles.push(profile.clone());
            self.profiles.len() - 1
        });
        let mut interfaces: Vec<_> = match &address.interface {
            Some(interface) => vec![interface.clone()],
            None => self.settings.interfaces.clone(),
        };
        interfaces.sort();
        interfaces.dedup();
        let ip = address.host.parse::<IpAddr>().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let socket_address = SocketAddr::new(ip, address.port);
        Ok((address.clone(), Wanted { address: socket_address, source: *source, interfaces, profile }))
    }

    /// What cannot be listened on yet, and why.
    #[must_use]
    pub fn left_out(&self) -> &[ListenError] {
        &self.left_out
    }

    /// The interfaces that were asked for and have no link: [`Change::Down`] or [`Change::NoCarrier`].
    #[must_use]
    pub fn without_link(&self) -> &[Change] {
        &self.without_link
    }

    /// The addresses that the sockets are bound to.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.seats().iter().map(|seat| seat.socket.address)
    }

    /// The different ways in which packets are opened. Each [share](Share::profile) says which is meant.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Has packets from these sockets counted and left out: they are our own.
    pub fn leave_out(&mut self, own: Arc<Own>) {
        self.own = Some(own);
    }

    /// What to do about a receive buffer that is smaller than asked for.
    #[must_use]
    pub fn buffer_advice(&self) -> Option<Change> {
        self.receive_buffer().and_then(|granted| Change::if_small(self.settings.receive_buffer, granted))
    }

    /// Starts to take packets in.
    ///
    /// # Errors
    /// When the system has no thread or descriptor to give.
    pub fn start(self) -> io::Result<Inbox> {
        self.start_and_tell(|_| {})
    }

    /// Starts to take packets in, and tells what changes, on another thread.
    ///
    /// # Errors
    /// When the system has no thread or descriptor to give.
    pub fn start_and_tell(self, tell: impl FnMut(Change) + Send + 'static) -> io::Result<Inbox> {
        let Self { settings, watch, own, .. } = self;
        let workers = settings.workers.max(1);
        let queue = |_| Queue::new(settings.queue / workers, settings.drop_policy);
        let shared = Shared {
            queues: (0..workers).map(queue).collect(),
            sources: Sources::new(settings.allowed_sources),
            own,
            duplicates: settings.dedup.map(Duplicates::new).map(Arc::new),
            receive_errors: Default::default(),
            kernel: Default::default(),
            max_packet: settings.max_packet.clamp(1, MAX_DATAGRAM),
            stamps: settings.stamps,
        };
        let replays = settings.replay_window.map(ReplayFilter::new).map(Arc::new);
        Inbox::start(watch, Arc::new(shared), replays, Box::new(tell))
    }

    fn seats(&self) -> &[Seat] {
        &self.watch.seats.seats
    }

    /// Octets of the smallest receive buffer.
    fn receive_buffer(&self) -> Option<usize> {
        self.seats().iter().map(|seat| seat.socket.buffer).min()
    }
}

/// What is listened on, for people: addresses, interfaces and the size of the receive buffer.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(granted) = self.receive_buffer() else {
            return f.write_str("nothing yet");
        };
        let seats = self.seats();
        for (place, seat) in seats.iter().enumerate() {
            let before = match place {
                0 => "",
                _ if place + 1 == seats.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{seat}")?;
        }
        let asked = self.settings.receive_buffer.saturating_mul(2);
        write!(f, ", receive buffer {} KiB", granted / 1024)?;
        if granted < asked {
            write!(f, " of {} KiB", asked / 1024)?;
        }
        Ok(())
    }
}
