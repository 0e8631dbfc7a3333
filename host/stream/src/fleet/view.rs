//! What those see who show the store: hosts, series, senders and notifications, borrowed from it.

use std::net::SocketAddr;
use std::time::Duration;

use collectd_net::{Identifier, Interval, Protection, Text, Time, Value};

use super::change::Change;
use super::history::History;
use super::host::Host;
use super::moment::{Moment, span};
use super::names;
use super::news::News;
use super::sender::{Protections, Sender};
use super::series::{NONE, Series};
use super::{Counts, Limits, Store};

/// Places that are looked at in one go.
const PAGE: usize = 1024;

/// How far a view of everything has come: a page is looked at while the store is locked, and between two of them it is not.
///
/// ```
/// # use collectd_tap_stream::fleet::{Cursor, Fleet, Limits};
/// # let fleet = Fleet::new(Limits::default());
/// # let last = 0;
/// let (mut cursor, latest) = (Cursor::default(), fleet.lock().updates());
/// while !cursor.is_done() {
///     for series in fleet.lock().changed_since(last, &mut cursor) {
///         println!("{}", series.identifier());
///     }
/// }
/// // The next time from here: `latest`.
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    next: usize,
    is_done: bool,
}

impl Cursor {
    /// Whether all was looked at.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    fn page(&mut self, places: usize) -> std::ops::Range<usize> {
        let range = self.next..(self.next + PAGE).min(places);
        self.next = range.end;
        self.is_done = range.end >= places;
        range
    }
}

/// Names a host, as long as it is known: its place, and how many have had that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostId(pub(super) u32, pub(super) u32);

/// Names a series, as long as it is known: its place, and how many have had that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub(super) u32, pub(super) u32);

impl Store {
    /// All hosts, in no order.
    pub fn hosts(&self) -> impl Iterator<Item = HostView<'_>> {
        self.hosts.iter().map(|(number, host)| HostView { store: self, number, host })
    }

    /// The hosts of the next page.
    pub fn some_hosts(&self, cursor: &mut Cursor) -> impl Iterator<Item = HostView<'_>> {
        let range = cursor.page(self.hosts.places());
        self.hosts.range(range).map(|(number, host)| HostView { store: self, number, host })
    }

    /// This host.
    #[must_use]
    pub fn host_of(&self, id: HostId) -> Option<HostView<'_>> {
        let host = self.hosts.get(id.0).filter(|_| self.hosts.generation(id.0) == id.1)?;
        Some(HostView { store: self, number: id.0, host })
    }

    /// The series of the next page that were updated behind that update; behind 0, all of the page.
    pub fn changed_since(&self, update: u64, cursor: &mut Cursor) -> impl Iterator<Item = SeriesView<'_>> {
        let range = cursor.page(self.series.places());
        let changed = self.series.range(range).filter(move |(_, series)| series.changed > update);
        changed.map(|(number, series)| SeriesView { store: self, number, series })
    }

    /// This series.
    #[must_use]
    pub fn series_of(&self, id: SeriesId) -> Option<SeriesView<'_>> {
        let series = self.series.get(id.0).filter(|_| self.series.generation(id.0) == id.1)?;
        Some(SeriesView { store: self, number: id.0, series })
    }

    /// The same of all hosts.
    pub fn overlay(&self, id: SeriesId) -> impl Iterator<Item = SeriesView<'_>> {
        let name = self.series_of(id).map(|view| view.series.name);
        let numbers =
            name.into_iter().flat_map(move |name| self.hosts.iter().filter_map(move |(host, _)| self.find(host, name)));
        numbers.filter_map(|number| Some(SeriesView { store: self, number, series: self.series.get(number)? }))
    }

    /// Begins or keeps the history of a series that somebody looks at, at the cost of the one that is silent for longest and that
    /// nobody does; whether it has one now.
    pub fn keep_history(&mut self, id: SeriesId) -> bool {
        let Some(SeriesView { series, number, .. }) = self.series_of(id) else { return false };
        if let Some(charts) = self.histories.get_mut(series.history) {
            charts.is_kept = true;
            return true;
        }
        while !self.chart(number, true) {
            let silent = |series: u32| self.series.get(series).map_or(0, |series| series.heard);
            let others = self.histories.iter().filter(|(_, charts)| !charts.is_kept);
            let Some((place, _)) = others.min_by_key(|(_, charts)| silent(charts.series)) else { return false };
            self.remove_chart(place);
        }
        true
    }

    /// Nobody looks at this series any more; its history goes when another needs the room.
    pub fn release_history(&mut self, id: SeriesId) {
        let place = self.series_of(id).map_or(NONE, |view| view.series.history);
        if let Some(charts) = self.histories.get_mut(place) {
            charts.is_kept = false;
        }
    }

    /// All senders, in no order.
    pub fn senders(&self) -> impl Iterator<Item = SenderView<'_>> {
        self.senders.iter().map(SenderView)
    }

    /// The senders of the next page.
    pub fn some_senders(&self, cursor: &mut Cursor) -> impl Iterator<Item = SenderView<'_>> {
        self.senders.range(cursor.page(self.senders.places())).map(SenderView)
    }

    /// What came from senders that are too many to be told apart.
    #[must_use]
    pub const fn other_senders(&self) -> SenderView<'_> {
        SenderView(&self.senders.others)
    }

    /// The notifications behind a number, with their numbers, oldest first. The first of all has the number 1.
    pub fn news(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &News)> {
        self.news.since(number)
    }

    /// How many of the notifications behind a number are gone already.
    #[must_use]
    pub fn missed_news(&self, number: u64) -> u64 {
        self.news.missed(number)
    }

    /// The number of the latest notification.
    #[must_use]
    pub const fn latest_news(&self) -> u64 {
        self.news.latest()
    }

    /// How many updates of series there were.
    #[must_use]
    pub const fn updates(&self) -> u64 {
        self.updates
    }

    /// What was counted in all.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let untold: u64 = self.hosts.iter().map(|(_, host)| host.untold).sum();
        Counts { untold: self.counts.untold + untold, ..self.counts.clone() }
    }

    /// How many hosts, series and values there are, and values with a history.
    #[must_use]
    pub const fn sizes(&self) -> Sizes {
        let (hosts, series) = (self.hosts.len(), self.series.len());
        Sizes { hosts, series, values: self.values, charted: self.charted }
    }

    /// What it was made with.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    fn view(&self, number: u32) -> Option<SeriesView<'_>> {
        Some(SeriesView { store: self, number, series: self.series.get(number)? })
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Hosts.
    pub hosts: usize,
    /// Identifiers.
    pub series: usize,
    /// Values of them.
    pub values: usize,
    /// Those of which there is a history.
    pub charted: usize,
}

