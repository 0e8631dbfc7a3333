//! Places: where the latest values of one series are.

use collectd_net::{Identifier, Values};

use super::Name;
use super::host::life;

/// Octets of plugin, type and their instances together.
pub(super) const SERIES_NAME: usize = 48;
/// Values of a series.
pub(super) const VALUES: usize = 4;

/// The latest values of one series; free if it has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) hash: u32,
    /// When they arrived, in seconds.
    pub(super) seen: u32,
    /// In seconds.
    pub(super) interval: u16,
    /// One more than the next place of the same bucket; 0 for none.
    pub(super) next: u16,
    pub(super) host: u8,
    pub(super) count: u8,
    pub(super) kinds: [u8; VALUES],
    pub(super) values: [[u8; 8]; VALUES],
    pub(super) name: Name<4, SERIES_NAME>,
}

impl Place {
    /// A place that no series has.
    pub(super) const FREE: Self = Self {
        hash: 0,
        seen: 0,
        interval: 0,
        next: 0,
        host: 0,
        count: 0,
        kinds: [0; VALUES],
        values: [[0; 8]; VALUES],
        name: Name::EMPTY,
    };

    /// From when on, in seconds, it may be given away.
    pub(super) fn expires(&self) -> u32 {
        self.seen.saturating_add(life(u32::from(self.interval)))
    }
}

/// One series, as the table has it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series<'a> {
    /// What was measured.
    pub(crate) identifier: Identifier<'a>,
    /// The latest values.
    pub(crate) values: Values<'a>,
    /// How long ago they arrived, in seconds.
    pub(crate) age: u32,
    /// Whether its host is missing.
    pub(crate) silent: bool,
}
