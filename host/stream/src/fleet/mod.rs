//! What is known of all who send: hosts, their series and how these were before, senders, notifications; in bounded memory.
//!
//! ```
//! use std::time::{Duration, Instant};
//! # use collectd_tap_stream as collectd_tap;
//! use collectd_tap::fleet::{Fleet, Limits, Moment};
//! # use collectd_net::{Arrival, Decoder};
//! # let packet = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal.bin");
//!
//! let fleet = Fleet::new(Limits::default());
//! let start = Instant::now();
//! // Whoever receives: for each packet, and each of its items.
//! let mut store = fleet.lock();
//! let mut visit = store.arrive(&Arrival { len: packet.len(), from: None }, Moment::now(start));
//! for item in Decoder::new(packet) {
//!     match item {
//!         Ok(item) => store.item(&mut visit, &item),
//!         Err(error) => store.refuse(&visit, &error),
//!     }
//! }
//! // Whoever waits: looks who is missing, and is told when to look again.
//! store.look(Moment::now(start));
//! // Whoever shows it.
//! for host in store.hosts() {
//!     println!("{} {}", host.name(), host.series().count());
//! }
//! ```
//!
//! - **Time** is always an argument: silence is measured by our own clock, which nobody sets; that of senders is compared with
//!   ours, and is that of charts.
//! - **Bounds**: what is too much is refused and counted, and what is there stays. What is not heard of for some intervals, of an
//!   hour each at the most, makes room.
//! - **Locks**: an item and a page of a view take microseconds, a look takes some 100 µs for 1000 hosts, so that whoever shows
//!   this never holds up whoever receives; see [`Cursor`].

mod change;
mod history;
mod host;
mod id;
mod keep;
mod latest;
mod limits;
mod meter;
mod moment;
mod names;
mod news;
mod sender;
mod series;
mod shared;
mod skew;
mod slab;
mod view;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use collectd_net::{Arrival, Error, Item, ValueList};
use hashbrown::HashTable;

pub use change::{Change, Event, PLUGIN, Sign};
pub use history::{History, Point};
pub use id::NoId;
pub use limits::{Counts, Limits};
pub use moment::Moment;
pub use news::News;
pub use sender::Protections;
pub use shared::Fleet;
pub use view::{Cursor, HostId, HostView, SenderView, SeriesId, SeriesView, Sizes};

use crate::types_db::TypesDb;
use host::{Arrived, Host, MAX_INTERVAL, Rules};
use moment::SECOND;
use names::Names;
use news::Bulletin;
use sender::Senders;
use series::{NONE, Series};
use slab::Slab;

/// Octets of an identifier that is kept at the most. The daemon's have 640.
const MAX_NAMES: usize = 1024;
/// Octets of names that there is room for, on average of all series.
const NAMES: usize = 200;
/// A series is forgotten when it has not been heard of for so many intervals, or for a while.
const FORGET: (u64, u64) = (4, 600 * SECOND);
/// How many places of series are looked at in one go.
const LOOK: usize = 4096;
/// How often there is a look at everything, at the most and at the least.
const LOOK_EVERY: (u64, u64) = (SECOND / 10, SECOND);

/// All that is known.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    rules: Rules,
    types: TypesDb,
    hosts: Slab<Host>,
    host_numbers: HashTable<u32>,
    names: Names,
    series: Slab<Series>,
    /// By host and name.
    series_numbers: HashTable<u32>,
    histories: Slab<Charts>,
    senders: Senders,
    news: Bulletin,
    counts: Counts,
    /// Values in all series, and those that have a history.
    values: usize,
    charted: usize,
    /// How many updates there were.
    updates: u64,
    /// When there is a look at everything again, and the series from which on.
    next_look: u64,
    next_series: usize,
    /// Keyed by chance, so that nobody can make names that meet in one place.
    hasher: RandomState,
    key: Vec<u8>,
    changes: Vec<Change>,
}

