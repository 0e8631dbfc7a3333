//! What items of one packet share.

use core::ptr;
use core::time::Duration;

use collectd_net::{Identifier, Interval, Protection, Text};

use super::host::seconds;
use super::name::{SEED, add, finish, mix};

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
    /// The names of the last series, and the hashes of what is before each of them.
    pub(super) names: [Text<'p>; 4],
    pub(super) before: [u32; 4],
    /// The hash of all of them.
    pub(super) hash: u32,
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
            names: [Text::default(); 4],
            before: [0; 4],
            hash: 0,
        }
    }

    /// What follows is of this host.
    pub(super) fn begin(&mut self, number: Option<u8>) {
        self.number = number;
        self.names = [Text::default(); 4];
        // Nothing but empty names so far.
        let mut hash = mix(SEED, number.map_or(0, u32::from));
        for before in &mut self.before {
            *before = hash;
            hash = add(hash, Text::default());
        }
        self.hash = hash;
    }

    /// Takes the names of a series, and gives the hash of them. Often only the last differs from that of the series before.
    #[inline]
    pub(super) fn name(&mut self, identifier: &Identifier<'p>) -> u32 {
        let Identifier { host: _, plugin, plugin_instance, type_, type_instance } = identifier;
        let [known_plugin, known_plugin_instance, known_type, known_instance] = &self.names;
        if !(is(*known_plugin, *plugin) && is(*known_plugin_instance, *plugin_instance) && is(*known_type, *type_)) {
            self.rename([*plugin, *plugin_instance, *type_, *type_instance]);
        } else if !is(*known_instance, *type_instance) {
            let [.., before] = self.before;
            let [.., instance] = &mut self.names;
            *instance = *type_instance;
            self.hash = add(before, *type_instance);
        }
        finish(self.hash)
    }

    #[inline(never)]
    fn rename(&mut self, names: [Text<'p>; 4]) {
        let [mut hash, ..] = self.before;
        for (name, before) in names.into_iter().zip(&mut self.before) {
            *before = hash;
            hash = add(hash, name);
        }
        (self.names, self.hash) = (names, hash);
    }
}

/// Whether two texts of a packet are one.
#[inline]
pub(super) fn is(left: Text<'_>, right: Text<'_>) -> bool {
    ptr::eq(left.as_octets(), right.as_octets())
}
