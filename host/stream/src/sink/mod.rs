//! Sinks: where items end. One file for each format.

pub mod blog;
pub mod csv;
pub mod exact;
pub mod graphite;
pub mod influx;
pub mod json;
pub mod long;
pub mod number;
#[doc(hidden)]
pub mod paint;
pub mod prometheus;
pub mod putval;
pub mod raw;
pub mod template;
mod text;
mod time;
#[doc(hidden)]
pub mod unit;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use collectd_net::{Error, Item};

pub use time::TimeStyle;

use crate::sources::Sources;
use crate::suggest::did_you_mean;
use template::Template;
use time::Times;

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

/// An item, and what its packet does not say.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The item.
    pub item: &'a Item<'a>,
    /// What its values are called; numbered for formats that [do not tell](Format::tells_names).
    pub sources: Sources<'a>,
    /// Where it comes from.
    pub origin: &'a Origin<'a>,
}

/// A way to write items down. Whatever a packet holds, the text has no character that could harm a terminal or a log.
pub trait Sink {
    /// Writes what comes before everything.
    fn start(&mut self, _out: &mut String) {}

    /// A packet comes, still as it was sent.
    fn packet_start(&mut self, _octets: &[u8]) {}

    /// Writes an item. Returns whether there was a place for any of it.
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool;

    /// Writes a notification of our own, so that nobody takes it for one that was received; `word` says what happened.
    fn observed(&mut self, entry: &Entry<'_>, _word: &'static str, out: &mut String) -> bool {
        self.item(entry, out)
    }

    /// Writes what was refused of a packet.
    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String);

    /// All of a packet has been written.
    fn packet_end(&mut self, _origin: &Origin<'_>, _out: &mut String) {}

    /// Writes what comes behind everything; of a [state](Format::is_state), what it is now.
    fn end(&mut self, _out: &mut String) {}

    /// What could not be written, since the format has no place for it.
    fn left_out(&self) -> LeftOut {
        LeftOut::default()
    }
}

/// What a format had no place for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Values: NaN and infinities where a format has no word for them, and what else it cannot hold.
    pub values: u64,
    /// Notifications.
    pub notifications: u64,
    /// New series when there were enough.
    pub series: u64,
    /// Values of one series that came under several identifiers.
    pub collisions: u64,
}

/// What can be chosen about formats.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whether refusals are written; `exact` always does.
    pub rejects: bool,
    /// Whether not all items are wanted.
    pub selects: bool,
    /// How times are written, where a format leaves the choice.
    pub time: Option<TimeStyle>,
    /// Dates in UTC instead of the zone of this machine.
    pub utc: bool,
    /// Whether there are colours.
    pub color: bool,
    /// How many series are remembered by formats that do.
    pub max_series: usize,
}

impl Default for Look {
    fn default() -> Self {
        Self { rejects: false, selects: false, time: None, utc: false, color: false, max_series: 100_000 }
    }
}

/// The formats by name.
#[derive(Clone, Debug, Default)]
pub enum Format {
    /// `[time] host/plugin/type [(1, 42.0)]`
    #[default]
    Blog,
    /// Several aligned lines for people, with names and units
    Long,
    /// One JSON object for each item
    Json,
    /// One JSON object for each packet, exact to the bit, for conformance checks
    Exact,
    /// `PUTVAL` and `PUTNOTIF` commands, as collectd takes them
    Putval,
    /// InfluxDB's line protocol
    Influx,
    /// Graphite's plaintext protocol
    Graphite,
    /// A table with a row for each value
    Csv,
    /// Prometheus' text format: the latest value of each series, at the end or at intervals
    Prometheus,
    /// Each packet in hexadecimal
    Raw,
    /// What a template says
    Template(Arc<Template>),
}

