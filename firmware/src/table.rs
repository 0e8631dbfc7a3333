//! What is known about senders: the latest values of every series, and when each host was heard, in fixed memory.
//!
//! ```text
//! buckets   [ 3 | - | 1 | … ]         by hash; a chain of series in each
//!             |       '--> series 0
//!             '----------> series 2 --> series 5      each has its host by number
//! hosts     [ web01 | db | … ]
//! ```
//!
//! What does not fit is left out and counted. A new series or host takes the place of an old one only when that has been
//! silent for long by our own clock, so that floods of new names change nothing for the old ones. All memory is zero at
//! first.

mod family;
mod host;
mod name;
mod place;
mod run;

use core::mem;
use core::time::Duration;

use collectd_net::{Identifier, Notification, Text, ValueList, Values};

use self::family::Families;
pub(crate) use self::host::Host;
use self::host::{HOST, LONGEST_LIFE, millis, millis_of, seconds};
pub(crate) use self::name::Name;
use self::name::{SEED, add, finish};
pub(crate) use self::place::Series;
use self::place::{Place, VALUES};
pub(crate) use self::run::Run;
use self::run::is;

/// Whether there is code in the program that only makes it faster.
const FAST: bool = cfg!(feature = "fast");
/// Buckets for each series.
const BUCKETS: usize = 4;

/// The latest values of `SERIES` series of `HOSTS` hosts; at most 255 hosts and 65,535 series.
#[derive(Debug)]
pub(crate) struct Table<const HOSTS: usize = 32, const SERIES: usize = 128> {
    hosts: [Host; HOSTS],
    places: [Place; SERIES],
    /// One more than the first place of each bucket; 0 for none. They are more than the places, so that most are empty.
    buckets: [[u16; BUCKETS]; SERIES],
    families: Families<SERIES>,
    /// Where the last host was: lists of one host come together.
    last_host: u8,
    used: u16,
    /// Before this, in seconds, there is no place for a new series, and none is old enough to give its place away.
    full_until: u32,
    left_out: LeftOut,
}

/// Value lists that found no room, by what was too small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// A host's or a series' name too long.
    pub(crate) names: u32,
    /// Too many values in one list.
    pub(crate) values: u32,
    /// Too many hosts.
    pub(crate) hosts: u32,
    /// Too many series.
    pub(crate) series: u32,
}

impl<const HOSTS: usize, const SERIES: usize> Table<HOSTS, SERIES> {
    /// An empty table.
    pub(crate) const fn new() -> Self {
        Self {
            hosts: [Host::FREE; HOSTS],
            places: [Place::FREE; SERIES],
            buckets: [[0; BUCKETS]; SERIES],
            families: Families::new(),
            last_host: 0,
            used: 0,
            full_until: 0,
            left_out: LeftOut { names: 0, values: 0, hosts: 0, series: 0 },
        }
    }

