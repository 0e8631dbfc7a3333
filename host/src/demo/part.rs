//! Who plays which part, and what that means for when and how a host sends.

use std::net::Ipv4Addr;
use std::time::Duration;

use collectd_net::Time;

use super::role::{self, Role};
use super::{DAMAGED, DAY};

/// How far the clock without a battery is behind: more than may be, and within what charts show.
const BEHIND: u64 = 42;
/// When that clock is set, after the start.
const SET_AT: u64 = 70;
/// The intervals of the host that changes them, one after the other.
const INTERVALS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(1)];

/// One of the cast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) address: Ipv4Addr,
    pub(super) role: &'static Role,
    pub(super) seal: Seal,
    pub(super) fate: Fate,
}

/// How a host protects what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    None,
    /// By this user.
    Signed(&'static str),
    Encrypted(&'static str),
    /// With a password that is not its user's.
    Wrong,
}

/// What happens to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Calm,
    FillsUp,
    GoesMissing,
    Restarts,
    ChangesInterval,
    Flaps,
    /// Its clock is wrong, and its network bad.
    HasNoBattery,
}

/// All hosts.
pub(super) const CAST: [(&str, &Role, Seal, Fate); 12] = [
    ("web01", &role::WEB, Seal::None, Fate::Calm),
    ("web02", &role::WEB, Seal::None, Fate::Calm),
    ("db01", &role::DATABASE, Seal::None, Fate::FillsUp),
    ("cache01", &role::CACHE, Seal::None, Fate::Restarts),
    ("db02", &role::DATABASE, Seal::None, Fate::GoesMissing),
    ("gate01", &role::GATE, Seal::Encrypted("gate"), Fate::Flaps),
    ("nas01", &role::STORAGE, Seal::Signed("nas"), Fate::Calm),
    ("switch01", &role::SWITCH, Seal::None, Fate::Calm),
    ("pi01", &role::SENSOR, Seal::None, Fate::HasNoBattery),
    ("ci01", &role::BUILDER, Seal::None, Fate::ChangesInterval),
    ("web03", &role::WEB, Seal::None, Fate::Calm),
    ("old01", &role::STORAGE, Seal::Wrong, Fate::Calm),
];

impl Part {
    /// Those of all hosts, in the order in which they are heard first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        // 127.0.0.1 is whoever listens.
        (2..).zip(CAST).map(|(last, (name, role, seal, fate))| Self {
            name,
            address: Ipv4Addr::new(127, 0, 0, last),
            role,
            seal,
            fate,
        })
    }

    /// Whether its packet of this round is damaged on the way.
    pub(super) fn is_damaged(&self, round: u64) -> bool {
        self.fate == Fate::HasNoBattery && round.is_multiple_of(DAMAGED)
    }
}

impl Fate {
    /// The host sends nothing.
    pub(super) fn is_silent(self, at: Duration) -> bool {
        let second = time_of_day(at).as_secs();
        match self {
            Self::GoesMissing => (10..28).contains(&second),
            Self::Restarts => (36..40).contains(&second),
            // Before it starts again.
            Self::HasNoBattery => day(at) % 2 == 1 && second >= SET_AT,
            _ => false,
        }
    }

    /// How often it was started since the beginning.
    pub(super) fn starts(self, at: Duration) -> u64 {
        match self {
            Self::Restarts => day(at) + u64::from(time_of_day(at).as_secs() >= 40),
            Self::HasNoBattery => day(at) / 2,
            _ => 0,
        }
    }

    /// When it was started last; `None` if that was long before.
    pub(super) fn started(self, at: Duration) -> Option<Duration> {
        let starts = self.starts(at);
        let day = |number: u64| Duration::from_secs(number * DAY.as_secs());
        match self {
            Self::Restarts => Some(day(starts.checked_sub(1)?) + Duration::from_secs(40)),
            Self::HasNoBattery => Some(day(starts * 2)),
            _ => None,
        }
    }

    /// How often it measures, if that is not what is usual for its role.
    pub(super) fn interval(self, at: Duration) -> Option<Duration> {
        let is_past = time_of_day(at).as_secs() >= 22;
        let changes = usize::try_from(day(at) + u64::from(is_past)).unwrap_or_default();
        (self == Self::ChangesInterval).then(|| INTERVALS[changes % INTERVALS.len()])
    }

    /// What it takes the time for.
    pub(super) fn clock(self, at: Duration, now: Time) -> Time {
        let is_behind = self == Self::HasNoBattery && day(at).is_multiple_of(2) && time_of_day(at).as_secs() < SET_AT;
        if is_behind { Time::from_raw(now.raw().saturating_sub(BEHIND << 30)) } else { now }
    }
}

/// The number of the day, from 0.
pub(super) const fn day(at: Duration) -> u64 {
    at.as_secs() / DAY.as_secs()
}

/// How late in the day it is.
pub(super) fn time_of_day(at: Duration) -> Duration {
    at.saturating_sub(Duration::from_secs(day(at) * DAY.as_secs()))
}
