//! Listening: groups joined, addresses bound, packets taken in by threads that never wait for anything else.
//!
//! ```text
//! socket → recvmmsg → batch ┐
//! socket → recvmmsg → batch ┴→ queue → Inbox::pop
//! ```

mod address;
mod drops;
mod inbox;
mod interfaces;
mod socket;

use std::fmt;
use std::io;
use std::net::SocketAddr;

pub use address::{Address, AddressError};
pub use inbox::{Inbox, Losses, Stopper, Wake};

use interfaces::Interface;
use socket::Socket;

/// Where to listen, as meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Groups to join and addresses to bind; none stands for collectd's two default groups.
    pub addresses: Vec<Address>,
    /// Names of the interfaces to use; none stands for all that are up and can do multicast, and the loopback.
    pub interfaces: Vec<String>,
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
    Resolve(String, io::Error),
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
        matches!(self, Self::UnknownInterface(_) | Self::Resolve(..) | Self::LinkLocal(_))
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
            Self::Interfaces(error) | Self::Resolve(_, error) | Self::Bind(_, error) | Self::Join(_, _, error) => {
                Some(error)
            }
            Self::UnknownInterface(_) | Self::LinkLocal(_) | Self::JoinAnywhere(_) => None,
        }
    }
}

fn shown(text: &str) -> collectd_net::Text<'_> {
    text.into()
}

/// Sockets that are open and joined. Packets wait in the kernel until [`start`](Self::start).
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Socket>,
    left_out: Vec<ListenError>,
}

impl Listener {
    /// Opens the sockets that `settings` ask for.
    ///
    /// Of the default groups, one that this machine cannot join (no IPv6, say) is left out; of what `settings` name, everything
    /// must succeed.
    ///
    /// # Errors
    /// What is wrong with the settings, or what the machine refused.
    pub fn open(settings: &Settings) -> Result<Self, ListenError> {
        let known = interfaces::all().map_err(ListenError::Interfaces)?;
        let find = |name: &String| {
            let found = known.iter().find(|interface| interface.name == *name);
            found.cloned().ok_or_else(|| ListenError::UnknownInterface(name.clone()))
        };
        let mut names = settings.interfaces.clone();
        names.sort();
        names.dedup();
        let chosen = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut sockets = Vec::new();
        if settings.addresses.is_empty() {
            let mut left_out = Vec::new();
            for group in Address::default_groups() {
                if let Err(error) = open_group(&mut sockets, &group, &chosen, &known) {
                    left_out.push(error);
                }
            }
            if sockets.is_empty()
                && let Some(error) = left_out.pop()
            {
                return Err(error);
            }
            return Ok(Self { sockets, left_out });
        }
        for address in &settings.addresses {
            let chosen = match &address.interface {
                Some(name) => vec![find(name)?],
                None => chosen.clone(),
            };
            let resolved = address.resolve().map_err(|error| ListenError::Resolve(address.host.clone(), error))?;
            for address in resolved {
                if address.ip().is_multicast() {
                    open_group(&mut sockets, &address, &chosen, &known)?;
                } else {
                    open_unicast(&mut sockets, &address, &chosen)?;
                }
            }
        }
        Ok(Self { sockets, left_out: Vec::new() })
    }

    /// Why some of the default groups are not listened on.
    #[must_use]
    pub fn left_out(&self) -> &[ListenError] {
        &self.left_out
    }

    /// The addresses that the sockets are bound to.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|socket| socket.address)
    }

    /// Starts to take packets in.
    ///
    /// # Errors
    /// When the system has no thread or descriptor to give.
    pub fn start(self) -> io::Result<Inbox> {
        Inbox::start(self.sockets)
    }
}

/// What is listened on, for people: addresses, interfaces and the size of the receive buffer.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, socket) in self.sockets.iter().enumerate() {
            let before = match place {
                0 => "",
                _ if place + 1 == self.sockets.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{socket}")?;
        }
        match self.sockets.iter().map(Socket::receive_buffer).min() {
            Some(octets) => write!(f, ", receive buffer {} KiB", octets / 1024),
            None => Ok(()),
        }
    }
}

/// A group on the chosen interfaces, or on all that can.
fn open_group(
    sockets: &mut Vec<Socket>,
    group: &SocketAddr,
    chosen: &[Interface],
    known: &[Interface],
) -> Result<(), ListenError> {
    if !chosen.is_empty() {
        return chosen.iter().try_for_each(|interface| socket::join_alone(sockets, group, interface));
    }
    let mut joined = false;
    for interface in known.iter().filter(|interface| interface.hears_groups()) {
        match socket::join(sockets, group, interface) {
            Ok(()) => joined = true,
            // An interface without this family, or one that has just gone.
            Err(ListenError::Join(..)) => {}
            Err(error) => return Err(error),
        }
    }
    if joined { Ok(()) } else { Err(ListenError::JoinAnywhere(group.to_string())) }
}

/// An address of this machine, on the chosen interfaces or wherever it is.
fn open_unicast(sockets: &mut Vec<Socket>, address: &SocketAddr, chosen: &[Interface]) -> Result<(), ListenError> {
    if chosen.is_empty() {
        sockets.push(Socket::bind(address, None)?);
    }
    for interface in chosen {
        sockets.push(Socket::bind(address, Some(interface))?);
    }
    Ok(())
}
