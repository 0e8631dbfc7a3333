//! Files in the syntax of `collectd.conf`, read as the daemon's liboconfig reads them.
//!
//! ```text
//! octets → scan → words → parse → items → include → items of all files
//! ```
//!
//! Keys are compared without regard to case. Values are quoted strings, words, numbers and booleans; a backslash at the end of a
//! line continues it. What the daemon accepts silently although it is hardly meant is a [`Note`].

mod include;
mod parse;
mod scan;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collectd_net::Text;

pub(crate) use include::read;

/// An option, or a block with what is in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// Its name, as written.
    pub(crate) key: String,
    /// What stands behind the name.
    pub(crate) values: Vec<Value>,
    /// What a block holds.
    pub(crate) children: Vec<Item>,
    /// Where it begins.
    pub(crate) place: Place,
}

impl Item {
    /// Whether this is its name.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }

    /// The value, if there is exactly one.
    pub(crate) fn only_value(&self) -> Option<&Value> {
        match self.values.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The first value, if it is text.
    pub(crate) fn name(&self) -> Option<&str> {
        self.values.first().and_then(Value::text)
    }
}

/// A value of an option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A quoted string or a word.
    Text(String),
    /// A number, as written.
    Number(String),
    /// `true`, `yes` or `on`, or their opposites.
    Boolean(bool),
}

impl Value {
    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Boolean(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{}\"", Text::from(text.as_str())),
            Self::Number(number) => f.write_str(number),
            Self::Boolean(on) => on.fmt(f),
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: Arc<Path>,
    /// The line, from 1; none for the file as a whole.
    pub(crate) line: Option<usize>,
}

impl Place {
    fn whole(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into(), line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::cli::shown(self.path.as_os_str()))?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// Something to tell about a place: an error where reading ends, a note where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Where.
    pub(crate) place: Place,
    /// What.
    pub(crate) message: String,
}

impl Note {
    /// A note about a place.
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Note {}