/// A host.
#[derive(Clone, Copy, Debug)]
pub struct HostView<'a> {
    store: &'a Store,
    number: u32,
    host: &'a Host,
}

impl<'a> HostView<'a> {
    /// What names it.
    #[must_use]
    pub fn id(&self) -> HostId {
        HostId(self.number, self.store.hosts.generation(self.number))
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> Text<'a> {
        Text::new(&self.host.name)
    }

    /// Its series, the newest first.
    pub fn series(&self) -> impl Iterator<Item = SeriesView<'a>> + use<'a> {
        let (store, first) = (self.store, self.host.series);
        std::iter::successors(store.view(first), move |view| store.view(view.series.behind))
    }

    /// How many values its series have.
    #[must_use]
    pub const fn value_count(&self) -> usize {
        self.host.value_count
    }

    /// Whether nothing was heard of it for longer than its intervals allow.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        self.host.is_missing
    }

    /// What happened to it last, and how long ago.
    #[must_use]
    pub fn last_change(&self, now: Moment) -> Option<(Change, Duration)> {
        self.host.last_change.map(|(change, when)| (change, span(now.ticks().saturating_sub(when))))
    }

    /// How long ago a packet of it came.
    #[must_use]
    pub fn silent(&self, now: Moment) -> Duration {
        span(now.ticks().saturating_sub(self.host.heard))
    }

    /// For how long it may be silent before it is missing.
    #[must_use]
    pub fn patience(&self) -> Duration {
        span(self.host.patience(&self.store.rules))
    }

    /// The shortest interval of its series.
    #[must_use]
    pub const fn interval(&self) -> Option<Interval> {
        self.host.interval
    }

    /// How many seconds its clock is ahead of ours, less than nothing if it is behind; nothing as long as that is not known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "less than 2⁻²⁰ s of a century")]
    pub fn skew(&self) -> Option<f64> {
        self.host.skew.ahead().map(|ahead| ahead as f64 / super::moment::SECOND as f64)
    }

    /// Whether that is more than it may be.
    #[must_use]
    pub const fn clock_is_wrong(&self) -> bool {
        self.host.skew.is_wrong
    }

    /// Packets with something of it.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.host.packets
    }

    /// Values of it, as often as they came.
    #[must_use]
    pub const fn values(&self) -> u64 {
        self.host.values
    }

    /// Packets and values in a second, smoothed.
    #[must_use]
    pub fn per_second(&self, now: Moment) -> (f64, f64) {
        (self.host.packet_meter.per_second(now.ticks()), self.host.value_meter.per_second(now.ticks()))
    }

    /// How its latest item was protected.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        self.host.protection
    }

    /// Items by how they were protected.
    #[must_use]
    pub const fn protections(&self) -> Protections {
        self.host.protections
    }

    /// The addresses that it sent from, or a relay did for it: four of them at the most.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<'a> {
        self.host.endpoints.iter().map(|endpoint| endpoint.address)
    }

    /// What was refused of these addresses, of whichever host it was; by cause.
    #[must_use]
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        let mut ips: Vec<_> = self.addresses().map(|address| address.ip()).collect();
        ips.sort_unstable();
        ips.dedup();
        let first = |ip: &std::net::IpAddr| self.addresses().find(|address| address.ip() == *ip);
        let senders = ips.iter().filter_map(first).filter_map(|address| self.store.senders.of(address));
        let mut refused: Vec<(&'static str, u64)> = Vec::new();
        for (word, count) in senders.flat_map(|sender| sender.refused.iter().copied()) {
            match refused.iter_mut().find(|(known, _)| *known == word) {
                Some((_, sum)) => *sum += count,
                None => refused.push((word, count)),
            }
        }
        refused
    }
}

