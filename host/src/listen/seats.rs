//! The sockets as they are, brought in line with what is wanted and with the interfaces that there are.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use collectd_tap_stream::intake::Socket;
use nix::errno::Errno;

use super::interfaces::Interface;
use super::links::Links;
use super::socket::{self, is_link_local};
use super::{ListenError, membership, shown};

/// An address that is wanted: what an endpoint comes to when its name is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    /// Interfaces by name; none stands for all that can.
    pub(super) interfaces: Vec<String>,
    pub(super) profile: usize,
}

impl Wanted {
    /// Whether the same packets are wanted, on whatever interfaces.
    fn is_for_the_same(&self, other: &Self) -> bool {
        (self.address, self.source, self.profile) == (other.address, other.source, other.profile)
    }
}

/// A socket that is open.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) socket: Arc<Socket>,
    pub(super) profile: usize,
    /// The address as it is wanted; of the socket, the port may differ.
    wanted: SocketAddr,
    source: Option<IpAddr>,
    /// The interface that it hears and no other.
    bound: Option<Place>,
    /// The interface that has the address, or had it last.
    at: Option<Place>,
    /// Where the group is joined.
    joined: Vec<Place>,
}

/// An interface that a socket is on. Another may get its name later, or its index, but not both without our being told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    index: u32,
}

impl From<&Interface> for Place {
    fn from(interface: &Interface) -> Self {
        Self { name: interface.name.clone(), index: interface.index }
    }
}

/// What a look at the interfaces has changed.
pub(super) struct Changes<'a> {
    /// Where sockets hear more than before, or less.
    pub(super) tell: &'a mut dyn FnMut(Change),
    /// What could not be done, and is to be tried again.
    pub(super) troubles: Vec<ListenError>,
    /// Whether an interface of all could not be joined. Often that stays so.
    pub(super) incomplete: bool,
}

/// What has changed while listening.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// This group is joined on this interface.
    Joined(SocketAddr, String),
    /// The interface is gone, and the group's membership with it.
    Gone(SocketAddr, String),
    /// Packets to this address of the machine are heard.
    Bound(SocketAddr),
    /// An interface that is listened on is switched off.
    Down(String),
    /// An interface that is listened on is connected to nothing.
    NoCarrier(String),
    /// An interface that is listened on has a link again.
    Up(String),
    /// A socket was opened, and its receive buffer is small: octets asked for, as Linux doubles them, and granted.
    SmallBuffer {
        /// Octets that were to be had.
        asked: usize,
        /// Octets that there are.
        granted: usize,
    },
    /// Something cannot be done; it is tried again until it can.
    Trouble(String),
}

impl Change {
    /// Says so if less is granted than was asked for.
    pub(super) fn if_small(asked: usize, granted: usize) -> Option<Self> {
        let asked = asked.saturating_mul(2);
        (granted < asked).then_some(Self::SmallBuffer { asked, granted })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(group, interface) => write!(f, "joined {group} on {}", shown(interface)),
            Self::Gone(group, interface) => {
                write!(f, "{} is gone, and {group} with it until it is back", shown(interface))
            }
            Self::Bound(address) => write!(f, "listening on {address}"),
            Self::Down(interface) => {
                write!(f, "{} is down, and nothing is heard there until it is up", shown(interface))
            }
            Self::NoCarrier(interface) => {
                write!(f, "{} has no carrier, and nothing is heard there until it has", shown(interface))
            }
            Self::Up(interface) => write!(f, "{} is up", shown(interface)),
            Self::SmallBuffer { asked, granted } => write!(
                f,
                "the receive buffer is small: {} KiB were asked for, {} KiB are granted, and packets of a burst will be lost; \
                 'sysctl -w net.core.rmem_max={}' allows more",
                asked / 1024,
                granted / 1024,
                asked / 2
            ),
            Self::Trouble(what) => write!(f, "{what}; trying again"),
        }
    }
}

/// All that is open.
#[derive(Debug, Default)]
pub(super) struct Seats {
    pub(super) seats: Vec<Seat>,
    /// Octets of receive buffer to ask for.
    pub(super) buffer: usize,
    pub(super) links: Links,
}