impl Format {
    /// Their names.
    pub const NAMES: [&'static str; 10] =
        ["blog", "long", "json", "exact", "putval", "influx", "graphite", "csv", "prometheus", "raw"];

    /// A sink that writes this format.
    #[must_use]
    pub fn sink(&self, look: &Look) -> Box<dyn Sink> {
        let rejects = look.rejects;
        let times = |default| Times::new(look.time.unwrap_or(default), look.utc);
        match self {
            Self::Blog => Box::new(blog::Blog::new(rejects, times(TimeStyle::Epoch), look.color)),
            Self::Long => Box::new(long::Long::new(rejects, times(TimeStyle::Rfc3339), look.color)),
            Self::Json => Box::new(json::Json::new(rejects)),
            Self::Exact => Box::new(exact::Exact::default()),
            Self::Putval => Box::new(putval::Putval { rejects }),
            Self::Influx => Box::new(influx::Influx::new(rejects)),
            Self::Graphite => Box::new(graphite::Graphite::default()),
            Self::Csv => Box::new(csv::Csv::new(rejects, times(TimeStyle::Epoch))),
            Self::Prometheus => Box::new(prometheus::Prometheus::new(rejects, look.max_series)),
            Self::Raw => Box::new(raw::Raw::new(look.selects)),
            Self::Template(template) => {
                Box::new(template::Templated::new(Arc::clone(template), rejects, times(TimeStyle::Epoch)))
            }
        }
    }

    /// Whether a line is a packet, not an item.
    #[must_use]
    pub const fn counts_packets(&self) -> bool {
        matches!(self, Self::Exact | Self::Raw)
    }

    /// Whether the text is one whole, with a beginning or an end, rather than lines that stand alone.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Csv | Self::Prometheus)
    }

    /// Whether the text is the state of things, which can be written again and again.
    #[must_use]
    pub const fn is_state(&self) -> bool {
        matches!(self, Self::Prometheus)
    }

    /// Whether packets are written as they came, so that they have to be seen before they are opened.
    #[must_use]
    pub const fn wants_octets(&self) -> bool {
        matches!(self, Self::Raw)
    }

    /// Whether it tells what the values are called.
    #[must_use]
    pub fn tells_names(&self) -> bool {
        match self {
            Self::Long | Self::Json | Self::Influx | Self::Graphite | Self::Csv | Self::Prometheus => true,
            Self::Blog | Self::Exact | Self::Putval | Self::Raw => false,
            Self::Template(template) => template.tells_names(),
        }
    }

    /// Whether the form of times can be chosen.
    #[must_use]
    pub const fn has_time_styles(&self) -> bool {
        matches!(self, Self::Blog | Self::Long | Self::Csv | Self::Template(_))
    }

    /// Whether there is a place for what was refused: not where a line of ours would be taken for a value or for octets.
    #[must_use]
    pub const fn takes_rejects(&self) -> bool {
        !matches!(self, Self::Graphite | Self::Raw)
    }

    /// Whether rates can stand in the place of values: not where these go back into collectd, or are to be exact.
    #[must_use]
    pub const fn takes_rates(&self) -> bool {
        !matches!(self, Self::Exact | Self::Putval | Self::Raw)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.contains(['{', '}']) {
            let template = Template::new(name).map_err(|error| error.with_place(name))?;
            return Ok(Self::Template(Arc::new(template)));
        }
        Ok(match name {
            "blog" => Self::Blog,
            "long" => Self::Long,
            "json" => Self::Json,
            "exact" => Self::Exact,
            "putval" => Self::Putval,
            "influx" => Self::Influx,
            "graphite" => Self::Graphite,
            "csv" => Self::Csv,
            "prometheus" => Self::Prometheus,
            "raw" => Self::Raw,
            _ => {
                let (names, meant) = (Self::NAMES.join(", "), did_you_mean(name, Self::NAMES));
                return Err(format!("a format is one of {names}, or a template with a field in braces{meant}"));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_format() {
        for name in Format::NAMES {
            assert!(name.parse::<Format>().is_ok(), "{name}");
        }
        assert!("{host} {value}".parse::<Format>().is_ok());
        let error = "jsn".parse::<Format>().expect_err("no format");
        assert!(error.ends_with(", did you mean 'json'?"), "{error}");
    }
}