/// A series: an identifier and its latest values.
#[derive(Clone, Copy, Debug)]
pub struct SeriesView<'a> {
    store: &'a Store,
    number: u32,
    series: &'a Series,
}

impl<'a> SeriesView<'a> {
    /// What names it.
    #[must_use]
    pub fn id(&self) -> SeriesId {
        SeriesId(self.number, self.store.series.generation(self.number))
    }

    /// Whose values they are.
    #[must_use]
    pub fn identifier(&self) -> Identifier<'a> {
        let host = self.store.hosts.get(self.series.host).map_or(&[][..], |host| &host.name);
        names::split(host, self.store.names.text(self.series.name))
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> Option<HostView<'a>> {
        let number = self.series.host;
        Some(HostView { store: self.store, number, host: self.store.hosts.get(number)? })
    }

    /// Its latest values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value> + use<'a> {
        self.series.numbers().iter().map(super::series::Number::value)
    }

    /// How fast each of them grows in a second, or gauges as they are; NaN where that is not known.
    pub fn rates(&self) -> impl ExactSizeIterator<Item = f64> + use<'a> {
        self.series.numbers().iter().map(|number| number.rate)
    }

    /// When they were measured, by the clock of the host.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.series.time
    }

    /// How often they are measured, if that was sent.
    #[must_use]
    pub const fn interval(&self) -> Option<Interval> {
        self.series.interval
    }

    /// How long ago they came.
    #[must_use]
    pub fn silent(&self, now: Moment) -> Duration {
        span(now.ticks().saturating_sub(self.series.heard))
    }

    /// Which update of all series it was.
    #[must_use]
    pub const fn changed(&self) -> u64 {
        self.series.changed
    }

    /// How each value was before, if that is remembered.
    #[must_use]
    pub fn histories(&self) -> &'a [History] {
        self.store.histories.get(self.series.history).map_or(&[], |charts| &charts.histories)
    }
}

/// A sender: an address, whatever the port.
#[derive(Clone, Copy, Debug)]
pub struct SenderView<'a>(&'a Sender);

impl<'a> SenderView<'a> {
    /// Where its latest packet came from.
    #[must_use]
    pub const fn from(&self) -> Option<SocketAddr> {
        self.0.from
    }

    /// How long ago that was.
    #[must_use]
    pub fn silent(&self, now: Moment) -> Duration {
        span(now.ticks().saturating_sub(self.0.heard))
    }

    /// Its packets.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.0.packets
    }

    /// Octets of them.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.0.octets
    }

    /// Values in them.
    #[must_use]
    pub const fn values(&self) -> u64 {
        self.0.values
    }

    /// Packets and values in a second, smoothed.
    #[must_use]
    pub fn per_second(&self, now: Moment) -> (f64, f64) {
        (self.0.packet_meter.per_second(now.ticks()), self.0.value_meter.per_second(now.ticks()))
    }

    /// Items by how they were protected.
    #[must_use]
    pub const fn protections(&self) -> Protections {
        self.0.protections
    }

    /// What was refused, by cause.
    #[must_use]
    pub fn refused(&self) -> &'a [(&'static str, u64)] {
        &self.0.refused
    }
}
