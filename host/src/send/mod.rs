//! Sending: items packed as the daemon packs them, sealed for each server, and sent.
//!
//! ```text
//!                             ┌ seal → Destination: sendmmsg → socket
//! items → Packer → packets → ─┤
//!         full, or old enough └ seal → Destination: sendmmsg → socket      one for each server
//! ```
//!
//! A [`Sender`] is all of it. [`Packer`] has no clock and no socket, and a [`Destination`] takes any octets.

mod counts;
mod destination;
mod notice;
mod queue;
mod resolver;
mod seal;
mod sender;
mod server;
mod socket;

pub(crate) use collectd_tap_stream::packer::Packed;
#[doc(inline)]
pub use collectd_tap_stream::packer::{MAX_AGE, Packer, Ready, TooLong};
pub use counts::Counts;
pub use destination::Destination;
pub use notice::{Notice, Trouble};
pub use seal::CredentialError;
pub use sender::{Sender, Settings};
#[cfg(feature = "config")]
pub(crate) use server::OPTIONS;
pub use server::{Level, Server, ServerError};

use std::fmt;

/// Why sending did not begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The password that a server asks for cannot be had.
    Credentials(Box<Server>, CredentialError),
    /// There is no interface of this name.
    UnknownInterface(Box<Server>),
    /// The address is of a link, and no interface says of which.
    LinkLocal(Box<Server>),
    /// The system has no thread to give.
    Start(std::io::Error),
}

impl SendError {
    /// Whether what was asked for is wrong, rather than the machine unable.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Start(_))
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(server, error) => write!(f, "cannot send to {server}: {error}"),
            Self::UnknownInterface(server) => {
                write!(f, "cannot send to {server}: No such device, an interface of this name")
            }
            Self::LinkLocal(server) => write!(f, "{server} means nothing without its interface: add %NAME"),
            Self::Start(error) => write!(f, "cannot start to send: {error}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Credentials(_, error) => Some(error),
            Self::Start(error) => Some(error),
            Self::UnknownInterface(_) | Self::LinkLocal(_) => None,
        }
    }
}
