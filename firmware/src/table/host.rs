//! Hosts: how often each is to be heard, and when it was.

use core::time::Duration;

use collectd_net::{Interval, Protection, Text};

use super::Name;

/// Octets of a host's name.
pub(super) const HOST: usize = 64;
/// What collectd's interval is if nobody says another, in seconds.
const USUAL_INTERVAL: u64 = 10;
/// The longest interval that is believed, in seconds.
const LONGEST_INTERVAL: u64 = 24 * 3600;
/// Intervals without a sign of life after which a place may be given away; never before `SHORTEST_LIFE` or after
/// `LONGEST_LIFE`, in seconds.
const LIFE: u32 = 30;
const SHORTEST_LIFE: u32 = 600;
pub(super) const LONGEST_LIFE: u32 = 24 * 3600;
/// The shortest time in which a host's shortest interval is looked for, in milliseconds.
const WINDOW: u64 = 60_000;

/// Somebody who sends value lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// When the last value list arrived, in milliseconds.
    pub(super) seen: u64,
    /// Since when `shortest` is looked for, in milliseconds.
    pub(super) window: u64,
    pub(super) hash: u32,
    /// How often something is to be heard, in milliseconds; 0 if the place is free.
    pub(super) interval: u32,
    /// The shortest interval in this window, in milliseconds.
    pub(super) shortest: u32,
    /// Value lists so far.
    pub(super) value_lists: u32,
    /// Notifications about it so far.
    pub(super) notifications: u32,
    pub(super) name: Name<1, HOST>,
    pub(super) silent: bool,
    pub(super) protection: Protection,
}

impl Host {
    /// A place that nobody has.
    pub(super) const FREE: Self = Self {
        seen: 0,
        window: 0,
        hash: 0,
        interval: 0,
        shortest: 0,
        value_lists: 0,
        notifications: 0,
        name: Name::EMPTY,
        silent: false,
        protection: Protection::None,
    };

    /// Whether nobody has this place.
    pub(super) const fn is_free(&self) -> bool {
        self.interval == 0
    }

    /// What it calls itself.
    pub(crate) fn name(&self) -> Text<'_> {
        let [name] = self.name.fields();
        name
    }

    /// How long ago its last value list arrived.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        Duration::from_millis(millis(now).saturating_sub(self.seen))
    }

    /// How often something is to be heard of it.
    pub(crate) const fn interval(&self) -> Duration {
        // 32 bits of milliseconds.
        Duration::from_millis(widen(self.interval))
    }

    /// Value lists so far.
    pub(crate) const fn value_lists(&self) -> u32 {
        self.value_lists
    }

    /// Notifications about it so far.
    pub(crate) const fn notifications(&self) -> u32 {
        self.notifications
    }

    /// Whether it is missing.
    pub(crate) const fn silent(&self) -> bool {
        self.silent
    }

    /// How its last value list was protected.
    pub(crate) const fn protection(&self) -> Protection {
        self.protection
    }

    /// Something was heard of it. The shortest of its intervals counts, as long as it is used.
    pub(super) fn heard(&mut self, interval: u32, protection: Protection, now: u64) {
        let window = widen(self.interval).saturating_mul(2).max(WINDOW);
        if interval < self.shortest {
            self.shortest = interval;
        }
        if now.saturating_sub(self.window) >= window {
            self.interval = self.shortest;
            self.shortest = interval;
            self.window = now;
        } else if interval < self.interval {
            self.interval = interval;
        }
        self.seen = now;
        self.protection = protection;
    }

    /// Whether its place may be given away.
    pub(super) fn expired(&self, now: Duration) -> bool {
        self.age(now).as_secs() >= u64::from(life(self.interval.div_ceil(1000)))
    }
}

/// A count of milliseconds in 64 bits.
#[expect(clippy::as_conversions, reason = "From is not const, and nothing is lost")]
const fn widen(number: u32) -> u64 {
    number as u64
}

/// How often whoever says this is to be heard, in milliseconds: at most a day.
pub(super) fn millis_of(interval: Option<Interval>) -> u32 {
    let interval = interval.filter(|interval| interval.raw() != 0);
    let millis_of = |interval: Interval| (interval.raw() >> 10).saturating_mul(1000) >> 20;
    let interval = interval.map_or(USUAL_INTERVAL.wrapping_mul(1000), millis_of);
    let interval = interval.clamp(1000, LONGEST_INTERVAL.wrapping_mul(1000));
    u32::try_from(interval).unwrap_or(u32::MAX)
}

/// Milliseconds since the start.
pub(super) fn millis(now: Duration) -> u64 {
    now.as_secs().wrapping_mul(1000).wrapping_add(u64::from(now.subsec_millis()))
}

/// Seconds since the start.
pub(super) fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

/// How long a place is kept for whom nothing is heard of, in seconds.
pub(super) const fn life(interval: u32) -> u32 {
    let life = interval.saturating_mul(LIFE);
    if life < SHORTEST_LIFE {
        SHORTEST_LIFE
    } else if life > LONGEST_LIFE {
        LONGEST_LIFE
    } else {
        life
    }
}
