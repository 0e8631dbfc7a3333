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

use core::time::Duration;

use collectd_net::{Identifier, Interval, Notification, Protection, Text, ValueList, Values};

/// Octets of a host's name.
const HOST: usize = 64;
/// Octets of plugin, type and their instances together.
const SERIES_NAME: usize = 48;
/// Values of a series.
const VALUES: usize = 4;
/// What collectd's interval is if nobody says another, in seconds.
const USUAL_INTERVAL: u64 = 10;
/// The longest interval that is believed, in seconds.
const LONGEST_INTERVAL: u64 = 24 * 3600;
/// Intervals without a sign of life after which a place may be given away; never before `SHORTEST_LIFE` or after
/// `LONGEST_LIFE`, in seconds.
const LIFE: u32 = 30;
const SHORTEST_LIFE: u32 = 600;
const LONGEST_LIFE: u32 = 24 * 3600;
/// The shortest time in which a host's shortest interval is looked for, in milliseconds.
const WINDOW: u64 = 60_000;

/// Texts in fixed room, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<const FIELDS: usize, const SIZE: usize> {
    /// Where each text ends.
    ends: [u8; FIELDS],
    octets: [u8; SIZE],
}

impl<const FIELDS: usize, const SIZE: usize> Name<FIELDS, SIZE> {
    const EMPTY: Self = Self { ends: [0; FIELDS], octets: [0; SIZE] };

