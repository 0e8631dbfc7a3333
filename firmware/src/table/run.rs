//! What items of one packet share.

use core::ptr;
use core::time::Duration;

use collectd_net::{Identifier, Interval, Protection, Text};

use super::family::Family;
use super::host::seconds;
use super::name::{SEED, add, finish, mix};
use super::place::SERIES_NAME;

/// What the items of one packet have in common, so that it is looked for only once. Their texts stand in the same octets, and
/// so are the same where they are in the same place.
#[derive(Debug)]
pub(crate) struct Run<'p> {
    pub(super) now: Duration,
    pub(super) seconds: u32,
    /// What the last value list said.
    pub(super) host: Text<'p>,
    pub(super) interval: Option<Interval>,
    pub(super) protection: Protection,
    pub(super) interval_seconds: u16,
    /// The number of the host, if it has a place.
    pub(super) number: Option<u8>,
    /// Value lists of the host that it does not know of yet.
    pub(super) lists: u32,
    /// The names of the last series.
    pub(super) names: [Text<'p>; 4],
    /// The hashes of the host's number, and of that and each name but the last.
    hashes: [u32; 4],
    /// Octets of these names.
    length: usize,
    /// Their family.
    pub(super) family: Family,
    /// Whether there is no room for any series of this family, and how many were left out for that.
    pub(super) no_room: bool,
    pub(super) left_out: u32,
    /// The place behind that of the last series, if it had one.
    pub(super) next: u16,
}

impl<'p> Run<'p> {
    /// Of a packet that arrived now.
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            now,
            seconds: seconds(now),
            // No list's host is empty.
            host: Text::default(),
            interval: None,
            protection: Protection::None,
            interval_seconds: 0,
            number: None,
            lists: 0,
            names: [Text::default(); 4],
            hashes: [0; 4],
            length: 0,
            family: Family::UNKNOWN,
            no_room: false,
            left_out: 0,
            next: u16::MAX,
        }
    }

    /// What follows is of this host.
    pub(super) fn begin(&mut self, number: Option<u8>) {
        self.number = number;
        self.names = [Text::default(); 4];
        self.family = Family::UNKNOWN;
        // Nothing but empty names so far.
        let mut hash = mix(SEED, number.map_or(0, u32::from));
        for known in &mut self.hashes {
            *known = hash;
            hash = add(hash, Text::default());
        }
    }

    /// Takes the names of a series but for the last, from the first on that is not known.
    pub(super) fn rename(&mut self, identifier: &Identifier<'p>) {
        let Identifier { plugin, plugin_instance, type_, .. } = *identifier;
        let [first, hashes @ ..] = &mut self.hashes;
        let (mut hash, mut anew, mut length) = (*first, false, 0_usize);
        for ((name, known), behind) in [plugin, plugin_instance, type_].into_iter().zip(&mut self.names).zip(hashes) {
            anew |= !is(*known, name);
            if anew {
                *known = name;
                *behind = add(hash, name);
            }
            hash = *behind;
            length = length.wrapping_add(name.len());
        }
        self.length = length;
        if anew {
            self.family = Family::UNKNOWN;
        }
    }

    /// Whether the names of a series are not too long.
    #[inline]
    pub(super) fn fits(&self, type_instance: Text<'_>) -> bool {
        self.length.wrapping_add(type_instance.len()) <= SERIES_NAME
    }

    /// The hash of the names that make a family.
    pub(super) const fn family_hash(&self) -> u32 {
        let [.., hash] = self.hashes;
        finish(hash)
    }

    /// Takes the last name of a series, and gives the hash of all of them.
    #[inline]
    pub(super) fn hash(&mut self, type_instance: Text<'p>) -> u32 {
        let [.., name] = &mut self.names;
        *name = type_instance;
        let [.., before] = self.hashes;
        finish(add(before, type_instance))
    }
}

/// Whether two texts of a packet are one: at most one begins anywhere.
#[inline]
pub(super) fn is(left: Text<'_>, right: Text<'_>) -> bool {
    ptr::addr_eq(left.as_octets(), right.as_octets())
}
