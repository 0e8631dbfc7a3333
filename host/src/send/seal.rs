//! Seals: what a server's level, user and password make of a packet.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use collectd_net::{Encoder, Full, Key, Passwords as _};

use super::Ready;
use super::{Level, Server};
use crate::cli::shown;
use crate::users::Users;

/// Octets of a password file that are read: nobody remembers a longer password.
const MAX_PASSWORD: u64 = 4096;

/// Seals packets for one server.
#[derive(Debug)]
pub(super) enum Seal {
    None,
    Sealed { level: Level, username: String, key: Box<Key> },
}

impl Seal {
    /// Reads the password that a server asks for.
    pub(super) fn of(server: &Server) -> Result<Self, CredentialError> {
        let Some(username) = server.username.clone().filter(|_| server.level != Level::None) else {
            return Ok(Self::None);
        };
        let key = match (&server.password_file, &server.auth_file) {
            (Some(path), _) => password(path)?,
            (None, Some(path)) => {
                let users = Users::open(path).map_err(|error| CredentialError::File(path.clone(), error))?;
                let key = users.key(username.as_bytes()).cloned();
                key.ok_or_else(|| CredentialError::NoUser(path.clone(), username.clone()))?
            }
            (None, None) => return Err(CredentialError::NoFile),
        };
        Ok(Self::Sealed { level: server.level, username, key: Box::new(key) })
    }

    /// Whose password it is made with.
    pub(super) fn credentials(&self) -> Option<(&str, &Key)> {
        match self {
            Self::None => None,
            Self::Sealed { username, key, .. } => Some((username, key)),
        }
    }

    /// Octets that the seal takes.
    pub(super) const fn room(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Sealed { level, username, .. } => match level {
                Level::None => 0,
                Level::Sign => 36 + username.len(),
                Level::Encrypt => 42 + username.len(),
                Level::EncryptAndSign => 78 + 2 * username.len(),
            },
        }
    }

    /// Puts a packet behind its seal, at the end of `out`.
    pub(super) fn seal(&self, ready: &Ready<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), SealError> {
        let Self::Sealed { level, username, key } = self else {
            out.extend_from_slice(ready.octets());
            return Ok(());
        };
        scratch.clear();
        scratch.extend_from_slice(ready.buffer);
        let mut encoder = Encoder::resume(scratch, ready.paused);
        let sealed = match level {
            Level::None => encoder.packet(),
            Level::Sign => encoder.sign(username, key)?,
            Level::Encrypt => encoder.encrypt(username, key, iv()?)?,
            Level::EncryptAndSign => encoder.encrypt_and_sign(username, key, iv()?)?,
        };
        out.extend_from_slice(sealed);
        Ok(())
    }
}

/// Sixteen octets that were never used before, and that nobody can foresee.
fn iv() -> Result<[u8; 16], SealError> {
    let mut iv = [0; 16];
    getrandom::fill(&mut iv).map_err(SealError::Random)?;
    Ok(iv)
}

/// Why a packet has no seal.
#[derive(Debug)]
pub(super) enum SealError {
    /// The packet was made with too little room for it.
    Room(Full),
    /// The system has no randomness to give.
    Random(getrandom::Error),
}

impl From<Full> for SealError {
    fn from(full: Full) -> Self {
        Self::Room(full)
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(full) => full.fmt(f),
            Self::Random(error) => write!(f, "no randomness to encrypt with: {error}"),
        }
    }
}

/// The key of the password that a file consists of.
fn password(path: &Path) -> Result<Key, CredentialError> {
    let unreadable = |error| CredentialError::File(path.into(), error);
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_PASSWORD + 1).read_to_end(&mut octets).map_err(unreadable)?;
    let password = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    let outcome = match password.len() as u64 {
        0 => Err(CredentialError::NoPassword(path.into())),
        1..=MAX_PASSWORD if !password.contains(&b'\n') => Ok(Key::new(password)),
        _ => Err(CredentialError::NotAPassword(path.into())),
    };
    octets.fill(0);
    outcome
}

impl Server {
    /// The file with the password, if everybody on this machine may read it.
    #[must_use]
    pub fn exposed_file(&self) -> Option<&Path> {
        let path = self.password_file.as_ref().or(self.auth_file.as_ref())?;
        fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0).then_some(path)
    }

    /// Whether there is a password for this server's user.
    ///
    /// # Errors
    /// When the file cannot be read, or the user is not in it.
    pub fn check_credentials(&self) -> Result<(), CredentialError> {
        Seal::of(self).map(drop)
    }
}

/// Why there is no password.
#[derive(Debug)]
#[non_exhaustive]
pub enum CredentialError {
    /// No file is named.
    NoFile,
    /// The file cannot be read.
    File(PathBuf, io::Error),
    /// The file is empty.
    NoPassword(PathBuf),
    /// The file has more than one line, or is very long.
    NotAPassword(PathBuf),
    /// The user is not in the file.
    NoUser(PathBuf, String),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("there is neither a password-file nor an auth-file"),
            Self::File(path, error) => write!(f, "cannot read the password in {}: {error}", shown(path.as_os_str())),
            Self::NoPassword(path) => write!(f, "the password in {} is empty", shown(path.as_os_str())),
            Self::NotAPassword(path) => {
                let path = shown(path.as_os_str());
                write!(f, "{path} is more than a line with a password (files of users and passwords are for auth-file)")
            }
            Self::NoUser(path, user) => {
                let user = collectd_net::Text::from(user.as_str());
                write!(f, "there is no user '{user}' in {}", shown(path.as_os_str()))
            }
        }
    }
}

impl std::error::Error for CredentialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            _ => None,
        }
    }
}
