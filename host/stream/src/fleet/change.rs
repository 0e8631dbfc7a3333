//! What happens to hosts, as notifications of our own.
//!
//! | plugin instance | message begins with | severity |
//! |---|---|---|
//! | `presence` | `new`, `missing`, `back` | okay, failure, okay |
//! | `restart` | `restarted` | warning |
//! | `interval` | `interval changed` | warning |
//! | `clock` | `clock is wrong`, `clock is right again` | warning, okay |
//!
//! Their host is the one that it happened to, their plugin [`PLUGIN`]; they have no type.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use collectd_net::{Identifier, Item, Notification, Protection, Severity, Text, Time};

/// The plugin of our own notifications.
pub const PLUGIN: &str = "collectd-tap";

/// What happened to a host.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// It is heard for the first time.
    New {
        /// Who sent it.
        from: Option<SocketAddr>,
    },
    /// It should have been heard of long since.
    Missing {
        /// For how long it has not been.
        silent: Duration,
        /// How often it sends, as far as it says.
        interval: Duration,
    },
    /// It was missing and is heard again.
    Back {
        /// After so long.
        silent: Duration,
    },
    /// It, or the daemon on it, was started anew.
    Restarted(Sign),
    /// It sends values more often, or less.
    IntervalChanged {
        /// How often it was.
        before: Duration,
        /// How often it is.
        now: Duration,
    },
    /// Its clock differs from ours by more than it may.
    ClockWrong {
        /// By how much.
        by: Duration,
        /// Whether it is ahead; else it is behind.
        is_ahead: bool,
    },
    /// Its clock was wrong and is not any more.
    ClockRight,
}

/// How it is known that something was started anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// Its uptime is less than before.
    Uptime {
        /// What it was, in seconds.
        before: f64,
        /// What it is.
        now: f64,
    },
    /// Most of its counts began anew.
    Counts {
        /// How many of them.
        fell: u32,
        /// How many there are that changed.
        of: u32,
    },
    /// It sends from another port. This may be a new connection of a daemon that was not restarted.
    Port {
        /// Where it sent from.
        before: u16,
        /// Where it sends from.
        now: u16,
    },
}

impl Change {
    /// A word for it, which stays the same.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Missing { .. } => "missing",
            Self::Back { .. } => "back",
            Self::Restarted(_) => "restarted",
            Self::IntervalChanged { .. } => "interval-changed",
            Self::ClockWrong { .. } => "clock-wrong",
            Self::ClockRight => "clock-right",
        }
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Missing { .. } => Severity::Failure,
            Self::Restarted(_) | Self::IntervalChanged { .. } | Self::ClockWrong { .. } => Severity::Warning,
            Self::New { .. } | Self::Back { .. } | Self::ClockRight => Severity::Okay,
        }
    }

    /// The plugin instance of its notification: what is okay again has that of what was not.
    #[must_use]
    pub const fn plugin_instance(&self) -> &'static str {
        match self {
            Self::New { .. } | Self::Missing { .. } | Self::Back { .. } => "presence",
            Self::Restarted(_) => "restart",
            Self::IntervalChanged { .. } => "interval",
            Self::ClockWrong { .. } | Self::ClockRight => "clock",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::New { from: Some(from) } => write!(f, "new: first heard from {from}"),
            Self::New { from: None } => f.write_str("new: first heard"),
            Self::Missing { silent, interval } => {
                write!(f, "missing: nothing heard for {}, at an interval of {}", Seconds(silent), Seconds(interval))
            }
            Self::Back { silent } => write!(f, "back: heard again after {}", Seconds(silent)),
            Self::Restarted(sign) => write!(f, "restarted: {sign}"),
            Self::IntervalChanged { before, now } => {
                write!(f, "interval changed: from {} to {}", Seconds(before), Seconds(now))
            }
            Self::ClockWrong { by, is_ahead } => {
                write!(f, "clock is wrong: {} {}", Seconds(by), if is_ahead { "ahead" } else { "behind" })
            }
            Self::ClockRight => f.write_str("clock is right again"),
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uptime { before, now } => write!(f, "up for {now:.0} s, {before:.0} s before"),
            Self::Counts { fell, of } => write!(f, "{fell} of {of} counts began anew"),
            Self::Port { before, now } => write!(f, "sends from port {now}, from {before} before"),
        }
    }
}