impl Seats {
    /// Leaves where interfaces are gone, joins where they have come, and opens what is not open. A socket that has lost its only
    /// interface is closed.
    pub(super) fn reconcile(
        &mut self,
        wanted: &[Wanted],
        interfaces: &[Interface],
        gone: &[u32],
        changes: &mut Changes<'_>,
    ) {
        let is_there = |place: &Place| {
            let same = |interface: &Interface| interface.index == place.index && interface.name == place.name;
            !gone.contains(&place.index) && interfaces.iter().any(same)
        };
        self.seats.retain_mut(|seat| seat.keep(&is_there, changes));
        for each in wanted {
            if each.address.ip().is_multicast() {
                let everywhere = wanted.iter().any(|other| other.interfaces.is_empty() && other.is_for_the_same(each));
                self.join_wanted(each, everywhere, interfaces, changes);
            } else {
                self.bind_wanted(each, interfaces, changes);
            }
        }
        for seat in &mut self.seats {
            let ip = seat.wanted.ip();
            let with_address = interfaces.iter().find(|interface| interface.has(ip));
            seat.at = with_address.map(Place::from).or(seat.at.take());
        }
        let Self { seats, links, .. } = self;
        links.follow(interfaces, |place| seats.iter().any(|seat| seat.is_on(place)), changes.tell);
    }

    /// Whether this interface is one that somebody has named, or whose address is listened on, rather than one of all.
    pub(super) fn is_meant(&self, name: &str, wanted: &[Wanted]) -> bool {
        let is_named = wanted.iter().any(|wanted| wanted.interfaces.iter().any(|other| other == name));
        is_named || self.seats.iter().any(|seat| seat.at.as_ref().is_some_and(|place| place.name == name))
    }

    /// A group on the interfaces that are wanted. It may be wanted `everywhere` besides.
    fn join_wanted(&mut self, wanted: &Wanted, everywhere: bool, interfaces: &[Interface], changes: &mut Changes<'_>) {
        if !wanted.interfaces.is_empty() {
            // An IPv6 socket hears its group on every interface where any program has joined it, an IPv4 socket does not.
            let alone = wanted.address.is_ipv6() && !everywhere || is_link_local(&wanted.address);
            for interface in named(&wanted.interfaces, interfaces, changes) {
                if let Err(trouble) = self.join(wanted, interface, alone, changes) {
                    changes.troubles.push(trouble);
                }
            }
            return;
        }
        let alone = is_link_local(&wanted.address);
        for interface in interfaces.iter().filter(|interface| interface.hears_groups()) {
            match self.join(wanted, interface, alone, changes) {
                Ok(()) => {}
                // An interface without this family, or without it yet, or one that has just gone.
                Err(ListenError::Join(..)) => changes.incomplete = true,
                Err(trouble) => changes.troubles.push(trouble),
            }
        }
        if !self.seats.iter().any(|seat| seat.is_for(wanted) && !seat.joined.is_empty()) {
            changes.troubles.push(ListenError::JoinAnywhere(wanted.address.to_string()));
        }
    }

    /// Joins with a socket of the group if one can take one more membership, or with a new one.
    fn join(
        &mut self,
        wanted: &Wanted,
        interface: &Interface,
        alone: bool,
        changes: &mut Changes<'_>,
    ) -> Result<(), ListenError> {
        let place = Place::from(interface);
        let group = wanted.address;
        let refused = |error| Err(ListenError::Join(group.to_string(), interface.name.clone(), error));
        let join = |socket: &Socket| membership::join(&socket.socket, group.ip(), wanted.source, interface.index);
        if self.seats.iter().any(|seat| seat.is_for(wanted) && seat.joined.contains(&place)) {
            return Ok(());
        }
        for seat in self.seats.iter_mut().filter(|seat| !alone && seat.bound.is_none() && seat.is_for(wanted)) {
            match join(&seat.socket) {
                Ok(()) => {
                    seat.joined.push(place);
                    (changes.tell)(Change::Joined(group, interface.name.clone()));
                    return Ok(());
                }
                // A socket takes only so many memberships (net.ipv4.igmp_max_memberships).
                Err(error) if is_full(&error) && group.is_ipv4() => {}
                Err(error) => return refused(error),
            }
        }
        let socket = socket::for_group(&group, interface, alone, self.buffer)
            .map_err(|error| ListenError::Bind(group.to_string(), error))?;
        if let Err(error) = join(&socket) {
            return refused(error);
        }
        (changes.tell)(Change::Joined(group, interface.name.clone()));
        let bound = alone.then(|| place.clone());
        self.take(wanted, socket, bound, vec![place], changes);
        Ok(())
    }

