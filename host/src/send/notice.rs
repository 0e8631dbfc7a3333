//! What there is to tell about a server.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// What has changed about sending to a server. [`Display`](fmt::Display) gives a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Packets do not get there. It is told once, until they do again.
    Failing {
        /// The server, as it was named.
        server: String,
        /// What stands in the way.
        trouble: Trouble,
    },
    /// Packets get there again, after so many were lost.
    Recovered {
        /// The server, as it was named.
        server: String,
        /// How many packets were not sent, or reported back.
        lost: u64,
    },
    /// The name stands for another address now.
    Moved {
        /// The server, as it was named.
        server: String,
        /// Where packets go from now on.
        to: SocketAddr,
    },
}

/// Why packets do not get to a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// The name has no address, for this reason.
    Resolve(String),
    /// There is no socket for the address.
    Open(SocketAddr, io::Error),
    /// The system does not send the packet.
    Send(SocketAddr, io::Error),
    /// The network reports that packets did not arrive.
    Unreachable(SocketAddr, Option<io::Error>),
    /// Packets cannot be sealed.
    Seal(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failing { server, trouble } => match trouble {
                Trouble::Resolve(error) => write!(f, "cannot resolve {server}: {error}"),
                Trouble::Open(to, error) | Trouble::Send(to, error) => {
                    write!(f, "cannot send to {}: {error}", place(server, to))
                }
                Trouble::Unreachable(to, Some(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    write!(f, "packets to {} do not arrive: nobody listens there", place(server, to))
                }
                Trouble::Unreachable(to, Some(error)) => {
                    write!(f, "packets to {} do not arrive: {error}", place(server, to))
                }
                Trouble::Unreachable(to, None) => write!(f, "packets to {} do not arrive", place(server, to)),
                Trouble::Seal(error) => write!(f, "cannot protect packets to {server}: {error}"),
            },
            Self::Recovered { server, lost: 1 } => write!(f, "sending to {server} works again; 1 packet was lost"),
            Self::Recovered { server, lost } => write!(f, "sending to {server} works again; {lost} packets were lost"),
            Self::Moved { server, to } => write!(f, "{server} is {to} now"),
        }
    }
}

/// The server, and its address if the server was named otherwise.
fn place(server: &str, to: &SocketAddr) -> String {
    let address = to.to_string();
    let bare = server.split_once('%').map_or(server, |(address, _)| address);
    if address == server || address == bare { server.to_owned() } else { format!("{server} ({address})") }
}