    /// Keeps the values of `list`, an item of the packet that `run` is about. Unless it is `anew`, only type instance, time and
    /// values may be others than those of the list before.
    #[inline(always)]
    pub(crate) fn value_list<'p>(&mut self, list: &ValueList<'p>, run: &mut Run<'p>, anew: bool) {
        if anew {
            self.enter(list, run);
        }
        let Some(number) = run.number else {
            self.leave_host_out(list.identifier.host);
            return;
        };
        run.lists = run.lists.wrapping_add(1);
        let instance = list.identifier.type_instance;
        if !run.fits(instance) {
            self.left_out.names = self.left_out.names.saturating_add(1);
            return;
        }
        if FAST && run.no_room {
            run.left_out = run.left_out.wrapping_add(1);
            return;
        }
        let next = if FAST { self.next(instance, run) } else { None };
        let index = match next {
            Some(index) => index,
            None => {
                let hash = run.hash(instance);
                match self.find(number, hash, run) {
                    Some(index) => index,
                    None if self.is_full(run) => {
                        self.left_out.series = self.left_out.series.saturating_add(1);
                        return;
                    }
                    None => match self.add(number, hash, run) {
                        Some(index) => index,
                        None => return,
                    },
                }
            }
        };
        if FAST {
            run.next = index.wrapping_add(1);
        }
        let Some(place) = self.places.get_mut(usize::from(index)) else {
            return;
        };
        let (kinds, values) = (list.values.kinds(), list.values.octets());
        let (Ok(count), true) = (u8::try_from(kinds.len()), kinds.len() <= VALUES) else {
            self.left_out.values = self.left_out.values.saturating_add(1);
            if place.count == 0 {
                self.remove(index);
            }
            return;
        };
        place.seen = run.seconds;
        place.interval = run.interval_seconds;
        place.count = count;
        let places = place.kinds.iter_mut().zip(&mut place.values);
        for ((kind, octets), (new_kind, new_octets)) in places.zip(kinds.iter().zip(values)) {
            (*kind, *octets) = (*new_kind, *new_octets);
        }
    }

    /// Takes from `list` what the lists behind it may have in common with it.
    #[cold]
    #[inline(never)]
    fn enter<'p>(&mut self, list: &ValueList<'p>, run: &mut Run<'p>) {
        let host = list.identifier.host;
        if !is(run.host, host) || run.interval != list.interval || run.protection != list.protection {
            self.packet_end(run);
            (run.host, run.interval, run.protection) = (host, list.interval, list.protection);
            let interval = millis_of(run.interval);
            run.interval_seconds = u16::try_from(interval.div_ceil(1000)).unwrap_or(u16::MAX);
            let number = self.host_of(run.host, interval, run.now);
            if let Some(host) = number.and_then(|number| self.hosts.get_mut(usize::from(number))) {
                host.heard(interval, run.protection, millis(run.now));
            }
            run.begin(number);
        }
        run.rename(&list.identifier);
        if FAST {
            run.no_room = self.is_full(run) && self.families.has_none(run.family_hash());
        }
    }

    /// Counts the value lists of `run` that were not counted one by one.
    pub(crate) fn packet_end(&mut self, run: &mut Run<'_>) {
        if FAST {
            self.left_out.series = self.left_out.series.saturating_add(mem::take(&mut run.left_out));
        }
        if let Some(host) = run.number.and_then(|number| self.hosts.get_mut(usize::from(number))) {
            host.value_lists = host.value_lists.saturating_add(mem::take(&mut run.lists));
        }
    }

    /// Counts a notification about a host that is known. Anybody may send it, so it is no sign of life.
    pub(crate) fn notification(&mut self, notification: &Notification<'_>) {
        let name = notification.identifier.host;
        if let Some(host) = self.known_host(name).and_then(|number| self.hosts.get_mut(usize::from(number))) {
            host.notifications = host.notifications.saturating_add(1);
        }
    }

    /// Looks who is missing: nothing heard for `missing_after` intervals. `told` hears of each that has become silent
    /// (true) or is back (false). Who has been silent for a day is forgotten, where that is not less than it takes to be
    /// missing.
    pub(crate) fn watch(&mut self, missing_after: u32, now: Duration, mut told: impl FnMut(&Host, bool)) {
        for number in 0..HOSTS {
            let Some(host) = self.hosts.get_mut(number).filter(|host| !host.is_free()) else {
                continue;
            };
            let patience = host.interval().saturating_mul(missing_after.max(1));
            let age = host.age(now);
            let silent = age > patience;
            if silent != host.silent {
                host.silent = silent;
                told(host, silent);
            }
            if age > patience.max(Duration::from_secs(u64::from(LONGEST_LIFE))) {
                self.forget(number);
            }
        }
    }

    /// The hosts that are known.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| !host.is_free())
    }

    /// The first host at `number` or behind it, and its number.
    pub(crate) fn host_from(&self, number: usize) -> Option<(usize, &Host)> {
        self.hosts.iter().enumerate().skip(number).find(|(_, host)| !host.is_free())
    }

    /// The first series at `number` or behind it, and its number.
    pub(crate) fn series_from(&self, number: usize, now: Duration) -> Option<(usize, Series<'_>)> {
        self.places.iter().enumerate().skip(number).find_map(|(number, place)| {
            let host = self.hosts.get(usize::from(place.host))?;
            let count = usize::from(place.count);
            // Empty, and no values, if the place is free.
            let values = Values::new(place.kinds.get(..count)?, place.values.get(..count)?).ok()?;
            let [plugin, plugin_instance, type_, type_instance] = place.name.fields();
            let identifier = Identifier { host: host.name(), plugin, plugin_instance, type_, type_instance };
            let age = seconds(now).saturating_sub(place.seen);
            Some((number, Series { identifier, values, age, silent: host.silent }))
        })
    }

    /// How many series are known.
    pub(crate) const fn series_len(&self) -> u16 {
        self.used
    }

    /// What found no room.
    pub(crate) const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn known_host(&self, name: Text<'_>) -> Option<u8> {
        let is = |host: &Host| !host.is_free() && host.name.is(&[name]);
        if self.hosts.get(usize::from(self.last_host)).is_some_and(is) {
            return Some(self.last_host);
        }
        let hash = finish(add(SEED, name));
        let number = self.hosts.iter().position(|host| host.hash == hash && is(host))?;
        u8::try_from(number).ok()
    }

    /// The number of the host with this name, which is new if need be.
    fn host_of(&mut self, name: Text<'_>, interval: u32, now: Duration) -> Option<u8> {
        let number = match self.known_host(name) {
            Some(number) => number,
            None => self.add_host(name, interval, now)?,
        };
        self.last_host = number;
        Some(number)
    }

    #[cold]
    fn add_host(&mut self, name: Text<'_>, interval: u32, now: Duration) -> Option<u8> {
        let free = self.hosts.iter().position(Host::is_free);
        let oldest = || {
            let expired = self.hosts.iter().enumerate().filter(|(_, host)| host.expired(now));
            expired.min_by_key(|(_, host)| host.seen).map(|(number, _)| number)
        };
        let place = Some(name).filter(|name| name.len() <= HOST).and_then(|_| free.or_else(oldest));
        let number = place?;
        self.forget(number);
        let hash = finish(add(SEED, name));
        let name = Name::new(&[name])?;
        let host = self.hosts.get_mut(number)?;
        *host = Host { hash, name, interval, shortest: interval, window: millis(now), ..Host::FREE };
        u8::try_from(number).ok()
    }

    /// Counts a list whose host has no place.
    #[cold]
    fn leave_host_out(&mut self, name: Text<'_>) {
        let count = if name.len() > HOST { &mut self.left_out.names } else { &mut self.left_out.hosts };
        *count = count.saturating_add(1);
    }

    /// Frees the place of a host, and those of its series.
    fn forget(&mut self, number: usize) {
        if let Some(host) = self.hosts.get_mut(number).filter(|host| !host.is_free()) {
            *host = Host::FREE;
            for index in 0..u16::try_from(SERIES).unwrap_or(u16::MAX) {
                let place = self.places.get(usize::from(index));
                if place.is_some_and(|place| place.count != 0 && usize::from(place.host) == number) {
                    self.remove(index);
                }
            }
        }
    }

    /// The place behind the last one, if it is that of the series of this name: they come in the same order in each packet.
    #[inline]
    fn next(&self, instance: Text<'_>, run: &mut Run<'_>) -> Option<u16> {
        let next = mem::replace(&mut run.next, u16::MAX);
        let place = self.places.get(usize::from(next))?;
        (self.families.is(next, run.family) && place.name.last_is(instance)).then_some(next)
    }

    /// The place of a series of this host.
    #[inline]
    fn find(&self, host: u8, hash: u32, run: &mut Run<'_>) -> Option<u16> {
        let mut link = *self.buckets.as_flattened().get(Self::scaled(hash, BUCKETS))?;
        loop {
            let index = link.checked_sub(1)?;
            let place = self.places.get(usize::from(index))?;
            if place.hash == hash && place.host == host {
                let [.., instance] = run.names;
                if self.families.is(index, run.family) && place.name.last_is(instance) {
                    return Some(index);
                }
                if place.name.is(&run.names) {
                    run.family = self.families.of(index);
                    return Some(index);
                }
            }
            link = place.next;
        }
    }

    /// A number below so many for each series, for a hash.
    fn scaled(hash: u32, times: usize) -> usize {
        let scaled = u64::from(hash).wrapping_mul(u64::try_from(SERIES.wrapping_mul(times)).unwrap_or_default()) >> 32;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// Whether it is known already that there is no room for another series.
    #[inline]
    const fn is_full(&self, run: &Run<'_>) -> bool {
        run.seconds < self.full_until
    }

    /// A place for a new series: a free one, or that of the series that is silent for longest. It has no values yet.
    #[cold]
    #[inline(never)]
    fn add(&mut self, host: u8, hash: u32, run: &mut Run<'_>) -> Option<u16> {
        let index = if usize::from(self.used) < SERIES {
            // Where nobody ever left, the next one is free.
            let next = usize::from(self.used);
            let is_free = |place: &Place| place.count == 0;
            if self.places.get(next).is_some_and(is_free) { Some(next) } else { self.places.iter().position(is_free) }
        } else {
            self.oldest(run.seconds)
        };
        let Some(index) = index.and_then(|index| u16::try_from(index).ok()) else {
            self.left_out.series = self.left_out.series.saturating_add(1);
            return None;
        };
        if usize::from(self.used) >= SERIES {
            self.remove(index);
        }
        let bucket = self.buckets.as_flattened_mut().get_mut(Self::scaled(hash, BUCKETS))?;
        let place = self.places.get_mut(usize::from(index))?;
        place.name.set(&run.names)?;
        (place.hash, place.host, place.next) = (hash, host, *bucket);
        let hash = run.family_hash();
        self.families.enter(index, &mut run.family, hash);
        *bucket = index.saturating_add(1);
        self.used = self.used.saturating_add(1);
        Some(index)
    }

    /// The series that is silent for longest, if it is for long enough. Where none is, nobody looks again before one can be.
    fn oldest(&mut self, now: u32) -> Option<usize> {
        if now < self.full_until {
            return None;
        }
        let oldest = self.places.iter().enumerate().filter(|(_, place)| place.expires() <= now);
        let oldest = oldest.min_by_key(|(_, place)| place.seen).map(|(index, _)| index);
        if oldest.is_none() {
            self.full_until = self.places.iter().map(Place::expires).min().unwrap_or(u32::MAX);
        }
        oldest
    }

    /// Frees a place, if it is in use.
    fn remove(&mut self, index: u16) {
        let Some(place) = self.places.get(usize::from(index)).copied() else {
            return;
        };
        let own = index.saturating_add(1);
        let Some(mut link) = self.buckets.as_flattened().get(Self::scaled(place.hash, BUCKETS)).copied() else {
            return;
        };
        if link == own {
            if let Some(bucket) = self.buckets.as_flattened_mut().get_mut(Self::scaled(place.hash, BUCKETS)) {
                *bucket = place.next;
            }
        } else {
            // Whoever points here points to the next one instead.
            loop {
                let Some(before) = link.checked_sub(1).and_then(|index| self.places.get_mut(usize::from(index))) else {
                    return;
                };
                link = before.next;
                if link == own {
                    before.next = place.next;
                    break;
                }
            }
        }
        if let Some(place) = self.places.get_mut(usize::from(index)) {
            self.families.leave(index);
            *place = Place::FREE;
        }
        self.used = self.used.saturating_sub(1);
        // Its neighbour may expire sooner than those who were looked at.
        self.full_until = 0;
    }
}

#[cfg(test)]
pub(crate) mod tests;