    /// An address of this machine, on the named interfaces or wherever it is.
    fn bind_wanted(&mut self, wanted: &Wanted, interfaces: &[Interface], changes: &mut Changes<'_>) {
        let places: Vec<_> = match wanted.interfaces.as_slice() {
            [] => vec![None],
            names => named(names, interfaces, changes).map(Some).collect(),
        };
        for interface in places {
            let bound = interface.map(Place::from);
            if self.seats.iter().any(|seat| seat.is_for(wanted) && seat.bound == bound) {
                continue;
            }
            match socket::bind(&wanted.address, interface, self.buffer) {
                Ok(socket) => {
                    (changes.tell)(Change::Bound(socket.address));
                    self.take(wanted, socket, bound, Vec::new(), changes);
                }
                Err(error) => changes.troubles.push(ListenError::Bind(wanted.address.to_string(), error)),
            }
        }
    }

    fn take(
        &mut self,
        wanted: &Wanted,
        socket: Socket,
        bound: Option<Place>,
        joined: Vec<Place>,
        changes: &mut Changes<'_>,
    ) {
        if let Some(small) = Change::if_small(self.buffer, socket.buffer) {
            (changes.tell)(small);
        }
        let Wanted { address, source, profile, .. } = *wanted;
        self.seats.push(Seat { socket: Arc::new(socket), profile, wanted: address, source, bound, at: None, joined });
    }
}

impl Seat {
    fn is_for(&self, wanted: &Wanted) -> bool {
        self.wanted == wanted.address && self.source == wanted.source && self.profile == wanted.profile
    }

    /// Whether what arrives at this interface may be for it.
    fn is_on(&self, place: &Place) -> bool {
        self.joined.iter().chain(&self.bound).chain(&self.at).any(|other| other == place)
    }

    /// Leaves the interfaces that are gone. Whether the socket is still of use.
    fn keep(&mut self, is_there: &dyn Fn(&Place) -> bool, changes: &mut Changes<'_>) -> bool {
        let Self { socket, wanted, source, joined, .. } = self;
        joined.retain(|place| {
            let there = is_there(place);
            if !there {
                membership::leave(&socket.socket, wanted.ip(), *source, place.index);
                (changes.tell)(Change::Gone(*wanted, place.name.clone()));
            }
            there
        });
        self.bound.as_ref().is_none_or(is_there)
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.socket.address)?;
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        let places = if self.joined.is_empty() { self.bound.as_slice() } else { &self.joined };
        for (number, place) in places.iter().enumerate() {
            let before = if number == 0 { " (" } else { ", " };
            write!(f, "{before}{}", shown(&place.name))?;
        }
        f.write_str(if places.is_empty() { "" } else { ")" })
    }
}

/// The interfaces of these names; one that is missing is a trouble.
fn named<'a>(
    names: &'a [String],
    interfaces: &'a [Interface],
    changes: &mut Changes<'_>,
) -> impl Iterator<Item = &'a Interface> + use<'a> {
    let find = |name: &'a String| interfaces.iter().find(|interface| interface.name == *name);
    let missing = names.iter().filter(|name| find(name).is_none());
    changes.troubles.extend(missing.map(|name| ListenError::UnknownInterface(name.clone())));
    names.iter().filter_map(find)
}

fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ENOBUFS as i32)
}
