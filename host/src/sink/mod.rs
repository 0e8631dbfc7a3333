//! Sinks: where items end. One file for each format.

pub mod blog;
pub mod exact;
pub mod json;
pub mod number;
pub mod putval;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use collectd_net::{Error, Item};

/// Where a packet comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The file, or `listen` for packets from the network.
    pub source: &'a str,
    /// The packet's number there, from 1; `None` for a file that is one packet.
    pub number: Option<u64>,
    /// Who sent it.
    pub from: Option<SocketAddr>,
}

/// A way to write items down. Whatever a packet holds, the text has no character that could harm a terminal or a log.
pub trait Sink {
    /// Writes an item.
    ///
    /// # Errors
    /// Only if `out` fails.
    fn item(&mut self, item: &Item<'_>, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result;

    /// Writes what was refused of a packet.
    ///
    /// # Errors
    /// Only if `out` fails.
    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result;

    /// All of a packet has been written.
    ///
    /// # Errors
    /// Only if `out` fails.
    fn packet_end(&mut self, _origin: &Origin<'_>, _out: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
}

/// The formats by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `[time] host/plugin/type [(1, 42.0)]`
    #[default]
    Blog,
    /// One JSON object for each item
    Json,
    /// One JSON object for each packet, exact to the bit, for conformance checks
    Exact,
    /// `PUTVAL` and `PUTNOTIF` commands, as collectd takes them
    Putval,
}

impl Format {
    /// Their names.
    pub const NAMES: [&'static str; 4] = ["blog", "json", "exact", "putval"];

    /// A sink that writes this format. With `rejects` what was refused is written too; `exact` always does.
    #[must_use]
    pub fn sink(self, rejects: bool) -> Box<dyn Sink> {
        match self {
            Self::Blog => Box::new(blog::Blog { rejects }),
            Self::Json => Box::new(json::Json { rejects }),
            Self::Exact => Box::new(exact::Exact::default()),
            Self::Putval => Box::new(putval::Putval { rejects }),
        }
    }

    /// Whether a line is a packet, not an item.
    #[must_use]
    pub const fn counts_packets(self) -> bool {
        matches!(self, Self::Exact)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "blog" => Ok(Self::Blog),
            "json" => Ok(Self::Json),
            "exact" => Ok(Self::Exact),
            "putval" => Ok(Self::Putval),
            _ => Err(format!("a format is one of {}", Self::NAMES.join(", "))),
        }
    }
}