    /// A copy; `None` if the room is too small.
    pub(crate) fn new(fields: &[Text<'_>; FIELDS]) -> Option<Self> {
        let mut name = Self::EMPTY;
        let mut start = 0_usize;
        for (end, field) in name.ends.iter_mut().zip(fields) {
            let field = field.as_octets();
            let stop = start.checked_add(field.len())?;
            name.octets.get_mut(start..stop)?.copy_from_slice(field);
            *end = u8::try_from(stop).ok()?;
            start = stop;
        }
        Some(name)
    }

    /// Whether it is a copy of these.
    #[inline]
    pub(crate) fn is(&self, fields: &[Text<'_>; FIELDS]) -> bool {
        let mut start = 0;
        for (end, field) in self.ends.iter().zip(fields) {
            let end = usize::from(*end);
            if !self.octets.get(start..end).is_some_and(|octets| same(octets, field.as_octets())) {
                return false;
            }
            start = end;
        }
        true
    }

    /// The texts.
    pub(crate) fn fields(&self) -> [Text<'_>; FIELDS] {
        let mut start = 0;
        self.ends.map(|end| {
            let end = usize::from(end);
            let octets = self.octets.get(start..end).unwrap_or_default();
            start = end;
            Text::new(octets)
        })
    }
}

/// Whether both are the same, four octets at a time.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    let ((left_words, left_rest), (right_words, right_rest)) = (left.as_chunks::<4>(), right.as_chunks::<4>());
    left.len() == right.len()
        && left_words.iter().zip(right_words).all(|(left, right)| left == right)
        && left_rest.iter().zip(right_rest).all(|(left, right)| left == right)
}

/// A number that differs for most texts.
#[inline]
pub(crate) fn hash(fields: &[Text<'_>]) -> u32 {
    const fn mix(hash: u32, word: u32) -> u32 {
        (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1)
    }
    let mut hash = 0x9e37_79b9_u32;
    for field in fields {
        let (words, rest) = field.as_octets().as_chunks::<4>();
        for word in words {
            hash = mix(hash, u32::from_le_bytes(*word));
        }
        // A text ends where no octet of the packet could.
        let mut last = [0xff; 4];
        for (place, octet) in last.iter_mut().zip(rest) {
            *place = *octet;
        }
        hash = mix(hash, u32::from_le_bytes(last));
    }
    hash ^ hash >> 15
}

/// Milliseconds since the start.
fn millis(now: Duration) -> u64 {
    now.as_secs().wrapping_mul(1000).wrapping_add(u64::from(now.subsec_millis()))
}

/// Seconds since the start.
fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

/// How long a place is kept for whom nothing is heard of, in seconds.
const fn life(interval: u32) -> u32 {
    let life = interval.saturating_mul(LIFE);
    if life < SHORTEST_LIFE {
        SHORTEST_LIFE
    } else if life > LONGEST_LIFE {
        LONGEST_LIFE
    } else {
        life
    }
}

/// Somebody who sends value lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    /// When the last value list arrived, in milliseconds.
    seen: u64,
    /// Since when `shortest` is looked for, in milliseconds.
    window: u64,
    hash: u32,
    /// How often something is to be heard, in milliseconds.
    interval: u32,
    /// The shortest interval in this window, in milliseconds.
    shortest: u32,
    /// Value lists so far; none if the place is free.
    value_lists: u32,
    /// Notifications about it so far.
    notifications: u32,
    name: Name<1, HOST>,
    silent: bool,
    protection: Protection,
}

impl Host {
    const FREE: Self = Self {
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
    fn heard(&mut self, interval: u32, protection: Protection, now: u64) {
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
        self.value_lists = self.value_lists.saturating_add(1);
        self.protection = protection;
    }

    fn expired(&self, now: Duration) -> bool {
        self.age(now).as_secs() >= u64::from(life(self.interval.div_ceil(1000)))
    }
}

/// A count of milliseconds in 64 bits.
#[expect(clippy::as_conversions, reason = "From is not const, and nothing is lost")]
const fn widen(number: u32) -> u64 {
    number as u64
}

/// The latest values of one series; free if it has none.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    /// When they arrived, in seconds.
    seen: u32,
    /// In seconds.
    interval: u16,
    /// One more than the next place of the same bucket; 0 for none.
    next: u16,
    host: u8,
    count: u8,
    kinds: [u8; VALUES],
    values: [[u8; 8]; VALUES],
    name: Name<4, SERIES_NAME>,
}

impl Place {
    const FREE: Self = Self {
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

    fn expires(&self) -> u32 {
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

/// The latest values of `SERIES` series of `HOSTS` hosts; at most 255 hosts and 65,535 series.
pub(crate) struct Table<const HOSTS: usize = 32, const SERIES: usize = 128> {
    hosts: [Host; HOSTS],
    places: [Place; SERIES],
    /// One more than the first place of each bucket; 0 for none.
    buckets: [u16; SERIES],
    /// Where the last host was: lists of one host come together.
    last_host: u8,
    used: u16,
    /// Before this, in seconds, no series is old enough to give its place away.
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
            buckets: [0; SERIES],
            last_host: 0,
            used: 0,
            full_until: 0,
            left_out: LeftOut { names: 0, values: 0, hosts: 0, series: 0 },
        }
    }

    /// Keeps the values of `list`, which arrived now.
    pub(crate) fn value_list(&mut self, list: &ValueList<'_>, now: Duration) {
        let secs = list.interval.filter(|interval| interval.raw() != 0);
        let millis_of = |interval: Interval| (interval.raw() >> 10).saturating_mul(1000) >> 20;
        let interval = secs.map_or(USUAL_INTERVAL.wrapping_mul(1000), millis_of);
        // At most a day of milliseconds.
        let interval = interval.clamp(1000, LONGEST_INTERVAL.wrapping_mul(1000));
        let interval = u32::try_from(interval).unwrap_or(u32::MAX);
        let Some(number) = self.host_of(list.identifier.host, interval, now) else {
            return;
        };
        if let Some(host) = self.hosts.get_mut(usize::from(number)) {
            host.heard(interval, list.protection, millis(now));
        }
        let Identifier { plugin, plugin_instance, type_, type_instance, .. } = list.identifier;
        let name = [plugin, plugin_instance, type_, type_instance];
        let hash = hash(&name).wrapping_add(u32::from(number).wrapping_mul(0x85eb_ca6b));
        let Some(index) = self.find(number, hash, &name).or_else(|| self.add(number, hash, &name, now)) else {
            return;
        };
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
        place.seen = seconds(now);
        place.interval = u16::try_from(interval.div_ceil(1000)).unwrap_or(u16::MAX);
        place.count = count;
        for (kept, kind) in place.kinds.iter_mut().zip(kinds) {
            *kept = *kind;
        }
        for (kept, octets) in place.values.iter_mut().zip(values) {
            *kept = *octets;
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
            let Some(host) = self.hosts.get_mut(number).filter(|host| host.value_lists != 0) else {
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
        self.hosts.iter().filter(|host| host.value_lists != 0)
    }

    /// The first host at `number` or behind it, and its number.
    pub(crate) fn host_from(&self, number: usize) -> Option<(usize, &Host)> {
        self.hosts.iter().enumerate().skip(number).find(|(_, host)| host.value_lists != 0)
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
        let is = |host: &Host| host.value_lists != 0 && host.name.is(&[name]);
        if self.hosts.get(usize::from(self.last_host)).is_some_and(is) {
            return Some(self.last_host);
        }
        let hash = hash(&[name]);
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
        let hash = hash(&[name]);
        let Some(name) = Name::new(&[name]) else {
            self.left_out.names = self.left_out.names.saturating_add(1);
            return None;
        };
        let free = self.hosts.iter().position(|host| host.value_lists == 0);
        let oldest = || {
            let expired = self.hosts.iter().enumerate().filter(|(_, host)| host.expired(now));
            expired.min_by_key(|(_, host)| host.seen).map(|(number, _)| number)
        };
        let Some(number) = free.or_else(oldest) else {
            self.left_out.hosts = self.left_out.hosts.saturating_add(1);
            return None;
        };
        self.forget(number);
        let host = self.hosts.get_mut(number)?;
        *host = Host { hash, name, interval, shortest: interval, window: millis(now), ..Host::FREE };
        u8::try_from(number).ok()
    }

    /// Frees the place of a host, and those of its series.
    fn forget(&mut self, number: usize) {
        if let Some(host) = self.hosts.get_mut(number).filter(|host| host.value_lists != 0) {
            *host = Host::FREE;
            for index in 0..u16::try_from(SERIES).unwrap_or(u16::MAX) {
                let place = self.places.get(usize::from(index));
                if place.is_some_and(|place| place.count != 0 && usize::from(place.host) == number) {
                    self.remove(index);
                }
            }
        }
    }

    #[inline]
    fn find(&self, host: u8, hash: u32, name: &[Text<'_>; 4]) -> Option<u16> {
        let mut link = *self.buckets.get(Self::bucket(hash))?;
        loop {
            let index = link.checked_sub(1)?;
            let place = self.places.get(usize::from(index))?;
            if place.hash == hash && place.host == host && place.name.is(name) {
                return Some(index);
            }
            link = place.next;
        }
    }

    fn bucket(hash: u32) -> usize {
        let scaled = u64::from(hash).wrapping_mul(u64::try_from(SERIES).unwrap_or_default()) >> 32;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// A place for a new series: a free one, or that of the series that is silent for longest. It has no values yet.
    #[cold]
    fn add(&mut self, host: u8, hash: u32, name: &[Text<'_>; 4], now: Duration) -> Option<u16> {
        let Some(name) = Name::new(name) else {
            self.left_out.names = self.left_out.names.saturating_add(1);
            return None;
        };
        let index = if usize::from(self.used) < SERIES {
            self.places.iter().position(|place| place.count == 0)
        } else {
            self.oldest(seconds(now))
        };
        let Some(index) = index.and_then(|index| u16::try_from(index).ok()) else {
            self.left_out.series = self.left_out.series.saturating_add(1);
            return None;
        };
        self.remove(index);
        let bucket = self.buckets.get_mut(Self::bucket(hash))?;
        let place = self.places.get_mut(usize::from(index))?;
        *place = Place { hash, host, name, next: *bucket, ..Place::FREE };
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
        let Some(mut link) = self.buckets.get(Self::bucket(place.hash)).copied() else {
            return;
        };
        if link == own {
            if let Some(bucket) = self.buckets.get_mut(Self::bucket(place.hash)) {
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
            *place = Place::FREE;
        }
        self.used = self.used.saturating_sub(1);
        // Its neighbour may expire sooner than those who were looked at.
        self.full_until = 0;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use collectd_net::{Severity, Time, Value};

    /// Calls `then` with a value list of these.
    pub(crate) fn with_list(identifier: &str, interval: u64, values: &[Value], then: impl FnOnce(&ValueList<'_>)) {
        let kinds: Vec<u8> = values.iter().map(|value| value.kind().raw()).collect();
        let octets: Vec<[u8; 8]> = values
            .iter()
            .map(|value| match value {
                Value::Gauge(_) => value.bits().to_le_bytes(),
                _ => value.bits().to_be_bytes(),
            })
            .collect();
        then(&ValueList {
            identifier: Identifier::parse(identifier).unwrap(),
            time: Time::from_secs(1_700_005_000).unwrap(),
            interval: Some(Interval::from_secs(interval).unwrap()),
            values: Values::new(&kinds, &octets).unwrap(),
            protection: Protection::Signed,
            user: None,
        });
    }

    pub(crate) fn heard<const HOSTS: usize, const SERIES: usize>(
        table: &mut Table<HOSTS, SERIES>,
        identifier: &str,
        value: u64,
        now: u64,
    ) {
        with_list(identifier, 10, &[Value::Counter(value)], |list| table.value_list(list, Duration::from_secs(now)));
    }

    fn value<const HOSTS: usize, const SERIES: usize>(
        table: &Table<HOSTS, SERIES>,
        identifier: &str,
    ) -> Option<Vec<Value>> {
        let mut number = 0;
        while let Some((at, series)) = table.series_from(number, Duration::from_secs(0)) {
            if series.identifier.to_string() == identifier {
                return Some(series.values.iter().collect());
            }
            number = at + 1;
        }
        None
    }

    #[test]
    fn the_latest_values_are_kept_exactly() {
        let mut table = Table::<4, 8>::new();
        let all = [Value::Counter(u64::MAX), Value::Gauge(0.1), Value::Derive(i64::MIN), Value::Absolute(7)];
        let now = Duration::from_secs(5);
        with_list("h/p-i/t-j", 10, &all, |list| table.value_list(list, now));
        assert_eq!(value(&table, "h/p-i/t-j").unwrap(), all);
        with_list("h/p-i/t-j", 10, &all[2..], |list| table.value_list(list, now));
        assert_eq!(value(&table, "h/p-i/t-j").unwrap(), all[2..]);
        assert_eq!((table.series_len(), table.hosts().count()), (1, 1));
        let (_, series) = table.series_from(0, Duration::from_secs(65)).unwrap();
        assert_eq!((series.age, series.silent), (60, false));
        let host = table.hosts().next().unwrap();
        assert_eq!((host.value_lists(), host.protection()), (2, Protection::Signed));
    }

    #[test]
    fn names_whose_octets_are_divided_differently_are_different() {
        let mut table = Table::<4, 8>::new();
        for (place, name) in
            ["h/a-bc/t-d", "h/a-b/ct-d", "h/ab-c/t-d", "h/abc/t-d", "h/a-bc/td", "g/abc/td"].iter().enumerate()
        {
            heard(&mut table, name, place.try_into().unwrap(), 0);
        }
        assert_eq!(table.series_len(), 6);
        assert_eq!(value(&table, "h/abc/t-d"), Some(vec![Value::Counter(3)]));
    }

    #[test]
    fn a_million_spoofed_series_leave_the_old_ones_alone() {
        let mut table = Table::<8, 32>::new();
        for number in 0..16 {
            heard(&mut table, &format!("h{}/p/t-{number}", number % 4), number, 0);
        }
        for number in 0..1_000_000_u64 {
            let spoofed = match number % 3 {
                0 => format!("h1/p/t-spoofed{number}"),
                1 => format!("spoofed{number}/p/t"),
                _ => format!("h0/spoofed-{number}/t"),
            };
            heard(&mut table, &spoofed, 1, number / 2000);
        }
        for number in 0..16 {
            heard(&mut table, &format!("h{}/p/t-{number}", number % 4), number + 1, 500);
        }
        for number in 0..16 {
            let name = format!("h{}/p/t-{number}", number % 4);
            assert_eq!(value(&table, &name), Some(vec![Value::Counter(number + 1)]));
        }
        assert_eq!((table.series_len(), table.hosts().count()), (32, 8));
        let left_out = table.left_out();
        // Four hosts were free, and what of 16 series was left.
        assert_eq!(left_out.hosts + left_out.series, 1_000_000 - 16);
    }

    #[test]
    fn the_longest_silent_give_their_places_to_new_ones() {
        let mut table = Table::<4, 4>::new();
        for (number, name) in ["a/p/t", "a/p/t-1", "a/p/t-2", "b/p/t"].iter().enumerate() {
            heard(&mut table, name, 1, number as u64);
        }
        heard(&mut table, "a/p/t", 1, 550);
        heard(&mut table, "c/p/t", 1, 599);
        assert_eq!((value(&table, "c/p/t"), table.left_out().series), (None, 1));
        heard(&mut table, "c/p/t", 1, 601);
        assert!(value(&table, "c/p/t").is_some() && value(&table, "a/p/t-1").is_none());
        heard(&mut table, "c/p/t-1", 1, 602);
        assert!(value(&table, "c/p/t-1").is_some() && value(&table, "a/p/t-2").is_none());
        heard(&mut table, "c/p/t-2", 1, 602);
        assert!(value(&table, "c/p/t-2").is_none() && value(&table, "a/p/t").is_some());
        // And a host takes its series with it.
        heard(&mut table, "d/p/t", 1, 602);
        heard(&mut table, "e/p/t", 1, 700);
        assert_eq!(value(&table, "b/p/t"), None);
        assert_eq!(table.hosts().map(|host| host.name().to_string()).collect::<Vec<_>>(), ["a", "e", "c", "d"]);
    }

    #[test]
    fn an_interval_of_centuries_expires_within_a_day() {
        let mut table = Table::<1, 1>::new();
        with_list("h/p/t", 17_179_869_183, &[Value::Counter(1)], |list| table.value_list(list, Duration::ZERO));
        heard(&mut table, "i/p/t", 1, 24 * 3600 - 1);
        assert_eq!((table.left_out().hosts, value(&table, "i/p/t")), (1, None));
        heard(&mut table, "i/p/t", 1, 24 * 3600);
        assert!(value(&table, "i/p/t").is_some());
    }

    #[test]
    fn what_is_too_large_is_counted_and_not_cut() {
        let mut table = Table::<4, 8>::new();
        heard(&mut table, &format!("{}/p/t", "h".repeat(65)), 1, 0);
        heard(&mut table, &format!("h/p-{}/t", "i".repeat(47)), 1, 0);
        with_list("h/p/t", 10, &[Value::Counter(1); 5], |list| table.value_list(list, Duration::ZERO));
        let left_out = table.left_out();
        assert_eq!((left_out.names, left_out.values, table.series_len()), (2, 1, 0));
        heard(&mut table, &format!("{}/p-{}/t", "h".repeat(64), "i".repeat(46)), 1, 0);
        assert_eq!(table.series_len(), 1);
        // A known series with more values than before keeps the last ones that fitted.
        heard(&mut table, "h/p/t", 1, 0);
        with_list("h/p/t", 10, &[Value::Counter(2); 5], |list| table.value_list(list, Duration::ZERO));
        assert_eq!(value(&table, "h/p/t"), Some(vec![Value::Counter(1)]));
    }

    fn told<const HOSTS: usize, const SERIES: usize>(table: &mut Table<HOSTS, SERIES>, now: u64) -> Vec<String> {
        let mut told = Vec::new();
        table.watch(3, Duration::from_secs(now), |host, silent| told.push(format!("{} {silent}", host.name())));
        told
    }

    #[test]
    fn a_host_is_missing_after_some_of_its_shortest_intervals() {
        let mut table = Table::<4, 8>::new();
        with_list("h/df/t", 3600, &[Value::Counter(1)], |list| table.value_list(list, Duration::ZERO));
        assert_eq!(told(&mut table, 3000), [""; 0]);
        heard(&mut table, "h/cpu/t", 1, 3600);
        assert_eq!(told(&mut table, 3630), [""; 0]);
        assert_eq!(told(&mut table, 3631), ["h true"]);
        assert_eq!(told(&mut table, 3632), [""; 0]);
        heard(&mut table, "h/cpu/t", 1, 3633);
        assert_eq!(told(&mut table, 3634), ["h false"]);
    }

    #[test]
    fn an_interval_that_grows_is_believed_after_a_while() {
        let mut table = Table::<4, 8>::new();
        heard(&mut table, "h/p/t", 1, 0);
        for now in [60, 120, 180, 240] {
            with_list("h/p/t", 60, &[Value::Counter(1)], |list| table.value_list(list, Duration::from_secs(now)));
        }
        assert_eq!(table.hosts().next().unwrap().interval(), Duration::from_secs(60));
        assert_eq!(told(&mut table, 419), [""; 0]);
    }

    #[test]
    fn a_notification_about_a_host_is_no_sign_of_life() {
        let mut table = Table::<4, 8>::new();
        heard(&mut table, "h/p/t", 1, 0);
        let notification = Notification {
            identifier: Identifier { host: "h".into(), ..Identifier::default() },
            time: Time::from_secs(1).unwrap(),
            severity: Severity::Failure,
            message: "missing".into(),
            protection: Protection::None,
            user: None,
        };
        table.notification(&notification);
        table.notification(&Notification { identifier: Identifier::default(), ..notification });
        assert_eq!(table.hosts().map(Host::notifications).collect::<Vec<_>>(), [1]);
        assert_eq!(told(&mut table, 31), ["h true"]);
    }

    #[test]
    fn a_host_that_is_silent_for_a_day_is_forgotten() {
        let mut table = Table::<4, 8>::new();
        heard(&mut table, "h/p/t", 1, 0);
        assert_eq!(told(&mut table, 24 * 3600), ["h true"]);
        assert_eq!((told(&mut table, 24 * 3600 + 1).len(), table.hosts().count(), table.series_len()), (0, 0, 0));
    }

    #[test]
    fn chains_hold_whatever_is_added_and_removed() {
        let mut table = Table::<8, 16>::new();
        let mut random = 1_u32;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let name = format!("h{}/p/t-{}", random >> 28 & 7, random >> 20 & 31);
            heard(&mut table, &name, step, step * 40);
            if step % 5 == 0 {
                told(&mut table, step * 40);
            }
            let occupied = table.places.iter().filter(|place| place.count != 0).count();
            assert_eq!(occupied, usize::from(table.used));
            let mut linked = 0;
            for bucket in table.buckets {
                let mut link = bucket;
                while link != 0 {
                    let place = &table.places[usize::from(link - 1)];
                    assert!(place.count != 0);
                    linked += 1;
                    link = place.next;
                }
            }
            assert_eq!(linked, occupied);
        }
    }

    #[test]
    fn memory_is_zero_and_small() {
        assert!(size_of::<Table>() <= 17_000, "{}", size_of::<Table>());
    }
}