/// A span in seconds, with as many digits as tell of milliseconds.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tenths are enough where there are many seconds.
        let digits = if self.0.as_secs() < 10 { 1000.0 } else { 10.0 };
        write!(f, "{} s", (self.0.as_secs_f64() * digits).round() / digits)
    }
}

/// What happened to which host, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened.
    pub change: Change,
    /// When it was noticed, by our clock.
    pub time: Time,
    host: Box<[u8]>,
    message: String,
}

impl Event {
    pub(super) fn new(host: &[u8], change: Change, time: Time) -> Self {
        Self { change, time, host: host.into(), message: change.to_string() }
    }

    /// Which host it is about.
    #[must_use]
    pub fn host(&self) -> Text<'_> {
        Text::new(&self.host)
    }

    /// What happened, as a clause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The notification. Nobody has sent it, so nothing protects it.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        let (plugin, plugin_instance) = (PLUGIN.into(), self.change.plugin_instance().into());
        Item::Notification(Notification {
            identifier: Identifier { host: self.host(), plugin, plugin_instance, ..Identifier::default() },
            time: self.time,
            severity: self.change.severity(),
            message: self.message.as_str().into(),
            protection: Protection::None,
            user: None,
        })
    }

    pub(super) const fn octets(&self) -> usize {
        self.host.len() + self.message.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_its_sentence() {
        let seconds = Duration::from_secs_f64;
        for (change, message) in [
            (Change::New { from: Some(([10, 0, 0, 1], 4711).into()) }, "new: first heard from 10.0.0.1:4711"),
            (Change::New { from: None }, "new: first heard"),
            (
                Change::Missing { silent: seconds(31.04), interval: seconds(2.5) },
                "missing: nothing heard for 31 s, at an interval of 2.5 s",
            ),
            (Change::Back { silent: seconds(1.2345) }, "back: heard again after 1.235 s"),
            (Change::Restarted(Sign::Uptime { before: 86_400.0, now: 12.3 }), "restarted: up for 12 s, 86400 s before"),
            (Change::Restarted(Sign::Counts { fell: 12, of: 14 }), "restarted: 12 of 14 counts began anew"),
            (Change::Restarted(Sign::Port { before: 1, now: 2 }), "restarted: sends from port 2, from 1 before"),
            (
                Change::IntervalChanged { before: seconds(10.0), now: seconds(60.0) },
                "interval changed: from 10 s to 60 s",
            ),
            (Change::ClockWrong { by: seconds(42.51), is_ahead: true }, "clock is wrong: 42.5 s ahead"),
            (Change::ClockRight, "clock is right again"),
        ] {
            assert_eq!(change.to_string(), message);
            assert!(message.starts_with(change.word().split('-').next().expect("a word")), "{message}");
        }
    }

    #[test]
    fn what_is_okay_again_has_the_identifier_of_what_was_not() {
        let event = |change| Event::new(b"web\x1b01", change, Time::from_raw(5 << 30));
        let missing = event(Change::Missing { silent: Duration::ZERO, interval: Duration::ZERO });
        let back = event(Change::Back { silent: Duration::ZERO });
        assert_eq!(missing.item().identifier(), back.item().identifier());
        let Item::Notification(notification) = missing.item() else { panic!("a notification") };
        assert_eq!(notification.severity, Severity::Failure);
        assert_eq!(missing.item().identifier().to_string(), r"web\x1b01/collectd-tap-presence/");
    }
}
