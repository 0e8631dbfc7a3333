//! What there is to tell while relaying.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::listen::Change;
use crate::send::Notice;

/// What there is to tell while relaying. [`Display`](fmt::Display) gives a sentence.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// About listening.
    Listening(Change),
    /// About a destination.
    Sending(Notice),
    /// The passwords in this file were read again, so many users; or they could not be read.
    Users(PathBuf, io::Result<usize>),
    /// The group of this server cannot be listened to, so what is there already may be sent there again.
    Unguarded(String, io::Error),
}

impl News {
    /// Whether something does not work.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        match self {
            Self::Listening(change) => matches!(change, Change::Trouble(_) | Change::SmallBuffer { .. }),
            Self::Sending(notice) => matches!(notice, Notice::Failing { .. }),
            Self::Users(_, outcome) => outcome.is_err(),
            Self::Unguarded(..) => true,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| crate::cli::shown(path.as_os_str()).to_string();
        match self {
            Self::Listening(change) => change.fmt(f),
            Self::Sending(notice) => notice.fmt(f),
            Self::Users(path, Ok(count)) => write!(f, "read {count} users again from {}", name(path)),
            Self::Users(path, Err(error)) => {
                write!(f, "cannot read {} again: {error}; the users stay as they were", name(path))
            }
            Self::Unguarded(server, error) => {
                write!(f, "cannot listen to {server} ({error}), so what others send there may be sent there again")
            }
        }
    }
}
