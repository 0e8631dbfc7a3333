//! Why a relay does not begin.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::SHORTEST_WINDOW;
use crate::listen::ListenError;
use crate::send::SendError;

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
