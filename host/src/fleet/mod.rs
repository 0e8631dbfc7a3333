//! What is known of all who send: hosts, their series and how these were before, senders, notifications; in bounded memory.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use collectd_tap::fleet::{Fleet, Limits, Moment};
//! # use collectd_tap::collectd_net::{Arrival, Decoder};
//! # let packet = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
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
mod latest;
mod meter;
mod moment;
mod names;
mod news;
mod sender;
mod series;
mod skew;
mod slab;
mod view;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use collectd_net::{Arrival, Error, Item, ValueList};
use hashbrown::HashTable;

pub use change::{Change, Event, PLUGIN, Sign};
pub use history::{History, Point};
pub use id::NoId;
pub use moment::Moment;
pub use news::News;
pub use sender::Protections;
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
/// How often whoever waits is given a turn before it is too long.
const TURNS: u32 = 1000;
/// How often there is a look at everything, at the most and at the least.
const LOOK_EVERY: (u64, u64) = (SECOND / 10, SECOND);

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
    /// Values that have a [`History`]; none without charts.
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
    /// Packets, and octets of them.
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

/// A store that several threads share.
#[derive(Clone, Debug)]
pub struct Fleet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// How many wait for it.
    waiting: AtomicU32,
}

impl Fleet {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Store::new(limits).into()
    }

    /// The store. Others wait for it until the guard is gone.
    pub fn lock(&self) -> MutexGuard<'_, Store> {
        let Shared { store, waiting } = &*self.0;
        match store.try_lock() {
            Ok(guard) => return guard,
            // Counts of a thread that is gone are as good as any.
            Err(TryLockError::Poisoned(gone)) => return gone.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
        waiting.fetch_add(1, Ordering::Relaxed);
        let guard = store.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// Lets those have the store who wait for it. Who locks it again and again would not, for it is never free for long.
    pub fn give_way(&self) {
        for _ in 0..TURNS {
            if self.0.waiting.load(Ordering::Relaxed) == 0 {
                break;
            }
            thread::yield_now();
        }
    }
}