/// The histories of a series, one for each value.
#[derive(Debug)]
struct Charts {
    series: u32,
    /// Whether somebody looks at it.
    is_kept: bool,
    histories: Box<[History]>,
}

/// A packet whose items come.
#[derive(Debug)]
pub struct Visit {
    arrived: Arrived,
    moment: Moment,
    /// The sender's number.
    sender: Option<u32>,
    /// That of the last item's host: mostly it is the next one's, too.
    host: u32,
    /// And of its series.
    series: u32,
}

impl Store {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            rules: Rules { missing_after: limits.missing_after, max_skew: moment::ticks(limits.max_skew) },
            types: TypesDb::default(),
            hosts: Slab::new(),
            host_numbers: HashTable::new(),
            names: Names::new(limits.max_series.saturating_mul(NAMES).saturating_add(1 << 16)),
            series: Slab::new(),
            series_numbers: HashTable::new(),
            histories: Slab::new(),
            senders: Senders::new(limits.max_hosts),
            news: Bulletin::new(limits.notifications),
            counts: Counts::default(),
            values: 0,
            charted: 0,
            updates: 0,
            next_look: 0,
            next_series: 0,
            hasher: RandomState::new(),
            key: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The ranges of rates are from here on those of these types.
    #[must_use]
    pub fn with_types(self, types: TypesDb) -> Self {
        Self { types, ..self }
    }

    /// A packet has arrived.
    pub fn arrive(&mut self, arrival: &Arrival, moment: Moment) -> Visit {
        self.counts.packets += 1;
        self.counts.octets += arrival.len as u64;
        let now = moment.ticks();
        let sender = self.senders.find(arrival.from, now);
        self.senders.get_mut(sender).arrive(arrival, now);
        let (packet, from, wall) = (self.counts.packets, arrival.from, moment.time.raw());
        Visit { arrived: Arrived { packet, from, now, wall }, moment, sender, host: NONE, series: NONE }
    }

