//! How much the store remembers, and what it counts.

use std::time::Duration;

/// How much is remembered, and what is told.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Values in all series.
    pub max_series: usize,
    /// Hosts, and senders besides.
    pub max_hosts: usize,
    /// A host is missing after so many of its intervals.
    pub missing_after: u32,
    /// How far a host's clock may be from ours.
    pub max_skew: Duration,
    /// Notifications.
    pub notifications: usize,
    /// Whether those that are received are among them, or only our own.
    pub keeps_received: bool,
    /// Values that have a [`History`](super::History); none without charts.
    pub charted: usize,
    /// Points of it that are kept as they came.
    pub points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_series: 100_000,
            max_hosts: 10_000,
            missing_after: 3,
            max_skew: Duration::from_secs(30),
            notifications: 1000,
            keeps_received: true,
            charted: 0,
            points: 512,
        }
    }
}

/// What was counted in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Octets of the packets.
    pub octets: u64,
    /// Value lists.
    pub value_lists: u64,
    /// Values in them.
    pub values: u64,
    /// Notifications.
    pub notifications: u64,
    /// Refusals by cause.
    pub refused: Vec<(&'static str, u64)>,
    /// Value lists that were not newer than what was there: mostly second copies.
    pub old: u64,
    /// Value lists of new hosts when there were enough.
    pub refused_hosts: u64,
    /// Value lists of new series when there were enough.
    pub refused_series: u64,
    /// Value lists whose names are too long, or for whose names there was no room.
    pub refused_names: u64,
    /// Series that were not heard of any more.
    pub forgotten_series: u64,
    /// Hosts that were not heard of any more.
    pub forgotten_hosts: u64,
    /// Changes that were not told, because the same host had too many.
    pub untold: u64,
}