impl From<Store> for Fleet {
    fn from(store: Store) -> Self {
        Self(Arc::new(Shared { store: Mutex::new(store), waiting: AtomicU32::new(0) }))
    }
}

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

    /// Takes the values of a list in. What they tell of the host, if they are newer than those of before.
    fn update(&mut self, host: u32, visit: &mut Visit, list: &ValueList<'_>) -> Option<series::Signs> {
        let now = visit.arrived.now;
        let known = self.follower(host, visit.series, list).or_else(|| self.look_up(host, visit.series, list));
        visit.series = known.unwrap_or(NONE);
        let set = if self.types.is_empty() { None } else { self.types.get(list.identifier.type_) };
        let set = set.filter(|set| set.sources.len() == list.values.len());
        let Some(number) = known else {
            self.insert(host, list, now);
            return None;
        };
        let series = self.series.get_mut(number)?;
        if !series.has_kinds(list) {
            names::join(&list.identifier, &mut self.key);
            self.remove(number);
            self.insert(host, list, now);
            return None;
        }
        let Some(signs) = series.update(list, now, set) else {
            self.counts.old += 1;
            return None;
        };
        self.updates += 1;
        series.changed = self.updates;
        if let Some(charts) = self.histories.get_mut(series.history) {
            for (history, number) in charts.histories.iter_mut().zip(series.numbers()) {
                history.record(series.time, number.rate);
            }
        }
        Some(signs)
    }

    /// The series of a list, if it is the one that came behind that series before.
    fn follower(&self, host: u32, series: u32, list: &ValueList<'_>) -> Option<u32> {
        let number = self.series.get(series)?.follower;
        let follower = self.series.get(number)?;
        (follower.host == host && names::is(self.names.text(follower.name), &list.identifier)).then_some(number)
    }

    /// The series of a list, wherever it is, and which is from now on known to come behind that series. Its name becomes the key.
    fn look_up(&mut self, host: u32, series: u32, list: &ValueList<'_>) -> Option<u32> {
        names::join(&list.identifier, &mut self.key);
        let number = self.find(host, self.names.find(&self.key)?)?;
        if let Some(series) = self.series.get_mut(series) {
            series.follower = number;
        }
        Some(number)
    }

    fn find(&self, host: u32, name: u32) -> Option<u32> {
        let is =
            |number: &u32| self.series.get(*number).is_some_and(|series| (series.host, series.name) == (host, name));
        self.series_numbers.find(self.hasher.hash_one((host, name)), is).copied()
    }

    /// Takes a new series in, whose name is the key; refuses it if there are enough.
    #[cold]
    fn insert(&mut self, host: u32, list: &ValueList<'_>, now: u64) {
        let values = list.values.len();
        if values > self.limits.max_series.saturating_sub(self.values) {
            self.counts.refused_series += 1;
            return;
        }
        let name = if self.key.len() > MAX_NAMES { None } else { self.names.take(&self.key) };
        let Some(name) = name else {
            self.counts.refused_names += 1;
            return;
        };
        let set = self.types.get(list.identifier.type_).filter(|set| set.sources.len() == values);
        self.updates += 1;
        let behind = self.hosts.get(host).map_or(NONE, |host| host.series);
        let mut new = Series::new(host, name, list, now, set);
        (new.changed, new.behind) = (self.updates, behind);
        let Some(number) = self.series.insert(new) else { return self.names.release(name) };
        if let Some(behind) = self.series.get_mut(behind) {
            behind.before = number;
        }
        if let Some(host) = self.hosts.get_mut(host) {
            host.series = number;
            host.value_count += values;
        }
        self.values += values;
        let Self { series, series_numbers, hasher, .. } = self;
        let rehash = |number: &u32| {
            hasher.hash_one(series.get(*number).map_or((NONE, NONE), |series| (series.host, series.name)))
        };
        series_numbers.insert_unique(hasher.hash_one((host, name)), number, rehash);
        self.chart(number, false);
    }

    /// Begins the history of a series, if there is room; whether it has one.
    fn chart(&mut self, number: u32, is_kept: bool) -> bool {
        let Some(series) = self.series.get_mut(number) else { return false };
        let count = series.numbers().len();
        if count == 0 || count > self.limits.charted.saturating_sub(self.charted) {
            return false;
        }
        let histories = vec![History::new(self.limits.points); count].into_boxed_slice();
        let Some(place) = self.histories.insert(Charts { series: number, is_kept, histories }) else { return false };
        self.charted += count;
        series.history = place;
        if let Some(charts) = self.histories.get_mut(place) {
            for (history, number) in charts.histories.iter_mut().zip(series.numbers()) {
                history.record(series.time, number.rate);
            }
        }
        true
    }

    fn remove_chart(&mut self, place: u32) {
        let Some(charts) = self.histories.remove(place) else { return };
        self.charted -= charts.histories.len();
        if let Some(series) = self.series.get_mut(charts.series) {
            series.history = NONE;
        }
    }

    /// Forgets a series.
    fn remove(&mut self, number: u32) {
        let Some(history) = self.series.get(number).map(|series| series.history) else { return };
        self.remove_chart(history);
        let Some(series) = self.series.remove(number) else { return };
        let hash = self.hasher.hash_one((series.host, series.name));
        if let Ok(entry) = self.series_numbers.find_entry(hash, |known| *known == number) {
            entry.remove();
        }
        self.names.release(series.name);
        let values = series.numbers().len();
        self.values -= values;
        if let Some(before) = self.series.get_mut(series.before) {
            before.behind = series.behind;
        }
        if let Some(behind) = self.series.get_mut(series.behind) {
            behind.before = series.before;
        }
        if let Some(host) = self.hosts.get_mut(series.host) {
            host.value_count -= values;
            if host.series == number {
                host.series = series.behind;
            }
        }
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