    /// Something of it was refused.
    pub fn refuse(&mut self, visit: &Visit, error: &Error) {
        self.senders.get_mut(visit.sender).refuse(error);
        let word = error.cause.word();
        match self.counts.refused.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => self.counts.refused.push((word, 1)),
        }
    }

    /// One of its items.
    pub fn item(&mut self, visit: &mut Visit, item: &Item<'_>) {
        let values = match item {
            Item::ValueList(list) => list.values.len(),
            Item::Notification(_) => 0,
        };
        self.senders.get_mut(visit.sender).item(item.protection(), values, visit.arrived.now);
        match item {
            Item::ValueList(list) => {
                self.counts.value_lists += 1;
                self.counts.values += values as u64;
                self.value_list(visit, list);
            }
            // That somebody tells of a host is no sign of it.
            Item::Notification(_) => {
                self.counts.notifications += 1;
                if self.limits.keeps_received {
                    self.news.receive(item, visit.arrived.from);
                }
            }
        }
    }

    fn value_list(&mut self, visit: &mut Visit, list: &ValueList<'_>) {
        let Some(number) = self.host(visit, list) else { return };
        let Some(host) = self.hosts.get_mut(number) else { return };
        let now = visit.arrived.now;
        host.hear(list, &visit.arrived, &self.rules, &mut self.changes);
        if let Some(signs) = self.update(number, visit, list)
            && signs != series::Signs::default()
            && let Some(host) = self.hosts.get_mut(number)
        {
            host.judge(signs, list.interval, now, &mut self.changes);
        }
        if !self.changes.is_empty() {
            self.tell(number, visit.moment);
        }
    }

    /// The number of the list's host, which may be new.
    fn host(&mut self, visit: &mut Visit, list: &ValueList<'_>) -> Option<u32> {
        let name = list.identifier.host.as_octets();
        if self.hosts.get(visit.host).is_some_and(|host| *host.name == *name) {
            return Some(visit.host);
        }
        let (hosts, hash) = (&self.hosts, self.hasher.hash_one(name));
        let is = |number: &u32| hosts.get(*number).is_some_and(|host| *host.name == *name);
        let number = match self.host_numbers.find(hash, is) {
            Some(number) => *number,
            None => self.new_host(name, hash, visit.arrived.now)?,
        };
        visit.host = number;
        Some(number)
    }

    #[cold]
    fn new_host(&mut self, name: &[u8], hash: u64, now: u64) -> Option<u32> {
        if name.len() > MAX_NAMES {
            self.counts.refused_names += 1;
            return None;
        }
        if self.hosts.len() >= self.limits.max_hosts {
            self.counts.refused_hosts += 1;
            return None;
        }
        let number = self.hosts.insert(Host::new(name, now))?;
        let Self { hosts, host_numbers, hasher, .. } = self;
        let rehash = |number: &u32| hasher.hash_one(hosts.get(*number).map_or(&[][..], |host| &host.name));
        host_numbers.insert_unique(hash, number, rehash);
        Some(number)
    }

    /// Forgets a host and its series.
    fn remove_host(&mut self, number: u32) {
        while let Some(series) = self.hosts.get(number).map(|host| host.series).filter(|series| *series != NONE) {
            self.remove(series);
        }
        let Some(host) = self.hosts.remove(number) else { return };
        if let Ok(entry) = self.host_numbers.find_entry(self.hasher.hash_one(&*host.name), |known| *known == number) {
            entry.remove();
        }
        self.counts.untold += host.untold;
    }

    /// Looks who is missing, and forgets what is old; how long until there may be something to see again, if anybody is known.
    pub fn look(&mut self, moment: Moment) -> Option<Duration> {
        let now = moment.ticks();
        if now >= self.next_look {
            let next = self.look_at_hosts(moment);
            self.forget_series(now);
            self.senders.expire(now);
            let (soonest, latest) = LOOK_EVERY;
            self.next_look = next.clamp(now.saturating_add(soonest), now.saturating_add(latest));
        }
        let left = moment::span(self.next_look.saturating_sub(now));
        (self.hosts.len() > 0).then_some(left.max(Duration::from_millis(10)))
    }

    fn look_at_hosts(&mut self, moment: Moment) -> u64 {
        let now = moment.ticks();
        let (mut next, mut forgotten) = (u64::MAX, Vec::new());
        let Self { hosts, rules, changes, news, .. } = self;
        for (number, host) in hosts.iter_mut() {
            next = next.min(host.look(now, rules, changes));
            publish(host, moment, changes, news);
            if host.is_forgotten(now, rules) {
                forgotten.push(number);
            }
        }
        for number in forgotten {
            self.counts.forgotten_hosts += 1;
            self.remove_host(number);
        }
        // Nothing is due before the tick after the one that it is due at.
        next.saturating_add(1)
    }

    /// Forgets series that are silent for long, a part of them at a time.
    fn forget_series(&mut self, now: u64) {
        let (intervals, least) = FORGET;
        let is_old = |series: &Series| {
            let interval = series.interval_or_usual().min(MAX_INTERVAL);
            now.saturating_sub(series.heard) > interval.saturating_mul(intervals).max(least)
        };
        let range = self.next_series..self.next_series + LOOK;
        self.next_series = if range.end < self.series.places() { range.end } else { 0 };
        let old: Vec<u32> =
            self.series.range(range).filter(|(_, series)| is_old(series)).map(|(number, _)| number).collect();
        for number in old {
            self.counts.forgotten_series += 1;
            self.remove(number);
        }
    }

    fn tell(&mut self, number: u32, moment: Moment) {
        let Self { hosts, changes, news, .. } = self;
        if let Some(host) = hosts.get_mut(number) {
            publish(host, moment, changes, news);
        }
    }
}

/// What has happened to a host becomes news.
fn publish(host: &mut Host, moment: Moment, changes: &mut Vec<Change>, news: &mut Bulletin) {
    for change in changes.drain(..) {
        host.last_change = Some((change, moment.ticks()));
        news.observe(Event::new(&host.name, change, moment.time));
    }
}

#[cfg(test)]
mod tests;
