//! What is remembered of what comes, and what is fed into that: flags of the subcommands that show it live.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueHint;

use super::decode::Port;
use super::listening::{self, Listening};
use super::printing::{Opening, filter};
use super::{Failure, duration, look, passwords, talk};
use crate::Selection;
use crate::fleet;
use crate::listen::Listener;
use crate::watching::{Playing, Settings, Speed, Tell, Tone, Watching};

/// Of how many values it is remembered how they were before.
pub(super) const CHARTS: usize = 5000;

/// Where it comes from.
#[derive(Debug, clap::Args)]
pub(super) struct From {
    /// Show captures (pcap, pcapng) and files that are one packet (*.bin) instead of what arrives; - is a capture on standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Play captures so many times as fast as they were recorded (1, 10x, 0.5x); 0 or max: at once
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Take the datagrams of a capture that go to this UDP port, or to any
    #[arg(short, long, value_name = "PORT", default_value_t = Port::default())]
    port: Port,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    opening: Opening,
    #[command(flatten)]
    pub(super) watched: Watched,
}

/// What is remembered of it.
#[derive(Debug, clap::Args)]
pub(super) struct Watched {
    /// Take in only the items that fit: 'host =~ "^web" and value > 5', or a pattern of identifiers such as 'web*/cpu-*'
    #[arg(short, long, value_name = "EXPRESSION", value_parser = filter, allow_hyphen_values = true)]
    filter: Option<Arc<Selection>>,
    /// Remember no more than this many values
    #[arg(long, value_name = "N", default_value_t = fleet::Limits::default().max_series)]
    max_series: usize,
    /// And of so many how they were before, up to six hours: the first that come, and those that are looked at
    #[arg(long, value_name = "N", default_value_t = CHARTS)]
    max_charts: usize,
    /// Remember no more than this many hosts
    #[arg(long, value_name = "N", default_value_t = fleet::Limits::default().max_hosts)]
    max_hosts: usize,
    /// A host is missing when nothing was heard of it for this many of its intervals
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    missing_after: u32,
    /// How far clocks of hosts may be from the one of this machine
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    max_skew: Duration,
    /// Names of data sources, besides those of this machine's collectd; may be repeated
    #[arg(long, value_name = "FILE")]
    types_db: Vec<PathBuf>,
}

impl From {
    /// Begins to take in what comes. What happens beside it is told to `tell`.
    pub(super) fn watch(&self, tell: Tell) -> Result<Watching, Failure> {
        let settings = self.watched.settings()?;
        let failed = |error: std::io::Error| Failure::Runtime(format!("cannot start to listen: {error}"));
        if !self.files.is_empty() {
            let Opening { auth_file, security_level } = &self.opening;
            let users = passwords::open(auth_file.as_deref(), *security_level)?;
            let playing = Playing::open(&self.files, self.speed, self.port.number(), (users, *security_level));
            let playing = playing.map_err(|error| Failure::Usage(error.to_string()))?;
            return Watching::play(playing, settings, tell).map_err(failed);
        }
        let listener = Listener::open(&self.listening.settings(false)).map_err(|error| listening::failure(&error))?;
        let profiles = self.opening.open_all(None, listener.profiles())?;
        Watching::listen(listener, profiles, settings, tell).map_err(failed)
    }

    /// What is wrong with these settings on this machine.
    #[cfg(feature = "config")]
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.listening.check(&self.opening)
    }
}

impl Watched {
    /// What is to be remembered.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let Self { max_series, max_charts, max_hosts, missing_after, max_skew, .. } = *self;
        let defaults = fleet::Limits::default();
        let limits = fleet::Limits { max_series, max_hosts, missing_after, max_skew, charted: max_charts, ..defaults };
        Ok(Settings { limits, types: look::read_types(&self.types_db)?, filter: self.filter.clone() })
    }
}

/// Says on standard error what is told.
pub(super) fn to_stderr() -> Tell {
    Arc::new(|tone, message| match tone {
        Tone::Plain => talk::say(format_args!("{message}")),
        Tone::Warning => talk::warn(format_args!("{message}")),
        Tone::Error => talk::complain(format_args!("{message}")),
    })
}

/// `10x`, `0.5x`, `10`, `0`, `max`.
fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::AtOnce);
    }
    let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>();
    match number.ok().filter(|number| number.is_finite() && *number >= 0.0) {
        Some(0.0) => Ok(Speed::AtOnce),
        Some(number) => Ok(Speed::Times(number)),
        None => Err("a speed is written as 10x or 0.5x; 0 or max is as fast as it goes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_as_fast_as_it_goes() {
        for (text, expected) in [
            ("1", Speed::Times(1.0)),
            ("10x", Speed::Times(10.0)),
            ("0.5x", Speed::Times(0.5)),
            ("0", Speed::AtOnce),
            ("max", Speed::AtOnce),
        ] {
            assert_eq!(speed(text), Ok(expected));
        }
        for text in ["", "x", "-1", "nan", "inf", "fast"] {
            assert!(speed(text).is_err(), "{text}");
        }
    }
}
